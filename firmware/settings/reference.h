// The reference of all keys, as config/README.md has it, written from the key table: a row that
// changes changes it, and a test tells if the file was left behind.
#pragma once

#include <string>

namespace evenkeel {

std::string reference();

}  // namespace evenkeel
