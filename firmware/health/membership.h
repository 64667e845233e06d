// Whom of a pool flows may go to, although the check is against him.
//
// If the check leaves too few of those that agents do not set aside, it is the check that is not
// believed: all take flows (fail-open). If
// most of a pool seem to fail at once, or after its settings have changed, then what changed, the
// prober or the network is suspected before so many servers: who was up just before counts as up
// for kHold more, and then the check decides. Apart from sockets and timers.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "firmware/base/clock.h"
#include "firmware/health/verdict.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

struct MassFailure {
  size_t fallen = 0;  // that are held
  size_t of = 0;      // that were up
  Microseconds until = 0;

  friend bool operator==(const MassFailure&, const MassFailure&) = default;
};

// Invariants:
//  1. Each fall is held once at most, for kHold at most.
//  2. holds() is of members that are down and were up before.
class Membership {
 public:
  // A change that does harm is taken back, and a network converges, in less; servers that are
  // really dead cost their share of new flows for no longer.
  static constexpr Microseconds kHold = 10 * kMicrosecondsPerTick;

  // Of those that take flows by the settings.
  struct Member {
    const Verdict* verdict = nullptr;
    bool may_come = false;      // it is undecided, and its first answer is waited for
    bool is_set_aside = false;  // its agent wants it
    bool is_stale = false;      // for long it could not be asked
  };

  // The pool's check or backends are others from now on.
  void note_change(Microseconds now) { changed_ = now; }

  // Answers whether members that did not turn may take flows or not otherwise than before.
  // REQUIRES: the time does not go back.
  bool settle(std::span<const Member> members, const CheckSettings& check, Microseconds now);

  // Whether who could not be asked for long is out: not if it is half of them or more, for then it
  // is the prober that fails.
  bool are_stale_out() const { return are_stale_out_; }
  // All take flows; but who is set aside by its agent, only if left() is 0.
  bool is_overruled() const { return is_overruled_; }
  bool holds(const Verdict& verdict) const {
    return verdict.decided() == Health::down && is_of_failure(verdict);
  }
  // Whether it fell in the failure that is suspected now.
  bool is_of_failure(const Verdict& verdict) const {
    return failure_.has_value() && verdict.fell() >= held_from_;
  }
  const std::optional<MassFailure>& mass_failure() const { return failure_; }
  // Of members that are not set aside, and how many of these the check leaves, as of the last
  // settle().
  size_t wanted() const { return wanted_; }
  size_t left() const { return left_; }

 private:
  size_t count_fallen(std::span<const Member> members, Microseconds from) const;
  void look_for_failure(std::span<const Member> members, const CheckSettings& check,
                        Microseconds now);
  void end_failure(Microseconds now);

  Microseconds changed_ = 0;  // the settings; 0: never
  Microseconds spent_ = 0;    // falls until then are not held any more
  Microseconds held_from_ = 0;
  std::optional<MassFailure> failure_;
  bool are_stale_out_ = false;
  bool is_overruled_ = false;
  size_t wanted_ = 0;
  size_t left_ = 0;
};

}  // namespace evenkeel
