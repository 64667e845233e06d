// The API described by itself: an OpenAPI 3.1 document, made from the routes and the components.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/storage_ptr.hpp>

namespace evenkeel {

boost::json::object openapi(boost::json::storage_ptr storage);

}  // namespace evenkeel
