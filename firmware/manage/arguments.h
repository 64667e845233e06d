// What a request brings along, made to fit the rows of its route: nothing that is unknown, missing,
// of another kind or out of range reaches a handler. The first thing wrong is told.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/storage_ptr.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "firmware/base/status.h"
#include "firmware/manage/route.h"

namespace evenkeel {

// "limit=5&kind=change", percent-encoded. Values are printable ASCII.
Result<boost::json::object> arguments_of_query(std::string_view query,
                                               std::span<const Parameter> parameters);
// A JSON object; of no parameters, nothing too.
Result<boost::json::object> arguments_of_body(std::string_view body,
                                              std::span<const Parameter> parameters,
                                              boost::json::storage_ptr storage);

// Of arguments that fit: what is there.
std::string text_of(const boost::json::object& arguments, std::string_view name);  // else ""
std::optional<uint64_t> number_of(const boost::json::object& arguments, std::string_view name);

// In quotes, for a message: short and printable, whatever it is.
std::string in_quotes(std::string_view text);

// Whole, from 0, in decimal digits.
std::optional<uint64_t> parse_number(std::string_view text);

}  // namespace evenkeel
