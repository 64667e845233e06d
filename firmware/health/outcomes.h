// How flows ended, by whoever counted them, and in words.
#pragma once

#include <cstdint>
#include <string>

namespace evenkeel {

struct Outcomes {
  uint64_t good = 0;
  uint64_t bad = 0;

  // What is more than can be counted stays the most.
  Outcomes& operator+=(const Outcomes& more);
  uint64_t all() const;

  friend bool operator==(const Outcomes&, const Outcomes&) = default;
};

// "12,345"
std::string in_words(uint64_t count);

// "of 12,345 new flows 17 failed", "of 20 old ones none".
std::string in_words(const Outcomes& outcomes, const std::string& of_whom,
                     const std::string& what_bad_ones_did);

}  // namespace evenkeel
