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
    if (entry.open && entry.flow_hash == flow_hash) return &entry;
  }
  return nullptr;
}

void Handshakes::lose(Entry& entry) {
  entry.open = false;
  evidence_->count_lost(entry.slot);
}

void Handshakes::expire(Set& set, Microseconds now) {
  for (Entry& entry : set.entries) {
    if (entry.open && age(entry, now) >= deadline_) lose(entry);
  }
}

void Handshakes::open(Set& set, uint64_t flow_hash, uint16_t slot, Microseconds now) {
  for (Entry& entry : set.entries) {
    if (entry.open) continue;
    entry = {.flow_hash = flow_hash,
             .opened_at = static_cast<uint32_t>(now),
             .slot = slot,
             .open = true};
    evidence_->count_opened(slot);
    return;
  }
  evidence_->count_untracked_handshake();
}

void Handshakes::opened(uint64_t flow_hash, uint16_t slot, Microseconds now) {
  Set& set = sets_[set_of(flow_hash)];
  expire(set, now);
  Entry* entry = find(set, flow_hash);
  if (entry != nullptr && entry->slot == slot) {
    evidence_->count_retried(slot);
    return;
  }
  // Sent elsewhere than its first SYN: the first backend will not hear of it again.
  if (entry != nullptr) lose(*entry);
  open(set, flow_hash, slot, now);
}

void Handshakes::answered(uint64_t flow_hash, Microseconds now, bool reset) {
  Set& set = sets_[set_of(flow_hash)];
  expire(set, now);
  Entry* entry = find(set, flow_hash);
  if (entry == nullptr) return;
  entry->open = false;
  if (reset) {
    evidence_->count_reset(entry->slot);
  } else {
    evidence_->count_completed(entry->slot, age(*entry, now));
  }
}

void Handshakes::expire_some(Microseconds now) {
  expire(sets_[next_set_], now);
  next_set_ = (next_set_ + 1) & (sets_.size() - 1);
}

}  // namespace evenkeel
