// The box: everything in it, from the first stage of its start to the last of its end.
#pragma once

#include <memory>
#include <string>

#include "firmware/appliance/log.h"
#include "firmware/base/status.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

// Runs the box by the settings, which were loaded from `path`, until SIGTERM or SIGINT. An error is
// one that kept it from starting.
Status run_appliance(const std::string& path, Settings settings, const Log& log);

}  // namespace evenkeel
