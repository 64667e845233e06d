#include "firmware/packet/kernel_door.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "firmware/base/address.h"
#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/wire/headers.h"

namespace evenkeel {
namespace {

enum class Sort : uint8_t { neighbour, other, stray };

constexpr uint8_t kHighestTtl = 255;
constexpr uint8_t kLeastTtl = 1;

struct IpPacket {
  const uint8_t* header;
  uint32_t length;  // of what is there from the header on; at least an IPv4 header's
  bool is_v4;
};

// What is too short to tell is no IP packet.
std::optional<IpPacket> ip_packet_in(const rte_mbuf* packet) {
  const auto* const frame = rte_pktmbuf_mtod(packet, const uint8_t*);
  size_t at = offsetof(EthernetHeader, type);
  for (size_t tags = 0; tags <= kMaxVlanTags; ++tags) {
    const size_t ip = at + sizeof(Big16);
    if (ip + sizeof(Ipv4Header) > packet->data_len) return std::nullopt;
    const auto type = static_cast<EtherType>(load<Big16>(frame + at).value());
    if (type == EtherType::ipv4 || type == EtherType::ipv6) {
      return IpPacket{.header = frame + ip,
                      .length = static_cast<uint32_t>(packet->data_len - ip),
                      .is_v4 = type == EtherType::ipv4};
    }
    if (type != EtherType::vlan && type != EtherType::service_vlan) return std::nullopt;
    at += sizeof(VlanTag);
  }
  return std::nullopt;
}

uint8_t ttl_of(const IpPacket& ip) {
  return ip.header[ip.is_v4 ? offsetof(Ipv4Header, ttl) : offsetof(Ipv6Header, hop_limit)];
}

std::optional<Address> destination_of(const IpPacket& ip) {
  if (ip.is_v4) return Address::v4(load<Ipv4Header>(ip.header).destination);
  if (ip.length < sizeof(Ipv6Header)) return std::nullopt;
  return Address{load<Ipv6Header>(ip.header).destination};
}

// 224.0.0.0/24 and ff02::/16, which no router passes on.
bool is_group_of_link(const Address& address, bool is_v4) {
  if (is_v4) return address.as_v4().value() >> 8 == 0xe0'0000;
  return address.bytes[0] == 0xff && address.bytes[1] == 0x02;
}

Sort sort_of(const rte_mbuf* packet, const ServiceLookup& services) {
  const std::optional<IpPacket> ip = ip_packet_in(packet);
  if (!ip || ttl_of(*ip) == kHighestTtl) return Sort::neighbour;
  const std::optional<Address> destination = destination_of(*ip);
  if (!destination || services.has_address(*destination)) return Sort::stray;
  const bool is_neighbours = ttl_of(*ip) == kLeastTtl && is_group_of_link(*destination, ip->is_v4);
  return is_neighbours ? Sort::neighbour : Sort::other;
}

}  // namespace

KernelDoor::KernelDoor(rte_ring* ring, uint32_t per_second, PortTally& tally)
    : ring_(ring),
      tally_(tally),
      shares_{share(per_second, 0), share(per_second, rte_ring_get_capacity(ring) / 4),
              share(per_second, rte_ring_get_capacity(ring) / 2)} {}

KernelDoor::Share KernelDoor::share(uint32_t per_second, uint32_t reserved) {
  return {.tokens = TokenBucket(per_second, std::min(per_second, kAtOnce)), .reserved = reserved};
}

Reason KernelDoor::give(rte_mbuf* packet, const ServiceLookup& services, Microseconds now) {
  REQUIRE(packet->nb_segs == 1);
  Share& mine = shares_[static_cast<size_t>(sort_of(packet, services))];
  if (mine.tokens.take(1, now) == 0) return Reason::kernel_limited;
  if (rte_ring_free_count(ring_) <= mine.reserved) return Reason::kernel_full;
  if (rte_ring_sp_enqueue(ring_, packet) != 0) return Reason::kernel_full;
  tally_.to_kernel.add(1);
  return Reason::none;
}

}  // namespace evenkeel
