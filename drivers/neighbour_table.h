// What is known of the neighbours of every port, kept from the kernel's messages, and which of them
// the kernel is to be asked for: those that are needed and not known, again and again with growing
// pauses; and all that it no longer trusts, so that none that is there ever drops out.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "drivers/netlink_messages.h"
#include "firmware/base/address.h"
#include "firmware/base/clock.h"
#include "firmware/wire/headers.h"

namespace evenkeel {

struct Neighbour {
  struct Key {
    uint8_t port = 0;
    Address address{};

    friend auto operator<=>(const Key&, const Key&) = default;
  };
  static constexpr Microseconds kNever = std::numeric_limits<Microseconds>::max();

  Key key{};
  bool is_usable = false;
  Mac mac{};                           // if usable
  Microseconds failed_since = kNever;  // if not usable: when it first did not answer
  int refusal = 0;                     // if not usable: the errno with which the kernel refused

  // For the table.
  uint32_t users = 0;
  Microseconds ask_at = kNever;
  Microseconds pause = 0;
  bool was_told = false;  // by the dump under way
};

// Invariants:
//  1. A neighbour is in the table while it has users or is usable; the ones without users are at
//     most kMaxNeighbours.
//  2. A neighbour with users that is not usable has a time at which the kernel is asked for it.
//  3. schedule_ holds exactly the neighbours whose ask_at is not kNever.
class NeighbourTable {
 public:
  static constexpr Microseconds kFirstPause = 1'000'000;
  static constexpr Microseconds kLongestPause = 5'000'000;

  // Somebody needs this neighbour until it is released as often as acquired. The result stays valid
  // as long.
  const Neighbour& acquire(const Neighbour::Key& key, Microseconds now);
  void release(const Neighbour::Key& key);

  // The kernel's word; `state` is NUD_..., 0 if it has forgotten the neighbour.
  void update(const Neighbour::Key& key, uint16_t state, const Mac& mac, Microseconds now);
  // Between these two the kernel tells of all; it has forgotten those of which it does not.
  void begin_dump();
  void end_dump(Microseconds now);

  // Neighbours for which the kernel is to be asked now, at most `limit`; each is answered once.
  std::vector<Neighbour::Key> due(Microseconds now, size_t limit);
  // The kernel would not even ask.
  void refuse(const Neighbour::Key& key, int error);

  // Whether something has changed that is more than a time, since the last call.
  bool take_changed() { return std::exchange(has_changed_, false); }
  // Neighbours were left out since there were too many: another dump may find room.
  bool is_overfull() const { return is_overfull_; }
  const std::map<Neighbour::Key, Neighbour>& all() const { return neighbours_; }

 private:
  Neighbour* find_or_make(const Neighbour::Key& key, bool is_usable);
  void lose(Neighbour& neighbour, bool has_failed, Microseconds now);
  void schedule(Neighbour& neighbour, Microseconds at);
  void erase_if_unneeded(const Neighbour::Key& key);

  std::map<Neighbour::Key, Neighbour> neighbours_;
  std::set<std::pair<Microseconds, Neighbour::Key>> schedule_;
  size_t unneeded_ = 0;  // without users
  bool is_overfull_ = false;
  bool has_changed_ = false;
};

}  // namespace evenkeel
