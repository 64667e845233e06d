// Whether connections really come about, told from the client's side alone, so that it works where
// replies bypass the box: of a sample of flows, the time from the first SYN until the client sends
// anything else. A client that acknowledges has heard from the backend; one that stays silent has
// not.
//
// The sampled flows between the two are in a fixed table, in sets of one cache line. A set that is
// full takes no more: a new handshake goes untracked instead of replacing an older one, for the
// slow ones would be the victims, and the sample would flatter every backend.
//
// A handshake that is as old as the deadline is lost, whoever comes across it first: another packet
// for its set, or expire_some(), which visits one set per call and so every set in turn.
//
// A flow is known by its whole hash, of which 4 bits only say "sampled". That any two of n open
// flows are one to us has probability n^2 / 2^61, 2^-33 for 16,384: the second SYN then counts as a
// retry of the first, and the first answer ends both.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/base/clock.h"
#include "firmware/base/limits.h"
#include "firmware/base/pages.h"
#include "firmware/base/status.h"
#include "firmware/exchange/evidence.h"

namespace evenkeel {

// For one worker alone; what comes out of it is in the worker's evidence.
// Invariants:
//  1. Of each slot: opened == completed + lost + reset + entries open for it.
//  2. At most one entry is open for a hash.
class Handshakes {
 public:
  static constexpr Microseconds kDefaultDeadline = 3'000'000;
  // Half of what 32 bits of microseconds tell apart: 36 minutes.
  static constexpr Microseconds kDeadlineMax = Microseconds{1} << 31;

  // One of 2^shift flows. From low bits, since the upper 32 choose the bucket: the sample is one of
  // every backend's flows. REQUIRES: shift <= kSampleBits
  static constexpr unsigned kSampleShift = 4;
  static constexpr unsigned kSampleBits = 8;
  static constexpr bool is_sampled(uint64_t flow_hash, unsigned shift = kSampleShift) {
    REQUIRE(shift <= kSampleBits);
    return (flow_hash & ((uint64_t{1} << shift) - 1)) == 0;
  }

  static constexpr size_t bytes(size_t capacity) {
    return PageArray<Set>::bytes(capacity / kEntriesPerSet);
  }

  // Refuses a capacity that is no power of two within the limits, or a deadline of 0 or above
  // kDeadlineMax. REQUIRES: evidence outlives the handshakes.
  static Result<Handshakes> make(Evidence& evidence, size_t capacity = kHandshakesDefault,
                                 Microseconds deadline = kDefaultDeadline);

  void prefetch(uint64_t flow_hash) const { __builtin_prefetch(&sets_[set_of(flow_hash)], 1); }

  // Of sampled flows only; flow_hash is of the 5-tuple, whatever the service steers by.

  // A SYN goes to this slot.
  void opened(uint64_t flow_hash, uint16_t slot, Microseconds now);
  // Any other packet of the client, which may or may not be the first; `reset` if it is a RST.
  void answered(uint64_t flow_hash, Microseconds now, bool reset);
  // Once per burst, also when there is none.
  void expire_some(Microseconds now);

 private:
  static constexpr size_t kEntriesPerSet = 4;
  static constexpr unsigned kSetBits = 24;

  struct Entry {
    uint64_t flow_hash = 0;
    uint32_t opened_at = 0;  // low 32 bits of the first SYN's time
    uint16_t slot = 0;
    bool open = false;
  };
  static_assert(sizeof(Entry) == 16);

  struct alignas(kCacheLine) Set {
    std::array<Entry, kEntriesPerSet> entries;
  };
  static_assert(sizeof(Set) == kCacheLine);
  static_assert(kHandshakesMax / kEntriesPerSet <= size_t{1} << kSetBits);

  Handshakes(Evidence& evidence, PageArray<Set> sets, Microseconds deadline)
      : evidence_(&evidence), sets_(std::move(sets)), deadline_(deadline) {}

  // From bits that choose neither sample nor bucket.
  size_t set_of(uint64_t flow_hash) const {
    return (flow_hash >> kSampleBits) & (sets_.size() - 1);
  }
  // The entry open for this flow, or none.
  static Entry* find(Set& set, uint64_t flow_hash);
  static Microseconds age(const Entry& entry, Microseconds now) {
    return since(static_cast<uint32_t>(now), entry.opened_at);
  }
  void expire(Set& set, Microseconds now);
  void lose(Entry& entry);
  void open(Set& set, uint64_t flow_hash, uint16_t slot, Microseconds now);

  Evidence* evidence_;
  PageArray<Set> sets_;
  Microseconds deadline_;
  size_t next_set_ = 0;  // that expire_some() visits
};

static_assert(Evidence::bytes({.slots = kMaxBackends, .services = kMaxServices}) +
                      Handshakes::bytes(kHandshakesMax) <=
                  kEvidenceBytesMax,
              "all evidence of one worker stays within its budget");

}  // namespace evenkeel
