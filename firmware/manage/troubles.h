// What is wrong now, in sentences, from all who know of something.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "firmware/manage/route.h"

namespace evenkeel {

// `known` is what the views' status says of it.
boost::json::array troubles_of(const Managed& managed, const boost::json::value& known);

}  // namespace evenkeel
