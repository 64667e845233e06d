#include "firmware/appliance/wrongs.h"

#include <string>

namespace evenkeel {
namespace {

bool is_set_aside(const Overrides& overrides, const std::string& service,
                  const BackendSettings& backend) {
  const Override* const one = overrides.of(service, backend.name);
  const bool is_in_maintenance = one != nullptr && one->request.kind == OverrideKind::maintenance;
  return is_in_maintenance || backend.in_maintenance || backend.weight == 0;
}

// Of one service.
struct Found {
  size_t wanted = 0;  // those that are not set aside
  std::vector<Alert> down;
};

void tell(const Found& found, const std::string& service, std::vector<Alert>& ret_services,
          std::vector<Alert>& ret_backends) {
  if (found.wanted != 0 && found.down.size() == found.wanted) {
    ret_services.push_back(
        {.kind = AlertKind::service_down,
         .labels = {{"service", service}},
         .text = "no backend of service " + service + " takes flows: " + found.down.front().text});
  }
  ret_backends.insert(ret_backends.end(), found.down.begin(), found.down.end());
}

}  // namespace

std::vector<Alert> wrongs_of_backends(const Settings& settings,
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
    tell(found, service.name, services, backends);
    found = {};
  }
  services.insert(services.end(), backends.begin(), backends.end());
  return services;
}

}  // namespace evenkeel
