// Who comes back after having been down, or left out, has cold caches and no connections: it gets
// its weight back by steps.
#pragma once

#include "firmware/base/clock.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

inline constexpr uint64_t kSlowStartSteps = 10;

struct SlowStart {
  double part = 1;        // of its weight: above 0, at most 1
  Microseconds next = 0;  // when that grows; 0: it does not

  friend bool operator==(const SlowStart&, const SlowStart&) = default;
};

// Of a backend that takes flows again since `back`; 0: it was never away, and has all of it.
// REQUIRES: back <= now.
SlowStart slow_start(Microseconds back, const CheckSettings& check, Microseconds now);

}  // namespace evenkeel
