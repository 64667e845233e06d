// Overrides become part of what is published, never of what is stored.
#pragma once

#include "firmware/change/overrides.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

// What is to be in force: the settings, but where an override says otherwise. Overrides of backends
// that the settings do not have wait for those that do.
Settings with_overrides(Settings settings, const Overrides& overrides);

void apply_override(BackendSettings& backend, const OverrideRequest& request);

}  // namespace evenkeel
