// How many flows each client opens in a second, so that a service can refuse to take more of one;
// or how often a sender is answered.
//
// A fixed table of sets of four: a client that is not in it takes the place of one that has opened
// nothing this second, or else of the one that has opened fewest. So a flood of many addresses
// costs memory nothing, and lets at most those others start anew who open little anyway.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/base/limits.h"

namespace evenkeel {

class FlowLimit {
 public:
  static constexpr size_t kSets = 8'192;
  static constexpr size_t kWays = 4;

  FlowLimit() : sets_(kSets) {}

  // Whether a client, told by a keyed hash of its address and the service, may open one more flow
  // in this second; if so, it is counted. REQUIRES: limit is not 0.
  bool admit(uint64_t client, uint32_t limit, Tick now);

 private:
  struct Entry {
    uint32_t tag = 0;
    Tick second = 0;
    uint32_t opened = 0;  // in that second
  };
  struct alignas(kCacheLine) Set {
    std::array<Entry, kWays> entries;
  };
  static_assert(sizeof(Set) == kCacheLine);

  std::vector<Set> sets_;
};

}  // namespace evenkeel
