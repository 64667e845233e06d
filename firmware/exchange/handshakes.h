// Whether connections really come about and requests are answered, told from the client's side
// alone, so that it works where replies bypass the box: of a sample of flows, the first SYN, what
// the client sends next, and its first request.
//
//  - A client that acknowledges has heard from the backend; one that stays silent has not.
//  - A request is the first payload that a client sends. Whatever the server says then moves the
//    client's acknowledgement number on: when it does, the request is answered. That holds for TLS,
//    where the ClientHello is the request and the ServerHello the response; and for protocols in
//    which the server speaks first: its greeting comes before the client's first payload, and so
//    is in the number that the request begins with.
//  - A number that moves on by just 1 may be the server's FIN, which says that it will not answer:
//    one byte has been said only if the client goes on sending. A client that closes on it, or that
//    resets the connection whatever the number, leaves without a response. A client's FIN alone
//    says nothing, for it may close its half and listen on.
//  - A client that never asks has no say about responses: it may have come to see that the port is
//    open, or wait for a greeting that does not come.
// Who leaves in haste, or asks at length, counts against the backend, and by no fault of it: counts
// are for comparing backends, or arms of a rollout, at the same time, and who comes to which is
// decided by a keyed hash: of each flow, or of its source. Where it is of the source, one flow of
// each is followed in a while (turns.h). Sampled are flows there too: who opens many has his turn
// sooner, but no oftener, and that has no say in whom he comes to.
//
// The sampled flows that are followed are in a fixed table, in sets of one cache line. A set that
// is full takes no more: a new handshake goes untracked instead of replacing an older one, for the
// slow ones would be the victims, and the sample would flatter every backend.
//
// Who is lost sends his SYN again and again, for two minutes and at longer and longer intervals. He
// is one flow, and bad once: his place in the set is remembered as long as nobody else needs it.
//
// Each phase has the same deadline. Who comes across it first ends it: another packet for its set,
// or expire_some(), which passes over all sets ten times a second.
//
// A flow is known by its set and half of its hash: of 2^32 flows that come to a full set, four are
// taken for another one, and their SYNs for its retries. Evidence is of many.
#pragma once

#include <algorithm>
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
#include "firmware/exchange/turns.h"

namespace evenkeel {

// For one worker alone; what comes out of it is in the worker's evidence.
// Invariants:
//  1. Of each slot: opened == completed + lost + reset + its entries in Phase::opening.
//  2. Of each slot: asked == answered + unanswered + its entries in Phase::asked.
//  3. Of each slot: opened == good + bad + the handshakes that were reset and never retried + its
//     entries that were never retried.
//  4. At most one entry is open for a flow.
//  5. Every packet of a flow with an entry is one of those to show, whatever became of the shift.
class Handshakes {
 public:
  // A client sends its SYN again after 1 s (RFC 6298), and its request after less: by now it has
  // noticed. Half as long again leaves room for the answer to the second SYN, and is short enough
  // for a change that does harm to be taken back within 3 s.
  static constexpr Microseconds kDefaultDeadline = 1'500'000;
  // Half of what 32 bits of microseconds tell apart: 36 minutes.
  static constexpr Microseconds kDeadlineMax = Microseconds{1} << 31;

  // One of 2^shift flows. From low bits, since the upper 32 choose the bucket: the sample is one of
  // every backend's flows. REQUIRES: shift <= kSampleBits
  static constexpr uint8_t kSampleShift = 4;
  static constexpr uint8_t kSampleBits = 8;
  static constexpr uint32_t sample_mask(unsigned shift) {
    REQUIRE(shift <= kSampleBits);
    return (uint32_t{1} << shift) - 1;
  }
  static constexpr bool is_sampled(uint64_t flow_hash, unsigned shift = kSampleShift) {
    return (flow_hash & sample_mask(shift)) == 0;
  }

  // What a packet says, other than a SYN.
  struct Segment {
    uint32_t acknowledgement = 0;
    bool acknowledges = false;  // it has such a number: it is TCP
    bool has_payload = false;
    bool is_closing = false;  // FIN
    bool is_reset = false;
  };

  static constexpr size_t bytes(size_t capacity) {
    return PageArray<Set>::bytes(capacity / kEntriesPerSet);
  }

  // Refuses a capacity that is no power of two within the limits, or a deadline of 0 or above
  // kDeadlineMax. REQUIRES: evidence outlives the handshakes.
  static Result<Handshakes> make(Evidence& evidence, size_t capacity = kHandshakesDefault,
                                 Microseconds deadline = kDefaultDeadline);

  // Once per burst, before its packets: from now on, one of 2^shift new flows is followed. Answers
  // which packets are to be shown: those of flow hashes without any of these bits. They are more
  // than the new shift wants until the flows are over that began under another one.
  uint32_t follow(uint8_t shift, Microseconds now) {
    if (shift != shift_ || shift != shown_shift_) change_shift(shift, now);
    return sample_mask(shown_shift_);
  }

  void prefetch(uint64_t flow_hash) const { __builtin_prefetch(&sets_[set_of(flow_hash)], 1); }
  // Whether heard() would make a difference.
  bool is_following(uint64_t flow_hash) const {
    const uint32_t hash = kept_of(flow_hash);
    bool is = false;
    for (const Entry& entry : sets_[set_of(flow_hash)].entries) {
      is |= entry.hash == hash && entry.phase != Phase::free;
    }
    return is;
  }

  // flow_hash is of the 5-tuple, whatever the service steers by.

  // A SYN goes to this slot.
  void opened(uint64_t flow_hash, uint16_t slot, Microseconds now);
  // As opened(), of a service that steers by source: what is known of the flow goes on, but a new
  // one is followed only if it is its source's turn.
  void opened_in_turn(uint64_t flow_hash, uint16_t slot, Turns& turns, const Turns::Source& source,
                      Microseconds now);
  // Any other packet of the client, which may or may not be the first.
  void heard(uint64_t flow_hash, const Segment& segment, Microseconds now);
  // Once per burst, also when there is none.
  void expire_some(Microseconds now);

 private:
  static constexpr size_t kEntriesPerSet = 4;
  static constexpr unsigned kSetBits = 24;
  static constexpr Microseconds kPass = 100'000;
  // After his last SYN, which Linux sends 63 s after the first one.
  static constexpr Microseconds kLostRemembered = 70'000'000;
  static constexpr size_t kVisitsMax = 16;  // in one call

  enum class Phase : uint8_t { free, opening, established, asked };
  static constexpr unsigned kPhases = 3;  // that an entry may go through, each with its deadline

  struct Entry {
    uint32_t hash = 0;  // the flow's upper half
    uint16_t slot = 0;
    Phase phase = Phase::free;
    bool retried = false;          // and so known to be bad; if it is free: it was lost
    uint32_t since = 0;            // low 32 bits of the time at which the phase began
    uint32_t acknowledgement = 0;  // of the request
  };
  static_assert(sizeof(Entry) == 16);

  struct alignas(kCacheLine) Set {
    std::array<Entry, kEntriesPerSet> entries;
  };
  static_assert(sizeof(Set) == kCacheLine);
  static_assert(kHandshakesMax / kEntriesPerSet <= size_t{1} << kSetBits);
  static_assert(kSampleBits + kSetBits <= 32);

  Handshakes(Evidence& evidence, PageArray<Set> sets, Microseconds deadline)
      : evidence_(&evidence),
        sets_(std::move(sets)),
        deadline_(deadline),
        visit_every_(std::max(kPass / sets_.size(), Microseconds{1})) {}

  // From bits that choose neither sample nor bucket.
  size_t set_of(uint64_t flow_hash) const {
    return (flow_hash >> kSampleBits) & (sets_.size() - 1);
  }
  static uint32_t kept_of(uint64_t flow_hash) { return static_cast<uint32_t>(flow_hash >> 32); }
  // The entry for this flow, or none.
  static Entry* find(Set& set, uint64_t flow_hash);
  static Microseconds age(const Entry& entry, Microseconds now) {
    return evenkeel::since(static_cast<uint32_t>(now), entry.since);
  }

  void change_shift(uint8_t shift, Microseconds now);
  void expire(Set& set, Microseconds now);
  bool is_known_lost(Set& set, uint64_t flow_hash, uint16_t slot, Microseconds now);
  bool is_new(Set& set, uint64_t flow_hash, uint16_t slot, Microseconds now);
  Entry* find_free(Set& set);
  void open(Entry& entry, uint64_t flow_hash, uint16_t slot, Microseconds now);
  void retry(Entry& entry);
  void complete(Entry& entry, const Segment& segment, Microseconds now);
  void ask(Entry& entry, const Segment& segment, Microseconds now);
  void hear_after_request(Entry& entry, const Segment& segment, Microseconds now);
  // Ends it: nothing more will come, by whatever is known.
  void give_up(Entry& entry);
  // Ends it, once it is known how the flow fared.
  void close(Entry& entry, bool is_good);
  static void vacate(Entry& entry, bool is_lost);

  // Constant
  Evidence* evidence_;
  PageArray<Set> sets_;
  Microseconds deadline_;
  Microseconds visit_every_;

  uint8_t shift_ = kSampleShift;        // of flows that are opened
  uint8_t shown_shift_ = kSampleShift;  // of packets to be shown: at most shift_
  Microseconds shift_changed_ = 0;
  size_t next_set_ = 0;  // that expire_some() visits
  Microseconds next_visit_ = 0;
};

static_assert(Evidence::bytes({.slots = kMaxBackends, .services = kMaxServices}) +
                      Handshakes::bytes(kHandshakesMax) <=
                  kEvidenceBytesMax,
              "all evidence of one worker stays within its budget");

}  // namespace evenkeel
