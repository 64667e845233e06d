#include "firmware/change/arms.h"

#include <algorithm>
#include <iterator>
#include <ranges>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/base/names.h"
#include "firmware/change/compile.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

bool is_v4(const ServiceSpec& service) { return service.points.front().address.is_v4(); }

// Calls `join(service, other)` for each service that is in both and of one family; what `other`
// names of backends are places in `spec` by then.
template <typename Join>
void join_services(PlanSpec& spec, PlanSpec others, const Join& join) {
  std::unordered_map<std::string_view, ServiceSpec*> known;
  for (ServiceSpec& service : spec.services) known.emplace(service.name, &service);
  for (ServiceSpec& other : others.services) {
    const auto found = known.find(other.name);
    if (found == known.end() || is_v4(*found->second) != is_v4(other)) continue;
    for (MemberSpec& member : other.members) {
      spec.backends.push_back(std::move(others.backends[member.backend]));
      member.backend = static_cast<uint32_t>(spec.backends.size() - 1);
    }
    join(*found->second, other);
  }
}

const ServiceSettings* find_service(const Settings& settings, std::string_view name) {
  const auto found = std::ranges::find(settings.services, name, &ServiceSettings::name);
  return found == settings.services.end() ? nullptr : &*found;
}

// By server_digest().
std::set<uint64_t> servers_of(std::string_view service, std::span<const Settings* const> settings) {
  std::set<uint64_t> servers;
  for (const Settings* const each : settings) {
    const ServiceSettings* const found = find_service(*each, service);
    if (found == nullptr) continue;
    for (const BackendSettings& backend : found->backends) {
      servers.insert(server_of(*found, backend));
    }
  }
  return servers;
}

// But for those whose names the service in `settings` has already.
void add_backends(Settings& settings, const ServiceSettings& service,
                  std::vector<BackendSettings> backends) {
  auto to = std::ranges::find(settings.services, service.name, &ServiceSettings::name);
  if (to == settings.services.end()) {
    to = settings.services.insert(to, service);
    to->backends.clear();
  }
  std::set<std::string> names;
  for (const BackendSettings& backend : to->backends) names.insert(backend.name);
  for (BackendSettings& backend : backends) {
    if (!names.contains(backend.name)) to->backends.push_back(std::move(backend));
  }
}

}  // namespace

std::vector<std::string> splittable_services(const Settings& before, const Settings& after) {
  std::vector<std::string> names;
  for (const ServiceSettings& service : after.services) {
    const ServiceSettings* const known = find_service(before, service.name);
    if (known == nullptr || is_same_but_for_queries(*known, service)) continue;
    names.push_back(service.name);
  }
  return names;
}

Servers brought_backends(const Settings& before, const Settings& after,
                         const std::vector<std::string>& services) {
  Servers brought;
  for (const std::string& name : services) {
    const ServiceSettings* const was = find_service(before, name);
    const ServiceSettings* const is = find_service(after, name);
    REQUIRE(was != nullptr && is != nullptr);
    for (const BackendSettings& backend : is->backends) {
      brought.emplace(server_of(*is, backend), name + "/" + backend.name);
    }
    for (const BackendSettings& backend : was->backends) brought.erase(server_of(*was, backend));
  }
  return brought;
}

Settings only_services(const Settings& settings, const std::vector<std::string>& names) {
  Settings only = settings;
  std::erase_if(only.services, [&](const ServiceSettings& service) {
    return std::ranges::find(names, service.name) == names.end();
  });
  return only;
}

Settings left_servers(std::span<const Settings* const> gone,
                      std::span<const Settings* const> known) {
  Settings left;
  for (const Settings* const settings : gone | std::views::reverse) {
    for (const ServiceSettings& service : settings->services) {
      const std::set<uint64_t> present = servers_of(service.name, known);
      if (present.empty()) continue;
      std::vector<BackendSettings> backends;
      std::ranges::copy_if(service.backends, std::back_inserter(backends),
                           [&](const BackendSettings& backend) {
                             return !present.contains(server_of(service, backend));
                           });
      if (!backends.empty()) add_backends(left, service, std::move(backends));
    }
  }
  return left;
}

size_t backends_of(const Settings& settings) {
  size_t backends = 0;
  for (const ServiceSettings& service : settings.services) backends += service.backends.size();
  return backends;
}

// Half of the slots that are left are for those of one IP version, half for the other.
std::vector<Leaving> give_up_oldest(std::vector<Leaving>& ret_leaving, size_t in_force) {
  const size_t room = kMaxBackends / 2 - std::min(in_force, kMaxBackends / 2);
  const size_t most = std::max(kMaxLeavingBackends, room);
  size_t backends = 0;
  size_t kept = 0;
  for (const Leaving& each : ret_leaving | std::views::reverse) {
    backends += backends_of(each.settings);
    const bool fits = backends <= most && kept < kMaxLeavingSettings;
    if (!fits && kept > 0) break;
    ++kept;
  }
  const auto end = ret_leaving.end() - static_cast<std::ptrdiff_t>(kept);
  std::vector<Leaving> given_up(std::make_move_iterator(ret_leaving.begin()),
                                std::make_move_iterator(end));
  ret_leaving.erase(ret_leaving.begin(), end);
  return given_up;
}

void set_arms(PlanSpec& spec, const Arms& arms) {
  if (arms.empty()) return;
  for (BackendSpec& backend : spec.backends) {
    const auto known = arms.find(service_part(backend.name));
    backend.arm = known == arms.end() ? 0 : known->second;
  }
}

std::set<std::string, std::less<>> add_trial(PlanSpec& spec, PlanSpec tried, uint32_t share) {
  std::set<std::string, std::less<>> closed;
  if (spec.ways.empty()) spec.ways = std::move(tried.ways);
  join_services(spec, std::move(tried), [&](ServiceSpec& service, ServiceSpec& other) {
    const bool is_open = service.closed == Reason::none;
    const bool would_be_open = other.closed == Reason::none;
    if (is_open && would_be_open) {
      service.trial = {.members = std::move(other.members), .share = share};
      return;
    }
    if (is_open) closed.emplace(service_part(service.name));
    if (would_be_open) {
      service.closed = Reason::none;
      service.members.swap(other.members);
    }
    for (const MemberSpec& member : other.members) service.leaving.push_back(member.backend);
  });
  return closed;
}

void remove_leaving(PlanSpec& spec) {
  size_t own = 0;
  for (ServiceSpec& service : spec.services) {
    REQUIRE(!service.trial.is_on());
    service.leaving.clear();
    for (const MemberSpec& member : service.members) {
      own = std::max(own, member.backend + size_t{1});
    }
  }
  spec.backends.resize(own);
}

// Whoever is there is looked up once for all that leaves: the plan may be much larger than that.
void add_leaving(PlanSpec& spec, std::vector<PlanSpec> left) {
  std::set<std::string, std::less<>> services;
  for (const PlanSpec& each : left) {
    for (const ServiceSpec& service : each.services) {
      services.emplace(service_part(service.name));
    }
  }
  using Key = std::tuple<std::string, uint32_t, bool>;
  std::set<Key> present;
  const auto key_of = [](const BackendSpec& backend) {
    return Key(backend.name, backend.arm, backend.forwarding.inner_is_v4);
  };
  for (const BackendSpec& backend : spec.backends) {
    if (services.contains(service_part(backend.name))) present.insert(key_of(backend));
  }
  for (PlanSpec& each : left) {
    for (ServiceSpec& service : each.services) {
      std::erase_if(service.members, [&](const MemberSpec& member) {
        return !present.insert(key_of(each.backends[member.backend])).second;
      });
    }
    if (spec.ways.empty()) spec.ways = std::move(each.ways);
    join_services(spec, std::move(each), [](ServiceSpec& service, const ServiceSpec& other) {
      for (const MemberSpec& member : other.members) service.leaving.push_back(member.backend);
    });
  }
}

}  // namespace evenkeel
