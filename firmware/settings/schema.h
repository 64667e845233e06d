// The key table as a JSON schema (draft 2020-12), for programs that make settings, for forms and
// for the completion of the command line. Lists of groups are arrays; what JSON schema has no word
// for is in x-allowed (in words), x-unit, x-none (what it means that the key is not set), x-modes,
// x-since.
#pragma once

#include <boost/json/object.hpp>

namespace evenkeel {

boost::json::object settings_schema();

}  // namespace evenkeel
