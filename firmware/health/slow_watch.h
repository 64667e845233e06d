// Does a server answer much slower than the rest of its pool? By how long clients wait for the
// first response, of flows that are followed anyway.
//
// A server is slow if at kLooks looks in a row its median was kTimes the others' or more, by more
// than chance gives, and no longer once it has not been for as many, or has hardly answered for
// kForgotten. That is told, and
// nothing else: who is slow is often at his limit, and so would the others be with his flows. Who
// fails is left out (outliers.h), and who is slow by a change takes it back (judge.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/exchange/evidence.h"
#include "firmware/exchange/plan.h"

namespace evenkeel {

struct Slow {
  std::string backend;  // "service/backend"
  Microseconds since = 0;
  Microseconds median = 0;
  Microseconds usual = 0;  // the others' median

  // "answers half of its requests within 1.4 s, the others within 12 ms"
  std::string evidence() const;
};

// Control thread only.
class SlowWatch {
 public:
  static constexpr Microseconds kInterval = 5 * kMicrosecondsPerTick;
  static constexpr uint64_t kTimes = 4;
  static constexpr Microseconds kLeastTime = 20'000;  // what nobody notices is not slow
  static constexpr uint64_t kLeastAnswers = 50;       // in an interval, of it and of the others
  static constexpr unsigned kLooks = 2;
  // Standard deviations by which what is compared lies below a median, or above the others': some
  // pages may take long, and who happens to have had more of them is not slow.
  static constexpr double kChance = 2.5;
  static constexpr Microseconds kForgotten = 60 * kMicrosecondsPerTick;

  // What all workers have counted for a slot so far.
  using Counted = std::function<LatencyCounts(uint16_t slot)>;

  // Often: looks every kInterval.
  void observe(const Plan& plan, const Counted& counted, Microseconds now);

  std::vector<Slow> slow() const;

 private:
  using Times = std::array<uint64_t, kLatencyBuckets>;

  struct OfSlot {
    uint64_t identity = 0;
    LatencyCounts counts;
  };
  struct Watched {
    bool is_slow = false;
    unsigned against = 0;   // looks in a row that spoke against that
    Microseconds told = 0;  // when there were answers enough
    Slow found;
  };

  std::map<std::string, Times, std::less<>> read(const Plan& plan, const Counted& counted);
  void judge(const std::string& backend, const Times& own, const Times& others, Microseconds now);

  Microseconds again_ = 0;                               // not before
  std::vector<OfSlot> before_;                           // by slot
  std::map<std::string, Watched, std::less<>> watched_;  // who was ever found slow, or nearly
};

}  // namespace evenkeel
