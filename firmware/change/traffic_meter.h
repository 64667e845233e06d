// What each backend was given in the last minute, from counters that only grow and that a backend
// takes over from whoever had its slot before: a few samples, a quarter of a minute apart.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/change/rules.h"
#include "firmware/exchange/plan.h"

namespace evenkeel {

class TrafficMeter {
 public:
  static constexpr Microseconds kInterval = 15 * kMicrosecondsPerTick;
  static constexpr size_t kSamples = 5;  // the oldest is a minute old or a little more

  // What all workers have counted for a slot so far.
  using Counted = std::function<Flows(uint16_t slot)>;

  // At least every kInterval.
  void observe(const Plan& plan, const Counted& counted, Microseconds now);

  // Up to now. Who came after the last sample has had nothing yet.
  Traffic last_minute(const Plan& plan, const Counted& counted, Microseconds now) const;

 private:
  struct OfSlot {
    uint64_t identity = 0;  // 0: nobody's
    Flows flows;
  };
  struct Sample {
    Microseconds taken = 0;
    std::vector<OfSlot> slots;
  };

  const OfSlot* oldest_of(size_t slot, uint64_t identity) const;

  std::array<Sample, kSamples> samples_;
  size_t taken_ = 0;  // so far; the next is samples_[taken_ % kSamples]
};

}  // namespace evenkeel
