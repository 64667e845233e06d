// `keel top`: one screen of the box as it is now, drawn again each second.
#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <string>

#include "tools/keel/style.h"

namespace evenkeel::keel {

// `look` has what /v1/status, /v1/services and /v1/backends say, in fields of those names. `rows`
// lines at most; 0: all.
std::string render_top(const boost::json::value& look, size_t rows, const Style& style);

}  // namespace evenkeel::keel
