// What differs between two texts, line by line, as `diff -u` shows it.
#pragma once

#include <string>
#include <string_view>

namespace evenkeel {

// Empty: nothing. The names are what stands behind `---` and `+++`. Texts that differ in more than
// kMaxDiffLines lines are shown as the one taken out and the other put in.
std::string unified_diff(std::string_view before, std::string_view after,
                         std::string_view before_name, std::string_view after_name);

}  // namespace evenkeel
