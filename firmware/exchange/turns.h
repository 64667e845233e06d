// When it is a source's turn to be followed. A service may steer by source: all flows of a client
// then go to one backend, and into one arm of a rollout. A client whose handshakes never come
// about, for a firewall on its way back or because it floods, would be evidence against one backend
// with every flow, though it says no more than that one client fares badly. What is drawn by hash
// are sources, so sources are what is counted: of all flows of one, one is followed in a while,
// whichever worker it comes to.
//
// Of each source there is the time of its last turn, in a table by its steering hash. The table has
// no keys: sources that share a place take turns, as one source would. That loses samples, and
// falls on backends and arms alike, since other bits choose them. A flood of sources that are made
// up loses most of the others' turns, as it leaves them no place among the handshakes; and the
// flood's own are dealt as evenly as any.
//
// Outside of a trial, two turns of a source are kApart from each other, so that within a window of
// the ejector (health/outliers.h) it has one outcome at most. Whoever fails all that comes is found
// as his sources have their next turns: in a minute, where flows would tell in seconds; and never
// by this alone, if he has but a handful of sources.
//
// A service that is on trial has one turn for each source in the whole trial, however long that is:
// two failures in a slice of a hundredth may be enough to go back, and they must not be of one
// source. The same holds for both arms: were only the new one's sources spent, newcomers alone,
// scanners among them, would be left there to compare with all others. And not to spend all of them
// in the first step, for a hundredth of the buckets, each source has its turn in one step of the
// trial, by other bits of its hash. So each step has its own part of sources, of which as many are
// in the new arm as in its slice. Meanwhile the ejector sees no more of that service either.
//
// Workers write and read, each place by itself; a place says nothing of any other.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "firmware/base/clock.h"
#include "firmware/base/pages.h"
#include "firmware/base/status.h"

namespace evenkeel {

// For all workers.
class Turns {
 public:
  // A place is given once in kApart at most: 3,900 outcomes a second, and of 20,000 sources that
  // are there at a time one in 14 shares its place. In a megabyte.
  static constexpr size_t kPlaces = size_t{1} << 18;
  // The ejector's window, the longest that an outcome takes to be known, and a second for the
  // clock's ticks.
  static constexpr Tick kApart = 67;

  // A rollout's steps, of which this one is under way. REQUIRES: step < steps.
  struct Trial {
    Tick since = 0;
    uint8_t step = 0;
    uint8_t steps = 1;

    friend bool operator==(const Trial&, const Trial&) = default;
  };

  // Who asks. `steering_hash` has chosen the bucket.
  struct Source {
    uint16_t service = 0;
    uint64_t steering_hash = 0;
    const Trial* trial = nullptr;  // null: its service is not on trial
  };

  static Result<Turns> make();

  // Whether it is this source's turn, which it has had then. Of those who ask at the same time for
  // the same place, one gets it. The clocks of two workers may differ by a tick.
  bool take(const Source& source, Tick now);

  // In which step of a trial a source has its turn: of bits that choose neither bucket nor place.
  static constexpr unsigned step_of(uint64_t steering_hash, unsigned steps) {
    return static_cast<unsigned>((steering_hash & kStepMask) * steps >> kStepBits);
  }

 private:
  static constexpr Tick kNever = 0;
  static constexpr unsigned kStepBits = 12;
  static constexpr uint64_t kStepMask = (uint64_t{1} << kStepBits) - 1;

  using Place = std::atomic<Tick>;  // when it was given last
  static_assert(Place::is_always_lock_free);

  explicit Turns(PageArray<Place> places) : places_(std::move(places)) {}

  static size_t place_of(const Source& source);

  PageArray<Place> places_;
};

}  // namespace evenkeel
