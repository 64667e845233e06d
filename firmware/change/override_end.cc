#include "firmware/change/override_end.h"

#include <algorithm>

#include "firmware/base/names.h"

namespace evenkeel {
namespace {

// Nothing else ever gives a backend flows that it has not by the settings.
bool gives_flows(const OverrideRequest& request) {
  return request.kind == OverrideKind::weight && request.weight > 0;
}

bool takes_new_flows(const BackendSettings& backend, const Override* one) {
  return one == nullptr ? backend.weight > 0 : gives_flows(one->request);
}

bool concerns(const OverrideRequest& request, const ServiceSettings& service) {
  const bool has_service = request.backend.find('/') != std::string::npos;
  if (has_service && service_part(request.backend) != service.name) return false;
  return std::ranges::any_of(service.backends, [&](const BackendSettings& backend) {
    return is_meant(request, service, backend);
  });
}

// Overrides of one service, before and after some of them have ended.
struct Sides {
  std::vector<Override> before;
  std::vector<Override> after;

  Sides(const ServiceSettings& service, const std::vector<Override>& all,
        const std::set<uint64_t>& ending) {
    for (const Override& each : all) {
      if (!concerns(each.request, service)) continue;
      before.push_back(each);
      if (!ending.contains(each.id)) after.push_back(each);
    }
  }
};

// Ids of the overrides whose backends the service would lose, if nobody is left then.
std::vector<uint64_t> last_of(const ServiceSettings& service, const Sides& sides,
                              const IsUsable& is_usable) {
  std::vector<uint64_t> lost;
  for (const BackendSettings& backend : service.backends) {
    const Override* const before = override_of(sides.before, service.name, backend.name);
    const Override* const after = override_of(sides.after, service.name, backend.name);
    const bool takes_then = takes_new_flows(backend, after);
    if (takes_then && is_usable(service.name, backend.name)) return {};
    const bool is_lost = before != nullptr && takes_new_flows(backend, before) && !takes_then;
    if (is_lost) lost.push_back(before->id);
  }
  return lost;
}

}  // namespace

bool is_meant(const OverrideRequest& request, const ServiceSettings& service,
              const BackendSettings& backend) {
  return request.backend == backend.name || request.backend == service.name + "/" + backend.name;
}

bool wants_flows(const ServiceSettings& service) {
  return std::ranges::any_of(service.backends,
                             [](const BackendSettings& backend) { return backend.weight > 0; });
}

// One that stays for one service stays for all: what was found to be open before is so still.
std::map<uint64_t, std::string> overrides_to_keep(const Settings& settings,
                                                  const std::vector<Override>& all,
                                                  std::set<uint64_t> ending,
                                                  const IsUsable& is_usable) {
  std::map<uint64_t, std::string> kept;
  std::vector<const Override*> weights;  // that end
  for (const Override& each : all) {
    if (ending.contains(each.id) && gives_flows(each.request)) weights.push_back(&each);
  }
  for (const ServiceSettings& service : settings.services) {
    const auto is_of_it = [&](const Override* each) { return concerns(each->request, service); };
    if (std::ranges::none_of(weights, is_of_it) || !wants_flows(service)) continue;
    for (const uint64_t id : last_of(service, Sides(service, all, ending), is_usable)) {
      kept.emplace(id, service.name);
      ending.erase(id);
    }
  }
  return kept;
}

}  // namespace evenkeel
