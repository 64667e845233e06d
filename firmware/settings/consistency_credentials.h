// What is wrong with the credentials of requests, though every value of them is allowed.
#pragma once

#include <vector>

#include "firmware/settings/consistency.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

void object_to_credentials(const Settings& settings, std::vector<Objection>& found);

}  // namespace evenkeel
