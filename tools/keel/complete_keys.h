// Key paths and their values, from the JSON schema that the box serves: so a key that only the box
// knows completes too. Lists of groups go by name: services.shop.backends.web1.weight.
#pragma once

#include <string_view>
#include <vector>

#include "tools/keel/complete.h"

namespace evenkeel::keel {

// Paths that begin like `partial`, one step further: a group's or list's ends with '.'.
std::vector<Candidate> keys_after(std::string_view partial, const Ask& ask);

// What the value at `path` can be: in words, and if it is one of a few, each of them.
struct KeyValues {
  std::string allowed;
  std::vector<Candidate> words;
};
KeyValues values_of(std::string_view path, const Ask& ask);

}  // namespace evenkeel::keel
