// Who comes back after having been down has cold caches and no connections: it gets its weight back
// by steps.
#pragma once

#include "firmware/base/clock.h"
#include "firmware/health/verdict.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

inline constexpr uint64_t kSlowStartSteps = 10;

struct SlowStart {
  double part = 1;        // of its weight: above 0, at most 1
  Microseconds next = 0;  // when that grows; 0: it does not

  friend bool operator==(const SlowStart&, const SlowStart&) = default;
};

// Of a backend that was never down, all of it. REQUIRES: the verdict is not of the future.
SlowStart slow_start(const Verdict& verdict, const CheckSettings& check, Microseconds now);

}  // namespace evenkeel
