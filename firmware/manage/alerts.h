// What is wrong now and what has been lately: whoever looks after the box says, as often as it
// likes, all that it finds wrong, and here that becomes alerts that begin once and end once.
//
// What comes and goes many times a second is one alert: it is over when nobody has found it wrong
// for kCalm. What happens in a moment, as a change that went back, is told once and stands for
// kStands, so that who looks a minute later still sees it.
//
// Each beginning and each end has a number. Whoever passes alerts on keeps the number up to which
// it has done so, and needs no queue: what began and ended while it could not is told as over, and
// how much there can be to tell is bounded here. All that can fire may end at once and is there.
// What has ended again since goes first when there are too many ends: of a link that flaps the last
// one tells all. So only who was away while more than kMostOver different ones ended misses
// an end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "firmware/base/alert.h"
#include "firmware/base/clock.h"
#include "firmware/base/limits.h"

namespace evenkeel {

// Invariants:
// 1. firing_ has at most kMaxAlerts found by set(), kMaxAlertsOver told by tell(), and one that
//    says how many found no place.
// 2. over_ has at most kMostOver, as many as can fire, by when they ended, the latest last.
// 3. Each number is that of at most one entry.
class Alerts {
 public:
  static constexpr Microseconds kCalm = 3 * kMicrosecondsPerTick;
  static constexpr Microseconds kStands = 300 * kMicrosecondsPerTick;
  static constexpr size_t kMostOver = kMaxAlerts + kMaxAlertsOver + 1;

  struct Entry {
    Alert alert;
    uint64_t number = 0;  // of its last beginning or end
    WallTime began = 0;
    WallTime ended = 0;  // 0: it fires

    bool fires() const { return ended == 0; }
  };

  // All that is wrong at this moment, the worst first.
  void set(std::vector<Alert> active, Microseconds now, WallTime wall);
  // What has happened; again, if it is told again.
  void tell(Alert alert, Microseconds now, WallTime wall);

  // The latest beginning or end.
  uint64_t number() const { return number_; }
  // By id.
  std::vector<const Entry*> firing() const;
  // All whose end is to be told, the latest first; of a listing, kMaxAlertsOver are enough.
  std::vector<const Entry*> over(size_t most = kMostOver) const;
  // Of each kind, how many fire.
  size_t firing(AlertKind kind) const;

 private:
  struct Firing {
    Entry entry;
    bool is_told = false;  // by tell()
    Microseconds ends = 0;
  };

  bool note(Alert alert, bool is_told, Microseconds ends, WallTime wall);
  void end_those_due(Microseconds now, WallTime wall, bool also_set);
  void drop_surplus();

  std::map<std::string, Firing, std::less<>> firing_;  // by id
  size_t told_ = 0;                                    // of firing_, by tell()
  std::deque<Entry> over_;
  uint64_t number_ = 0;
};

}  // namespace evenkeel
