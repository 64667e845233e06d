#include "firmware/health/schedule.h"

#include <algorithm>

namespace evenkeel {

Microseconds next_interval(const CheckSettings& check, const Verdict& verdict, uint64_t random) {
  const Microseconds fast = check.fast_interval.value_or(check.interval / 2);
  const Microseconds interval = verdict.is_in_doubt() ? fast : check.interval;
  const Microseconds most = interval * check.jitter / 100;
  return std::max<Microseconds>(interval - random % (most + 1), 1);
}

}  // namespace evenkeel
