#include "firmware/health/slow_start.h"

#include <algorithm>

#include "firmware/base/check.h"

namespace evenkeel {

SlowStart slow_start(Microseconds back, const CheckSettings& check, Microseconds now) {
  if (back == 0 || check.slow_start == 0) return {};
  REQUIRE(back <= now);
  const Microseconds step_time = std::max<Microseconds>(check.slow_start / kSlowStartSteps, 1);
  const uint64_t step = (now - back) / step_time + 1;
  if (step >= kSlowStartSteps) return {};
  return {.part = static_cast<double>(step) / kSlowStartSteps, .next = back + step * step_time};
}

}  // namespace evenkeel
