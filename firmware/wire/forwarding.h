// How packets reach one backend: what control code says (ForwardingSpec), and the form that a
// worker copies from (Forwarding), made once, off the packet path.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "firmware/base/address.h"
#include "firmware/base/check.h"
#include "firmware/base/endian.h"
#include "firmware/base/limits.h"
#include "firmware/base/status.h"
#include "firmware/wire/headers.h"

namespace evenkeel {

enum class Mode : uint8_t {
  l2_direct,  // MAC rewrite; the backend is a neighbour and owns the VIP
  l3_direct,  // L3DSR: destination rewritten, the VIP told by DSCP
  ipip,       // IP in IP, all four pairs of families
  gre,
  gue,
  vxlan,
  geneve,
  nat,  // addresses and ports translated; replies come back through the box
};

// What control code says of one backend. A field that a mode does not use is not looked at.
struct ForwardingSpec {
  Mode mode = Mode::ipip;
  bool inner_is_v4 = true;  // the family of the VIP
  Mac source_mac{};         // of the port that sends
  Mac destination_mac{};    // of the next hop
  uint8_t port = 0;         // on which its packets leave
  uint16_t vlan = 0;        // tag of the outgoing frame; 0: untagged
  uint16_t mtu = 1500;      // of the way to the backend, in bytes of outermost IP packet

  Address destination;            // tunnels: far end; l3_direct, nat: the backend
  uint16_t destination_port = 0;  // nat: 0 keeps the port; UDP tunnels: 0 means the standard port

  Address tunnel_source;            // tunnels: near end
  uint8_t source_entropy_bits = 0;  // ipip, gre: low bits of tunnel_source replaced by flow entropy
  uint8_t tunnel_ttl = 64;
  uint32_t vni = 0;        // vxlan, geneve: 24 bits
  Mac inner_source_mac{};  // vxlan, geneve
  Mac inner_destination_mac{};
  uint8_t dscp = 0;  // l3_direct: the mark, 1 to 63
  // nat to the other family: the IPv6 /96 that stands for all of IPv4 (RFC 6052), such as
  // 64:ff9b::, which is what an IPv4 client is known by there, and an IPv6 client must be from.
  Address translation_prefix;

  friend bool operator==(const ForwardingSpec&, const ForwardingSpec&) = default;
};

// What emitting does, of which each has code of its own.
enum class Shape : uint8_t {
  bare,       // l2_direct: nothing but the front
  rewritten,  // l3_direct, nat: the packet itself changes
  ipv4,       // an outer header of that family, and nothing behind it that varies
  ipv6,
  ipv4_udp,
  ipv6_udp,
};

// Invariants:
//  1. header_length bytes ending at header + header_end() are the frame's new front, from its
//     Ethernet header on, complete but for lengths, entropy, traffic class, id and checksum. Its
//     last `overhead` bytes begin with the outer IP header.
//  2. A front of at most kShortHeader bytes ends at kShortHeader, so that it and what is needed to
//     use it lie in one cache line; a longer one ends at kMaxOuterHeader.
//  3. Copying the whole of it so that it ends where the inner packet begins writes only
//  kFrameHeadroom.
//  4. Modes l3_direct and nat have short fronts; the first bytes of header, which are before the
//     front, hold what is written into the packet itself (new_destination(), new_port(),
//     new_dscp(), translation_prefix()).
struct alignas(kCacheLine) Forwarding {
  static constexpr size_t kShortHeader = 48;
  static constexpr size_t kPrefixAt = sizeof(Address) + sizeof(Big16);
  static constexpr size_t kPrefixBytes = 12;

  Mode mode = Mode::ipip;
  Shape shape = Shape::bare;
  bool inner_is_v4 = true;     // as in the spec
  uint8_t header_length = 0;   // Ethernet header, tag and outer headers
  uint8_t port = 0;            // as in the spec
  uint8_t overhead = 0;        // bytes that the IP packet grows by
  uint16_t mtu = 0;            // as in the spec
  uint32_t checksum_base = 0;  // outer IPv4: folded sum of the header's last 12 bytes, in which
                               // the checksum and the entropy's bits are zero
  uint32_t entropy_mask = 0;   // of the outer source address's last word, in memory order
  std::array<uint8_t, kMaxOuterHeader> header{};

  uint8_t header_end() const {
    return header_length <= kShortHeader ? kShortHeader : kMaxOuterHeader;
  }
  // REQUIRES: mode is l3_direct or nat.
  Address new_destination() const {
    REQUIRE(shape == Shape::rewritten);
    return load<Address>(header.data());
  }
  // 0: the packet's own. REQUIRES: mode is nat.
  Big16 new_port() const {
    REQUIRE(mode == Mode::nat);
    return load<Big16>(header.data() + sizeof(Address));
  }
  // As in the spec. REQUIRES: mode is nat.
  Address translation_prefix() const {
    REQUIRE(mode == Mode::nat);
    Address prefix;
    std::memcpy(prefix.bytes.data(), header.data() + kPrefixAt, kPrefixBytes);
    return prefix;
  }
  // REQUIRES: mode is l3_direct.
  uint8_t new_dscp() const {
    REQUIRE(mode == Mode::l3_direct);
    return header[sizeof(Address)];
  }

  friend bool operator==(const Forwarding&, const Forwarding&) = default;
};
static_assert(sizeof(Forwarding) == 128 && std::is_trivially_copyable_v<Forwarding>);
static_assert(offsetof(Forwarding, header) + Forwarding::kShortHeader == kCacheLine);
static_assert(Forwarding::kPrefixAt + Forwarding::kPrefixBytes + sizeof(EthernetHeader) +
                  sizeof(VlanTag) <=
              Forwarding::kShortHeader);

// Refuses what cannot be emitted (families that do not match, a VNI of 25 bits, an MTU that leaves
// no room ...) with a sentence that names the field.
Result<Forwarding> make_forwarding(const ForwardingSpec& spec);
// The same of a spec that it has taken, which is not looked at again.
Forwarding forwarding_of_good(const ForwardingSpec& spec);

}  // namespace evenkeel
