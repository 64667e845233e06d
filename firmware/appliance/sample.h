// All counters of the box at one moment, and how fast they grew in the last seconds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "firmware/appliance/control.h"
#include "firmware/base/clock.h"
#include "firmware/base/reason.h"
#include "firmware/exchange/evidence.h"

namespace evenkeel {

struct Sample {
  struct OfSlot {
    uint64_t identity = 0;  // 0: nobody's
    BackendCounts counts;   // by all workers
  };

  Microseconds taken = 0;
  std::vector<OfSlot> slots;  // of backends, as the plan numbers them
  std::array<uint64_t, kReasons> drops{};
  std::vector<uint64_t> busy_cycles;  // by worker
};

Sample sample_of(const Control& control, Microseconds now);

// Keeps a sample that is some seconds old, to compare a new one with.
class Samples {
 public:
  static constexpr Microseconds kInterval = 2 * kMicrosecondsPerTick;

  // At least every kInterval.
  void observe(const Control& control, Microseconds now);

  // One to two kInterval old, once there has been time for that.
  const Sample& before() const { return older_; }

 private:
  Sample older_;
  Sample newer_;
};

}  // namespace evenkeel
