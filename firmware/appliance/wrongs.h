// What is wrong with single services and backends, told so that a few that fail have a name each,
// and many that fail at once do not bury all else.
#pragma once

#include <vector>

#include "firmware/appliance/control.h"
#include "firmware/base/alert.h"
#include "firmware/change/overrides.h"

namespace evenkeel {

// Who takes no flows though he should: not who is in maintenance, or weighs nothing.
std::vector<Alert> wrongs_of_backends(const Settings& settings,
                                      const std::vector<BackendState>& states,
                                      const Overrides& overrides);

}  // namespace evenkeel
