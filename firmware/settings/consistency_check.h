// What is wrong with how a service's backends are to be asked, though every value of it is allowed.
#pragma once

#include <vector>

#include "firmware/settings/consistency.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

// REQUIRES: the service has a check that asks. `path` leads to the service.
void object_to_check(const ServiceSettings& service, const KeyPath& path,
                     std::vector<Objection>& found);

}  // namespace evenkeel
