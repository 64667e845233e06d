// A service's health check before and after a change, side by side; and in what it got weaker.
#pragma once

#include <string>
#include <vector>

#include "firmware/settings/settings.h"

namespace evenkeel {

// A property of it, as text; empty: that side has none.
struct CheckRow {
  std::string name;
  std::string before;
  std::string after;

  friend bool operator==(const CheckRow&, const CheckRow&) = default;
};

// Null: no such service on that side.
std::vector<CheckRow> check_rows(const CheckSettings* before, const CheckSettings* after);

// In what it is slower or more tolerant, each as a part of a sentence.
std::vector<std::string> weakenings(const CheckSettings& before, const CheckSettings& after);

}  // namespace evenkeel
