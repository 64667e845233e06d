// What is wrong with single services and backends, told so that a few that fail have a name each,
// and many that fail at once do not bury all else.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "firmware/appliance/control.h"
#include "firmware/base/alert.h"
#include "firmware/change/overrides.h"

namespace evenkeel {

// Whether a backend's agent wants no flows for it.
using WantsNone = std::function<bool(const std::string& service, const std::string& backend)>;

// Who takes no flows though he should: not who is in maintenance, or weighs nothing. And services
// that nobody is left for, unless `written`, which are the settings without overrides, want nobody.
std::vector<Alert> wrongs_of_backends(const Settings& settings, const Settings& written,
                                      const std::vector<BackendState>& states,
                                      const Overrides& overrides, const WantsNone& wants_none);

}  // namespace evenkeel
