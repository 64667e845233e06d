// The rows of a list that the box answers, one after the other. A list can have 65,535 of them:
// those are never held all as values, only as the text that they came in.
#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "firmware/base/status.h"

namespace evenkeel::keel {

// Keeps nothing of the row, whose storage is that of the next one too.
using RowReader = std::function<void(const boost::json::value& row)>;

// `text` is an object whose field `name` has the list; if it is no list, there are no rows.
// An error: the text is no JSON. Rows that stand before that is found were read.
Status read_rows(std::string_view text, std::string_view name, const RowReader& read);

// JSON as one line that a terminal shows as it is: what JSON lets through unescaped and a terminal
// obeys is escaped too.
Result<std::string> line_of(std::string_view text);

}  // namespace evenkeel::keel
