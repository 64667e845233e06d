// The box's clock: microseconds from the processor's time stamp counter, which costs one
// instruction to read and one to scale, and goes on at the same pace on every core.
#pragma once

#include <rte_cycles.h>

#include <cstdint>

#include "firmware/base/check.h"
#include "firmware/base/clock.h"

namespace evenkeel {

// Copies tell the same time.
class TscClock {
 public:
  // REQUIRES: EAL runs: it knows how fast the counter is.
  TscClock() : TscClock(rte_get_tsc_hz()) {}
  // REQUIRES: hertz > 1'000'000
  explicit TscClock(uint64_t hertz) : scale_(scale_of(hertz)) {}

  Microseconds now() const { return microseconds(rte_rdtsc()); }

  // Of so many counts.
  Microseconds microseconds(uint64_t counts) const {
    return static_cast<Microseconds>((Wide{counts} * scale_) >> 64);
  }

 private:
  __extension__ using Wide = unsigned __int128;

  static uint64_t scale_of(uint64_t hertz) {
    REQUIRE(hertz > 1'000'000);
    return static_cast<uint64_t>((Wide{1'000'000} << 64) / hertz);
  }

  uint64_t scale_;  // microseconds per count, times 2^64
};

}  // namespace evenkeel
