// The box: everything in it, from the first stage of its start to the last of its end.
#pragma once

#include <string>

#include "firmware/appliance/log.h"
#include "firmware/base/status.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

// Runs the box until SIGTERM or SIGINT; an error is one that kept it from starting.

// By the settings of a file, which was loaded; SIGHUP reads it again.
Status run_by_file(const std::string& path, Settings settings, const Log& log);

// By the confirmed settings of the archive in folder `state`, which the API changes; if there are
// none yet, `seed` is a file of the first.
Status run_managed(const std::string& state, const std::string& seed, const Log& log);

}  // namespace evenkeel
