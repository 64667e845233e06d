#include "firmware/exchange/handshakes.h"

#include <bit>
#include <string>

namespace evenkeel {

Result<Handshakes> Handshakes::make(Evidence& evidence, size_t capacity, Microseconds deadline) {
  if (!std::has_single_bit(capacity) || capacity < kHandshakesMin || capacity > kHandshakesMax) {
    return Error{"A table of " + std::to_string(capacity) +
                 " handshakes cannot be made; choose a power of two from " +
                 std::to_string(kHandshakesMin) + " to " + std::to_string(kHandshakesMax) + "."};
  }
  if (deadline == 0 || deadline > kDeadlineMax) {
    return Error{"A handshake's deadline of " + std::to_string(deadline) +
                 " us cannot be kept; choose one from 1 to " + std::to_string(kDeadlineMax) +
                 " us."};
  }
  auto sets = PageArray<Set>::make(capacity / kEntriesPerSet);
  if (!sets.ok()) return Error{"No room to follow handshakes: " + sets.message()};
  return Handshakes(evidence, std::move(sets.value()), deadline);
}

Handshakes::Entry* Handshakes::find(Set& set, uint64_t flow_hash) {
  for (Entry& entry : set.entries) {
    if (entry.phase != Phase::free && entry.hash == kept_of(flow_hash)) return &entry;
  }
  return nullptr;
}

// A finer shift is shown at once. A coarser one waits until the shift has stood for as long as an
// entry may live: those that are open then were all opened under it.
void Handshakes::change_shift(uint8_t shift, Microseconds now) {
  if (shift != shift_) {
    shift_ = shift;
    shift_changed_ = now;
    shown_shift_ = std::min(shown_shift_, shift);
  } else if (now - shift_changed_ >= kPhases * deadline_) {
    shown_shift_ = shift;
  }
}

void Handshakes::vacate(Entry& entry, bool is_lost) {
  entry.phase = Phase::free;
  entry.retried = is_lost;
}

void Handshakes::close(Entry& entry, bool is_good) {
  const bool is_lost = entry.phase == Phase::opening && !is_good;
  const bool is_told = entry.retried;
  vacate(entry, is_lost);
  if (is_told) return;
  if (is_good) {
    evidence_->count_good(entry.slot);
  } else {
    evidence_->count_bad(entry.slot);
  }
}

void Handshakes::give_up(Entry& entry) {
  if (entry.phase == Phase::opening) evidence_->count_lost(entry.slot);
  if (entry.phase == Phase::asked) evidence_->count_unanswered(entry.slot);
  close(entry, entry.phase == Phase::established);
}

void Handshakes::expire(Set& set, Microseconds now) {
  for (Entry& entry : set.entries) {
    if (entry.phase != Phase::free && age(entry, now) >= deadline_) give_up(entry);
  }
}

// One of which nothing is remembered, if there is. Null, and counted: there is none.
Handshakes::Entry* Handshakes::find_free(Set& set) {
  Entry* free = nullptr;
  for (Entry& entry : set.entries) {
    if (entry.phase != Phase::free) continue;
    if (free == nullptr || (free->retried && !entry.retried)) free = &entry;
  }
  if (free == nullptr) evidence_->count_untracked_handshake();
  return free;
}

void Handshakes::open(Entry& entry, uint64_t flow_hash, uint16_t slot, Microseconds now) {
  entry = {.hash = kept_of(flow_hash),
           .slot = slot,
           .phase = Phase::opening,
           .since = static_cast<uint32_t>(now)};
  evidence_->count_opened(slot);
}

// The first one says at once what the deadline would.
void Handshakes::retry(Entry& entry) {
  evidence_->count_retried(entry.slot);
  if (entry.retried) return;
  entry.retried = true;
  evidence_->count_retried_flow(entry.slot);
  evidence_->count_bad(entry.slot);
}

// Whether a SYN is one more of a flow that was lost there. Then that was seen.
bool Handshakes::is_known_lost(Set& set, uint64_t flow_hash, uint16_t slot, Microseconds now) {
  for (Entry& entry : set.entries) {
    const bool is_lost = entry.phase == Phase::free && entry.retried;
    if (!is_lost || entry.hash != kept_of(flow_hash) || entry.slot != slot) continue;
    if (age(entry, now) >= kLostRemembered) continue;
    entry.since = static_cast<uint32_t>(now);
    evidence_->count_retried(slot);
    return true;
  }
  return false;
}

// Whether a SYN's flow is to be followed from here on: it was not yet, or not there.
bool Handshakes::is_new(Set& set, uint64_t flow_hash, uint16_t slot, Microseconds now) {
  expire(set, now);
  Entry* entry = find(set, flow_hash);
  if (entry != nullptr && entry->phase == Phase::opening && entry->slot == slot) {
    retry(*entry);
    return false;
  }
  // Sent elsewhere than its first SYN: the first backend will not hear of it again. Or the client
  // opens another connection with the same port, and so has left the first.
  if (entry != nullptr) give_up(*entry);
  return is_sampled(flow_hash, shift_) && !is_known_lost(set, flow_hash, slot, now);
}

void Handshakes::opened(uint64_t flow_hash, uint16_t slot, Microseconds now) {
  Set& set = sets_[set_of(flow_hash)];
  if (!is_new(set, flow_hash, slot, now)) return;
  Entry* const entry = find_free(set);
  if (entry != nullptr) open(*entry, flow_hash, slot, now);
}

// Who finds no place keeps his turn.
void Handshakes::opened_in_turn(uint64_t flow_hash, uint16_t slot, Turns& turns,
                                const Turns::Source& source, Microseconds now) {
  Set& set = sets_[set_of(flow_hash)];
  if (!is_new(set, flow_hash, slot, now)) return;
  Entry* const entry = find_free(set);
  if (entry == nullptr || !turns.take(source, tick_of(now))) return;
  open(*entry, flow_hash, slot, now);
}

void Handshakes::heard(uint64_t flow_hash, const Segment& segment, Microseconds now) {
  Set& set = sets_[set_of(flow_hash)];
  expire(set, now);
  Entry* entry = find(set, flow_hash);
  if (entry == nullptr) return;
  if (entry->phase == Phase::opening) complete(*entry, segment, now);
  if (entry->phase == Phase::established) {
    ask(*entry, segment, now);
  } else if (entry->phase == Phase::asked) {
    hear_after_request(*entry, segment, now);
  }
}

// Where nothing is acknowledged, as by SCTP, there is no more to be learnt.
void Handshakes::complete(Entry& entry, const Segment& segment, Microseconds now) {
  if (segment.is_reset) {
    evidence_->count_reset(entry.slot);
    vacate(entry, false);
    return;
  }
  evidence_->count_completed(entry.slot, age(entry, now));
  entry.phase = Phase::established;
  entry.since = static_cast<uint32_t>(now);
  if (!segment.acknowledges) give_up(entry);
}

void Handshakes::ask(Entry& entry, const Segment& segment, Microseconds now) {
  if (segment.is_reset || (segment.is_closing && !segment.has_payload)) {
    give_up(entry);
  } else if (segment.has_payload) {
    evidence_->count_asked(entry.slot);
    entry.phase = Phase::asked;
    entry.since = static_cast<uint32_t>(now);
    entry.acknowledgement = segment.acknowledgement;
  }
}

// Numbers wrap; an older packet may come late.
void Handshakes::hear_after_request(Entry& entry, const Segment& segment, Microseconds now) {
  const auto advance = segment.acknowledges
                           ? static_cast<int32_t>(segment.acknowledgement - entry.acknowledgement)
                           : 0;
  if (advance > 1 || (advance == 1 && segment.has_payload)) {
    evidence_->count_answered(entry.slot, age(entry, now));
    close(entry, true);
  } else if (segment.is_reset || (advance == 1 && segment.is_closing)) {
    give_up(entry);
  }
}

// At its own pace, whether the worker is busy or naps; what it missed by far is not made up for.
void Handshakes::expire_some(Microseconds now) {
  for (size_t visit = 0; now >= next_visit_; ++visit) {
    if (visit == kVisitsMax) {
      next_visit_ = now;
      return;
    }
    expire(sets_[next_set_], now);
    next_set_ = (next_set_ + 1) & (sets_.size() - 1);
    next_visit_ += visit_every_;
  }
}

}  // namespace evenkeel
