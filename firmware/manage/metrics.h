// The page of metrics: what the views know of the box at work, and what is known here of its
// settings, of the change on its way, and of alerts.
#pragma once

#include <string>

#include "firmware/manage/route.h"

namespace evenkeel {

std::string metrics_page(const Managed& managed);

}  // namespace evenkeel
