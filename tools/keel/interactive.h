// keel without a command: lines from a terminal, edited by libedit, with completion, `?`, history,
// a pager, and a prompt that shows a pending change and how long it has left. From a pipe: a
// script.
#pragma once

#include <istream>
#include <string>

#include "tools/keel/line.h"
#include "tools/keel/session.h"

namespace evenkeel::keel {

// Runs a line that was taken apart; what it prints is in session.take_output().
Exit run_line(Session& session, const Line& line);

// Writes what has been printed so far, and complains if that fails.
Exit print_output(Session& session);

// Until `exit` or the end of input.
Exit run_interactive(Session& session);

// Line by line, until one fails; lines that are empty or begin with # are left out.
Exit run_script(Session& session, std::istream& lines);

// What stands before the cursor, from GET /v1/status and the seconds since it was asked.
std::string prompt_of(const boost::json::value& status, uint64_t seconds_since, const Style& style);

}  // namespace evenkeel::keel
