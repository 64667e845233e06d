// What one worker hands to the kernel of what came by one port: so much a second and no more.
//
// There are three sorts, and each has a share of its own:
//  - Neighbours, who are on the link itself: they resolve addresses and tell routes. A flood from
//    afar cannot keep the box from finding its next hops, and cannot pass for a neighbour: routers
//    pass on nothing but IP, take at least one off the highest TTL (RFC 5082), and pass on nothing
//    that is sent to groups of one link (RFC 5771, RFC 4291).
//  - Others: SSH, the API, answers to health checks, and BGP, whose sessions may have any TTL.
//  - Strays, sent to a VIP, but for no service of it: VIPs are what the whole world knows, so a
//    flood to a port that is not served must not take what the box's own addresses need.
// The ring, which all ports share, is never full of strays, nor of those and others.
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <array>
#include <cstdint>

#include "firmware/base/clock.h"
#include "firmware/base/reason.h"
#include "firmware/base/token_bucket.h"
#include "firmware/exchange/liveness.h"
#include "firmware/table/lookup.h"

namespace evenkeel {

class KernelDoor {
 public:
  // Packets that may come at once after a quiet while, if the rate is at least that.
  static constexpr uint32_t kAtOnce = 1'024;

  // `per_second` of each sort. REQUIRES: nobody else writes to `ring`.
  KernelDoor(rte_ring* ring, uint32_t per_second, PortTally& tally);

  // Answers none, and the packet is the kernel's; or why not, and it stays the caller's. `services`
  // know which addresses are VIPs. REQUIRES: one segment.
  Reason give(rte_mbuf* packet, const ServiceLookup& services, Microseconds now);

 private:
  struct Share {
    TokenBucket tokens;
    uint32_t reserved;  // places in the ring that this sort leaves to those before it
  };

  static Share share(uint32_t per_second, uint32_t reserved);

  // Constant
  rte_ring* const ring_;
  PortTally& tally_;

  // The worker's
  std::array<Share, 3> shares_;  // by sort
};

}  // namespace evenkeel
