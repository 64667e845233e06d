// Generations as an operator might make them.
#pragma once

#include <string>

#include "firmware/base/check.h"
#include "firmware/change/archive.h"

namespace evenkeel {

inline constexpr WallTime kNoon = 1'763'726'400'000'000;  // 2025-11-21T12:00:00Z

inline std::string text_of(uint64_t number) {
  return "# generation " + std::to_string(number) + "\nservices = ( );\n";
}

inline Generation generation(std::string text, uint64_t base, WallTime when = kNoon) {
  return {.text = std::move(text),
          .who = "anna",
          .why = "Because it is better",
          .when = when,
          .base = base};
}

inline Archive open_archive(const std::string& folder) {
  Result<Archive> archive = Archive::open(folder);
  if (!archive.ok()) std::fprintf(stderr, "%s\n", archive.message().c_str());
  return std::move(archive.value());
}

// text_of(1) to text_of(confirmed), one made from the other, and one more that is on probation.
inline void make_archive(const std::string& folder, uint64_t confirmed) {
  Archive archive = open_archive(folder);
  for (uint64_t number = 1; number <= confirmed + 1; ++number) {
    CHECK(archive.store(generation(text_of(number), number - 1)).value() == number);
    if (number <= confirmed) CHECK(archive.confirm(number).ok());
  }
}

}  // namespace evenkeel
