// What one worker hands to the kernel of what came by one port: so much a second and no more.
//
// Who is on the link itself - neighbours that resolve addresses, routing protocols - has a share of
// its own: a flood from afar cannot keep the box from finding its next hops. Who is afar cannot
// pass for a neighbour: routers pass on nothing but IP, and take at least one off the highest TTL
// (RFC 5082).
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <cstdint>

#include "firmware/base/clock.h"
#include "firmware/base/reason.h"
#include "firmware/base/token_bucket.h"
#include "firmware/exchange/liveness.h"

namespace evenkeel {

class KernelDoor {
 public:
  // Packets that may come at once after a quiet while, if the rate is at least that.
  static constexpr uint32_t kAtOnce = 1'024;

  // `per_second` of each sort. REQUIRES: nobody else writes to `ring`.
  KernelDoor(rte_ring* ring, uint32_t per_second, PortTally& tally);

  // Answers none, and the packet is the kernel's; or why not, and it stays the caller's.
  // REQUIRES: one segment.
  Reason give(rte_mbuf* packet, Microseconds now);

 private:
  // Constant
  rte_ring* const ring_;
  const uint32_t reserved_;  // places in the ring for neighbours only
  PortTally& tally_;

  // The worker's
  TokenBucket neighbours_;
  TokenBucket others_;
};

}  // namespace evenkeel
