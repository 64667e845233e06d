// What `keel show`, status, history, journal and overrides print, from the API's JSON
// (firmware/manage/views.h): a table per list, its columns one row each.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "firmware/base/status.h"
#include "tools/keel/style.h"

namespace evenkeel::keel {

// The change that an answer is, or has in it.
const boost::json::value& change_in(const boost::json::value& answer);
std::string owner_of(const boost::json::value& change);
// One or two lines: id, state, owner, base, and what is left of its time.
std::string render_change(const boost::json::value& change, const Style& style);

std::string render_status(const boost::json::value& status, const Style& style);
std::string render_history(const boost::json::value& answer, const Style& style);
std::string render_journal(const boost::json::value& answer, const Style& style);

// Fields of a list that can be long, with commas between: it is asked for as a table of those
// (/v1/table). Empty: it is asked for by its name.
std::string columns_of_view(std::string_view what);
// `answer` is the box's, as text. An error: it is no JSON.
// REQUIRES of both: services, backends, health, workers, ports, neighbours, drops or overrides.
Result<std::string> render_view(std::string_view what, std::string_view answer, const Style& style);

}  // namespace evenkeel::keel
