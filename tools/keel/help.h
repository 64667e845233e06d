// What the table of commands says of itself: for a terminal, for man, for a shell.
#pragma once

#include <string>

#include "tools/keel/commands.h"
#include "tools/keel/style.h"

namespace evenkeel::keel {

// All commands, a line each.
std::string help_text(const Style& style, bool is_interactive);
// All of one command.
std::string help_text(const Command& command, const Style& style);

// keel(8), in roff.
std::string man_page(std::string_view version);

std::string bash_completion();

}  // namespace evenkeel::keel
