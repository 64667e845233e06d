// What is wrong with settings as a whole though every value of them is allowed: pure functions of
// the settings, for what is certain to fail. What is merely unwise is not judged here.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/settings/settings.h"

namespace evenkeel {

// Where in the settings: `services`, its fourth, of that `backends`, its second, of that `port`.
struct Step {
  static constexpr size_t kNone = SIZE_MAX;

  std::string_view key;
  size_t index = kNone;  // in a list of groups

  friend bool operator==(const Step&, const Step&) = default;
};
using KeyPath = std::vector<Step>;

struct Objection {
  KeyPath path;
  std::string what;
  // Void if one of these could not be read: it then judges values that nobody wrote.
  std::vector<KeyPath> judges;
};

std::vector<Objection> objections_to(const Settings& settings);

}  // namespace evenkeel
