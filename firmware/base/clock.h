// Time as the box uses it: a monotonic microsecond count that is passed in, never fetched inside,
// so that a test owns it. Ticks are seconds of the same clock: coarse time for what ages.
#pragma once

#include <cstdint>

namespace evenkeel {

using Microseconds = uint64_t;
using Tick = uint32_t;

inline constexpr Microseconds kMicrosecondsPerTick = 1'000'000;

constexpr Tick tick_of(Microseconds now) { return static_cast<Tick>(now / kMicrosecondsPerTick); }

}  // namespace evenkeel
