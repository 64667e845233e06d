// All that the API can do.
#pragma once

#include <span>

#include "firmware/manage/route.h"

namespace evenkeel {

std::span<const Route> routes();

}  // namespace evenkeel
