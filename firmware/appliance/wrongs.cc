#include "firmware/appliance/wrongs.h"

#include <algorithm>
#include <string>

#include "firmware/change/override_end.h"

namespace evenkeel {
namespace {

bool is_set_aside(const Overrides& overrides, const std::string& service,
                  const BackendSettings& backend) {
  const Override* const one = overrides.of(service, backend.name);
  const bool is_in_maintenance = one != nullptr && one->request.kind == OverrideKind::maintenance;
  return is_in_maintenance || backend.in_maintenance || backend.weight == 0;
}

// Whoever writes weight 0 for all of a service closes it, and has waived drained-to-zero for that:
// an alert that never ends would tell nobody anything. If single backends are set aside until
// nobody is left, that was nobody's wish for the service.
bool is_meant_to_be_open(const Settings& written, const std::string& service) {
  const auto found = std::ranges::find(written.services, service, &ServiceSettings::name);
  return found != written.services.end() && wants_flows(*found);
}

// Of one service.
struct Found {
  size_t wanted = 0;  // those that are not set aside
  std::vector<Alert> down;
};

void tell(const Found& found, const std::string& service, const Settings& written,
          std::vector<Alert>& ret_services, std::vector<Alert>& ret_backends) {
  if (found.down.size() == found.wanted &&
      (found.wanted != 0 || is_meant_to_be_open(written, service))) {
    ret_services.push_back({.kind = AlertKind::service_down,
                            .labels = {{"service", service}},
                            .text = "no backend of service " + service + " takes flows: " +
                                    (found.wanted != 0 ? found.down.front().text
                                                       : "each is set aside, or has weight 0")});
  }
  ret_backends.insert(ret_backends.end(), found.down.begin(), found.down.end());
}

}  // namespace

std::vector<Alert> wrongs_of_backends(const Settings& settings, const Settings& written,
                                      const std::vector<BackendState>& states,
                                      const Overrides& overrides, const WantsNone& wants_none) {
  std::vector<Alert> services;
  std::vector<Alert> backends;
  Found found;
  for (size_t i = 0; i < states.size(); ++i) {
    const BackendState& state = states[i];
    const ServiceSettings& service = settings.services[state.service];
    const BackendSettings& backend = service.backends[state.backend];
    if (state.usable) {
      found.wanted += backend.weight != 0 ? 1 : 0;
    } else if (!is_set_aside(overrides, service.name, backend) &&
               !wants_none(service.name, backend.name)) {
      ++found.wanted;
      found.down.push_back({.kind = AlertKind::backend_down,
                            .labels = {{"backend", backend.name}, {"service", service.name}},
                            .text = service.name + "/" + backend.name + ": " + state.why});
    }
    const bool is_last = i + 1 == states.size() || states[i + 1].service != state.service;
    if (!is_last) continue;
    tell(found, service.name, written, services, backends);
    found = {};
  }
  services.insert(services.end(), backends.begin(), backends.end());
  return services;
}

}  // namespace evenkeel
