// The terminal that keel runs in: how wide it is, whether it has colours, and what it shows.
#pragma once

#include <string>
#include <string_view>

#include "firmware/base/status.h"
#include "tools/keel/style.h"

namespace evenkeel::keel {

// How text on this file descriptor looks: plain if it is no terminal or NO_COLOR is set.
Style style_of(int file_descriptor);

// Columns and rows; 0: it is no terminal.
struct Size {
  size_t columns = 0;
  size_t rows = 0;
};
Size size_of(int file_descriptor);

// All of it on standard output. An error: it could not be written, as to a full disk; a reader that
// has left is none.
Status write_out(std::string_view text);

// The same for a person, by $PAGER or less if it is longer than the terminal is high.
void page(std::string_view text);

// From here on Ctrl-C ends nothing by itself, but is kept for take_interrupt().
void hold_interrupts();
// Whether Ctrl-C was pressed since the last call, if it is held.
bool take_interrupt();

}  // namespace evenkeel::keel
