#include "firmware/health/slow_start.h"

#include <algorithm>

#include "firmware/base/check.h"

namespace evenkeel {

SlowStart slow_start(const Verdict& verdict, const CheckSettings& check, Microseconds now) {
  const bool may = verdict.decided() == Health::up && verdict.recovered() != 0;
  if (!may || check.slow_start == 0) return {};
  REQUIRE(verdict.recovered() <= now);
  const Microseconds step_time = std::max<Microseconds>(check.slow_start / kSlowStartSteps, 1);
  const uint64_t step = (now - verdict.recovered()) / step_time + 1;
  if (step >= kSlowStartSteps) return {};
  return {.part = static_cast<double>(step) / kSlowStartSteps,
          .next = verdict.recovered() + step * step_time};
}

}  // namespace evenkeel
