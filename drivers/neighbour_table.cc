#include "drivers/neighbour_table.h"

#include <linux/neighbour.h>

#include <algorithm>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"

namespace evenkeel {
namespace {

// Here packets can be sent; the kernel may be making sure of it.
bool is_usable(uint16_t state, const Mac& mac) {
  constexpr unsigned kKnown = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;
  const bool is_unicast = mac != Mac{} && (mac[0] & 1u) == 0;
  return (state & kKnown) != 0 && is_unicast;
}

}  // namespace

const Neighbour& NeighbourTable::acquire(const Neighbour::Key& key, Microseconds now) {
  Neighbour& neighbour = neighbours_.try_emplace(key, Neighbour{.key = key}).first->second;
  if (neighbour.users++ == 0) {
    if (neighbour.is_usable) {
      --unneeded_;
    } else {
      neighbour.pause = kFirstPause;
      schedule(neighbour, now);
    }
  }
  return neighbour;
}

void NeighbourTable::release(const Neighbour::Key& key) {
  Neighbour& neighbour = neighbours_.at(key);
  REQUIRE(neighbour.users > 0);
  if (--neighbour.users == 0) {
    ++unneeded_;
    erase_if_unneeded(key);
  }
}

void NeighbourTable::update(const Neighbour::Key& key, uint16_t state, const Mac& mac,
                            Microseconds now) {
  const bool usable = evenkeel::is_usable(state, mac);
  Neighbour* neighbour = find_or_make(key, usable);
  if (neighbour == nullptr) return;
  neighbour->was_told = true;
  if (!usable) {
    lose(*neighbour, state == NUD_FAILED, now);
    erase_if_unneeded(key);
    return;
  }
  has_changed_ = has_changed_ || !neighbour->is_usable || neighbour->mac != mac;
  neighbour->is_usable = true;
  neighbour->mac = mac;
  neighbour->failed_since = Neighbour::kNever;
  neighbour->refusal = 0;
  neighbour->pause = kFirstPause;
  // The kernel would do so by itself only if it had something to send.
  schedule(*neighbour, state == NUD_STALE ? now : Neighbour::kNever);
}

Neighbour* NeighbourTable::find_or_make(const Neighbour::Key& key, bool is_usable) {
  const auto found = neighbours_.find(key);
  if (found != neighbours_.end()) return &found->second;
  if (!is_usable) return nullptr;
  if (unneeded_ >= kMaxNeighbours) {
    is_overfull_ = true;
    return nullptr;
  }
  ++unneeded_;
  return &neighbours_.try_emplace(key, Neighbour{.key = key}).first->second;
}

void NeighbourTable::lose(Neighbour& neighbour, bool has_failed, Microseconds now) {
  has_changed_ = has_changed_ || neighbour.is_usable;
  neighbour.is_usable = false;
  if (neighbour.users == 0) return;
  if (!has_failed) {
    // Forgotten, or being asked for: without an answer there is no other message for a while.
    if (neighbour.ask_at == Neighbour::kNever) schedule(neighbour, now);
    return;
  }
  if (neighbour.failed_since == Neighbour::kNever) {
    neighbour.failed_since = now;
    has_changed_ = true;
  }
  schedule(neighbour, now + neighbour.pause);
  neighbour.pause = std::min(2 * neighbour.pause, kLongestPause);
}

void NeighbourTable::begin_dump() {
  is_overfull_ = false;
  for (auto& [key, neighbour] : neighbours_) neighbour.was_told = false;
}

void NeighbourTable::end_dump(Microseconds now) {
  std::vector<Neighbour::Key> forgotten;
  for (const auto& [key, neighbour] : neighbours_) {
    if (!neighbour.was_told) forgotten.push_back(key);
  }
  for (const Neighbour::Key& key : forgotten) update(key, NUD_NONE, {}, now);
}

std::vector<Neighbour::Key> NeighbourTable::due(Microseconds now, size_t limit) {
  std::vector<Neighbour::Key> keys;
  while (!schedule_.empty() && schedule_.begin()->first <= now && keys.size() < limit) {
    Neighbour& neighbour = neighbours_.at(schedule_.begin()->second);
    keys.push_back(neighbour.key);
    // The kernel says what became of it; should that be lost, it is asked again all the same.
    schedule(neighbour, neighbour.is_usable ? Neighbour::kNever : now + kLongestPause);
  }
  return keys;
}

void NeighbourTable::refuse(const Neighbour::Key& key, int error) {
  const auto found = neighbours_.find(key);
  if (found == neighbours_.end() || found->second.is_usable) return;
  has_changed_ = has_changed_ || found->second.refusal != error;
  found->second.refusal = error;
}

void NeighbourTable::schedule(Neighbour& neighbour, Microseconds at) {
  if (neighbour.ask_at != Neighbour::kNever) schedule_.erase({neighbour.ask_at, neighbour.key});
  neighbour.ask_at = at;
  if (at != Neighbour::kNever) schedule_.emplace(at, neighbour.key);
}

void NeighbourTable::erase_if_unneeded(const Neighbour::Key& key) {
  const auto found = neighbours_.find(key);
  const bool has_room = unneeded_ <= kMaxNeighbours;
  if (found->second.users > 0 || (found->second.is_usable && has_room)) return;
  if (found->second.is_usable) is_overfull_ = has_changed_ = true;
  schedule(found->second, Neighbour::kNever);
  neighbours_.erase(found);
  --unneeded_;
}

}  // namespace evenkeel
