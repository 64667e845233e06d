// Texts of settings and messages of others may have any bytes in them; JSON and the text of metrics
// may not.
#pragma once

#include <string>

namespace evenkeel {

// What is no character of UTF-8 becomes '?', byte by byte.
void make_utf8(std::string& text);

}  // namespace evenkeel
