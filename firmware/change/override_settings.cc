#include "firmware/change/override_settings.h"

#include <string_view>
#include <unordered_set>

#include "firmware/base/names.h"

namespace evenkeel {

void apply_override(BackendSettings& backend, const OverrideRequest& request) {
  if (request.kind == OverrideKind::maintenance) backend.in_maintenance = true;
  backend.weight = request.kind == OverrideKind::weight ? request.weight : 0;
}

Settings with_overrides(Settings settings, const Overrides& overrides) {
  // Few backends have one; the others are not to cost a look at all overrides.
  std::unordered_set<std::string_view> names;
  for (const Override& each : overrides.all()) {
    names.insert(backend_part(each.request.backend));
  }
  for (ServiceSettings& service : settings.services) {
    for (BackendSettings& backend : service.backends) {
      if (!names.contains(backend.name)) continue;
      const Override* const found = overrides.of(service.name, backend.name);
      if (found != nullptr) apply_override(backend, found->request);
    }
  }
  return settings;
}

}  // namespace evenkeel
