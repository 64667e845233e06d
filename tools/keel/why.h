// What `keel why` prints: the steps by which one flow reaches its backend, or the reason why it
// does not.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "tools/keel/style.h"

namespace evenkeel::keel {

std::string render_why(const boost::json::value& answer, const Style& style);

}  // namespace evenkeel::keel
