#include "firmware/packet/kernel_door.h"

#include <algorithm>
#include <cstddef>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/wire/headers.h"

namespace evenkeel {
namespace {

constexpr uint8_t kHighestTtl = 255;

// Whether somebody on the link itself has sent it. What is too short to tell is no IP packet.
bool is_from_neighbour(const rte_mbuf* packet) {
  const auto* const frame = rte_pktmbuf_mtod(packet, const uint8_t*);
  size_t at = offsetof(EthernetHeader, type);
  for (size_t tags = 0; tags <= kMaxVlanTags; ++tags) {
    const size_t ip = at + sizeof(Big16);
    if (ip + sizeof(Ipv4Header) > packet->data_len) return true;
    const auto type = static_cast<EtherType>(load<Big16>(frame + at).value());
    if (type == EtherType::ipv4) return frame[ip + offsetof(Ipv4Header, ttl)] == kHighestTtl;
    if (type == EtherType::ipv6) return frame[ip + offsetof(Ipv6Header, hop_limit)] == kHighestTtl;
    if (type != EtherType::vlan && type != EtherType::service_vlan) return true;
    at += sizeof(VlanTag);
  }
  return true;
}

}  // namespace

KernelDoor::KernelDoor(rte_ring* ring, uint32_t per_second, PortTally& tally)
    : ring_(ring),
      reserved_(rte_ring_get_capacity(ring) / 4),
      tally_(tally),
      neighbours_(per_second, std::min(per_second, kAtOnce)),
      others_(per_second, std::min(per_second, kAtOnce)) {}

Reason KernelDoor::give(rte_mbuf* packet, Microseconds now) {
  REQUIRE(packet->nb_segs == 1);
  const bool is_neighbours = is_from_neighbour(packet);
  TokenBucket& tokens = is_neighbours ? neighbours_ : others_;
  if (tokens.take(1, now) == 0) return Reason::kernel_limited;
  if (!is_neighbours && rte_ring_free_count(ring_) <= reserved_) return Reason::kernel_full;
  if (rte_ring_sp_enqueue(ring_, packet) != 0) return Reason::kernel_full;
  tally_.to_kernel.add(1);
  return Reason::none;
}

}  // namespace evenkeel
