// Later fragments that came before their first one: held for a moment, few, and never twice as
// long for being many.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "firmware/base/clock.h"

namespace evenkeel {

class WaitingRoom {
 public:
  static constexpr size_t kRoom = 64;
  static constexpr Microseconds kPatience = 100'000;

  struct Guest {
    rte_mbuf* packet = nullptr;
    Microseconds came = 0;
  };

  size_t size() const { return size_; }

  // False: there is no room, and the packet stays the caller's.
  bool add(rte_mbuf* packet, Microseconds came) {
    if (size_ == kRoom) return false;
    guests_[size_++] = {.packet = packet, .came = came};
    return true;
  }
  // Whether somebody's patience is over.
  bool has_expired(Microseconds now) const { return size_ != 0 && is_over(guests_[0], now); }
  static bool is_over(const Guest& guest, Microseconds now) { return now - guest.came > kPatience; }

  // All of them, in the order in which they came first; they are the caller's now.
  std::span<const Guest> take(std::array<Guest, kRoom>& ret_guests) {
    ret_guests = guests_;
    return std::span(ret_guests).first(std::exchange(size_, 0));
  }

 private:
  std::array<Guest, kRoom> guests_{};
  size_t size_ = 0;
};

}  // namespace evenkeel
