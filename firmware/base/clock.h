// Time as the box uses it: a monotonic microsecond count that is passed in, never fetched inside,
// so that a test owns it. Ticks are seconds of the same clock: coarse time for what ages. What
// people are told and what outlives the process has wall time; it may step, so nothing waits by it.
#pragma once

#include <cstdint>

namespace evenkeel {

using Microseconds = uint64_t;
using Tick = uint32_t;
using WallTime = uint64_t;  // microseconds since 1970, UTC

inline constexpr Microseconds kMicrosecondsPerTick = 1'000'000;

constexpr Tick tick_of(Microseconds now) { return static_cast<Tick>(now / kMicrosecondsPerTick); }

}  // namespace evenkeel
