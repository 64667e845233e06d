// What one worker sends by one port. A queue that takes no more for a moment is no reason to lose
// packets: a few wait for the next loop. One that takes nothing for longer is: who waits then is
// dropped and counted, and never tried for ever.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "firmware/base/limits.h"
#include "firmware/exchange/liveness.h"

namespace evenkeel {

class Outbox {
 public:
  // Packets that may wait, and loops in which none of them got away before they are given up.
  static constexpr size_t kRoom = 4 * kBurst;
  static constexpr uint32_t kPatience = 1'000;

  // `ethdev` and `queue` as DPDK numbers them. REQUIRES: nobody else sends by that queue.
  Outbox(uint16_t ethdev, uint16_t queue, PortTally& tally)
      : ethdev_(ethdev), queue_(queue), tally_(tally) {}

  // Takes them over. REQUIRES: at most kBurst.
  void send(std::span<rte_mbuf*> packets);
  // Once per loop.
  void retry() {
    if (waiting_ != 0) [[unlikely]]
      retry_waiting();
  }
  // Those who wait are freed.
  void clear();

 private:
  void retry_waiting();
  void give_up(std::span<rte_mbuf*> packets);

  // Constant
  const uint16_t ethdev_;
  const uint16_t queue_;
  PortTally& tally_;

  // The worker's
  size_t waiting_ = 0;
  uint32_t fruitless_ = 0;  // loops
  std::array<rte_mbuf*, kRoom> packets_{};
};

}  // namespace evenkeel
