// So many a second and no more, with room for a burst: what the box does for strangers at its own
// cost is taken from a bucket of tokens that time refills.
#pragma once

#include <algorithm>
#include <cstdint>

#include "firmware/base/clock.h"

namespace evenkeel {

// Invariant: credit_ is tokens times kMicrosecondsPerSecond, at most full_; products of a rate and
// a time that has not filled the bucket fit in 64 bits with room to spare.
class TokenBucket {
 public:
  // Full at the start. With a rate of 0 there is the one burst; with a burst of 0, nothing.
  TokenBucket(uint32_t per_second, uint32_t burst)
      : per_second_(per_second),
        full_(burst * kMicrosecondsPerSecond),
        fills_in_(per_second == 0 ? UINT64_MAX : full_ / per_second + 1),
        credit_(full_) {}

  // How many of `wanted` there are tokens for; those are taken. A `now` before the latest one
  // counts as that one.
  uint32_t take(uint32_t wanted, Microseconds now) {
    refill(now);
    const auto granted =
        static_cast<uint32_t>(std::min<uint64_t>(wanted, credit_ / kMicrosecondsPerSecond));
    credit_ -= granted * kMicrosecondsPerSecond;
    return granted;
  }

 private:
  static constexpr uint64_t kMicrosecondsPerSecond = 1'000'000;

  void refill(Microseconds now) {
    if (now <= refilled_) return;
    const Microseconds elapsed = now - refilled_;
    refilled_ = now;
    credit_ = elapsed >= fills_in_ ? full_ : std::min(full_, credit_ + elapsed * per_second_);
  }

  uint64_t per_second_;
  uint64_t full_;
  uint64_t fills_in_;  // microseconds after which it is full whatever was in it
  uint64_t credit_;
  Microseconds refilled_ = 0;
};

}  // namespace evenkeel
