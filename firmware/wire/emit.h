// The last step of steering: the packet put into the form in which it reaches its backend.
//
// emit() lays the backend's ready-made front (forwarding.h) over everything before the IP header -
// the Ethernet header and tags with which the packet came, and headroom - and patches what varies.
// What follows the IP packet, Ethernet padding, is cut off. A refused frame is untouched.
//
// As a router would, it takes one off the TTL or hop limit in every mode. What it writes outside:
//  - traffic class: the inner one, ECN included (RFC 6040, normal mode)
//  - IPv4 don't fragment: as inside, if that is IPv4; set, if it is IPv6, which no router fragments
//  - IPv4 id: 0 where it has no use (RFC 6864); else derived from the inner id and the fragment
//    offset, so that fragments which are themselves fragmented are not mistaken for each other
//  - IPv6 flow label: entropy, never 0 (RFC 6437, 6438)
//  - UDP source port: entropy, in 49152 .. 65535 (RFC 6335's dynamic range)
//  - UDP checksum: 0, over IPv4 and over IPv6 (RFC 6935, 6936: a tunnel, whose inner packets have
//    checksums of their own)
//
// Theory of operation, by a worked packet (40 bytes of IPv4, 6 of padding, untagged, IPIP):
//   before   headroom 128 | 14 Ethernet | 40 IPv4 | 6 padding
//   copied   48 bytes that end at the inner header: 14 unused, 14 Ethernet, 20 outer IPv4
//   after    headroom 108 | 14 Ethernet | 20 outer IPv4 | 40 IPv4, TTL one less
#pragma once

#include <cstdint>
#include <cstring>

#include "firmware/base/check.h"
#include "firmware/base/endian.h"
#include "firmware/base/reason.h"
#include "firmware/wire/checksum.h"
#include "firmware/wire/forwarding.h"
#include "firmware/wire/frame.h"
#include "firmware/wire/parse.h"

namespace evenkeel {

// L3DSR. The server turns the destination back into the VIP that the mark stands for.
//
// Checksums of TCP, UDP and ICMPv6, which cover the destination, are updated: NICs and firewalls on
// the way check them against the address that they see, and servers (Linux's nftables; Yahoo's
// xt_DADDR for TCP and UDP) update them once more when they restore the VIP.
// REQUIRES: the mode is l3_direct, and emit()'s own checks have passed.
void emit_marked(const Forwarding& forwarding, Frame& frame, const Parsed& parsed);

namespace emit_parts {

// Takes one hop off. For IPv4 by RFC 1624: the TTL is the first byte of a word of the checksum,
// which therefore grows by one, from 0xfffe to 0.
inline void decrement_ttl(uint8_t* ip, bool is_v4) {
  if (!is_v4) {
    --ip[offsetof(Ipv6Header, hop_limit)];
    return;
  }
  uint8_t* const at = ip + offsetof(Ipv4Header, ttl);  // TTL, protocol, checksum
  const auto word = load<uint32_t>(at);
  const uint32_t carry = word >= 0xfffe'0000 ? 0x1'0000 : 0;
  store(at, word + 0xffff + carry);
}

// Lays the front over what is before the inner packet, and answers the front's end. Of which fronts
// are short, all but those of UDP over IPv4 need not be asked.
template <Shape kShape>
inline size_t copy_front(const Forwarding& forwarding, uint8_t* ip) {
  constexpr bool kShort =
      kShape == Shape::ipv4 || kShape == Shape::bare || kShape == Shape::rewritten;
  constexpr size_t kEnd = Forwarding::kShortHeader;
  if (kShort || (kShape == Shape::ipv4_udp && forwarding.header_end() == kEnd)) {
    std::memcpy(ip - kEnd, forwarding.header.data(), kEnd);
    return kEnd;
  }
  std::memcpy(ip - kMaxOuterHeader, forwarding.header.data(), kMaxOuterHeader);
  return kMaxOuterHeader;
}

inline void frame_anew(const Forwarding& forwarding, Frame& frame, const Parsed& parsed) {
  const uint32_t before = parsed.l3_offset;
  const uint32_t packet = parsed.l3_length;
  const uint32_t header = forwarding.header_length;
  frame = Frame{
      .data = frame.data + before - header, .length = header + packet, .port = forwarding.port};
}

// Outer id, flags and fragment offset, in memory order.
inline uint32_t outer_identity(const uint8_t* ip, const Parsed& parsed, uint32_t entropy) {
  constexpr uint32_t kAtomic = uint32_t{Big16(kDontFragment).raw()} << 16;
  if (!parsed.may_fragment) return kAtomic;
  const auto inner = load<uint32_t>(ip + offsetof(Ipv4Header, id));
  return (inner ^ (inner >> 16) ^ entropy) & 0xffff;
}

// The ready-made outer IP header. What varies is added to what is read here: bytes just written
// would have to come back out of the store buffer.
inline const uint8_t* ready_outer(const Forwarding& forwarding, size_t front_end) {
  return forwarding.header.data() + front_end - forwarding.overhead;
}

// Writes the outer header's first 16 bytes, of which only TTL and protocol are ready.
inline void patch_ipv4(uint8_t* outer, const uint8_t* ip, const Forwarding& forwarding,
                       size_t front_end, const Parsed& parsed, uint32_t entropy, uint32_t length) {
  const uint32_t lengths =
      byte_swap(0x4500'0000u | (uint32_t{parsed.traffic_class} << 16) | length);
  const uint32_t identity = outer_identity(ip, parsed, entropy);
  const uint64_t source_bits = entropy & forwarding.entropy_mask;
  const uint64_t checksum =
      finish(source_bits + forwarding.checksum_base + lengths + identity).raw();
  const uint64_t ready = load<uint64_t>(ready_outer(forwarding, front_end) + 8);
  store(outer, lengths | (uint64_t{identity} << 32));
  store(outer + 8, ready | (checksum << 16) | (source_bits << 32));
}

inline void patch_ipv6(uint8_t* outer, const Forwarding& forwarding, const Parsed& parsed,
                       uint32_t entropy, uint32_t length) {
  constexpr size_t kSourceEnd = offsetof(Ipv6Header, source) + 12;
  const uint32_t label = entropy & 0xfffff;
  const uint32_t first =
      (6u << 28) | (uint32_t{parsed.traffic_class} << 20) | label | (label == 0 ? 1 : 0);
  const auto ready = load<uint32_t>(ready_outer(forwarding, kMaxOuterHeader) + kSourceEnd);
  store(outer, Big32(first));
  store(outer + offsetof(Ipv6Header, payload_length),
        Big16(static_cast<uint16_t>(length - sizeof(Ipv6Header))));
  store(outer + kSourceEnd, ready | (entropy & forwarding.entropy_mask));
}

inline void patch_udp(uint8_t* udp, size_t length, uint32_t entropy) {
  store(udp + offsetof(UdpHeader, source_port),
        Big16(static_cast<uint16_t>(49'152u | (entropy & 0x3fff))));
  store(udp + offsetof(UdpHeader, length), Big16(static_cast<uint16_t>(length)));
}

template <Shape kShape>
inline void emit_as(const Forwarding& forwarding, Frame& frame, const Parsed& parsed,
                    uint32_t entropy) {
  constexpr bool kIpv4 = kShape == Shape::ipv4 || kShape == Shape::ipv4_udp;
  constexpr bool kUdp = kShape == Shape::ipv4_udp || kShape == Shape::ipv6_udp;
  constexpr size_t kIp = kIpv4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
  uint8_t* const ip = frame.data + parsed.l3_offset;
  uint8_t* const outer = ip - forwarding.overhead;
  const uint32_t length = uint32_t{parsed.l3_length} + forwarding.overhead;
  const size_t front_end = copy_front<kShape>(forwarding, ip);
  if constexpr (kIpv4) {
    patch_ipv4(outer, ip, forwarding, front_end, parsed, entropy, length);
  } else if constexpr (kShape != Shape::bare) {
    patch_ipv6(outer, forwarding, parsed, entropy, length);
  }
  if constexpr (kUdp) patch_udp(outer + kIp, length - kIp, entropy);
  decrement_ttl(ip, parsed.is_v4);
  frame_anew(forwarding, frame, parsed);
}

}  // namespace emit_parts

// Every mode but nat, whose packets translate() (translate.h) makes. `entropy` is 32 bits of the
// flow's hash; `parsed` is what parse() says of the frame.
// REQUIRES: the mode is not nat; the packet is of the forwarding's inner family.
inline Reason emit(const Forwarding& forwarding, Frame& frame, const Parsed& parsed,
                   uint32_t entropy) {
  REQUIRE(parsed.is_v4 == forwarding.inner_is_v4);
  if (parsed.ttl <= 1) return Reason::ttl_expired;
  if (parsed.l3_length + uint32_t{forwarding.overhead} > forwarding.mtu) return Reason::too_big;
  // Not a switch: its jump table costs 1 ns a packet more (Zen 4, gcc 12 and clang 19).
  const Shape shape = forwarding.shape;
  if (shape == Shape::ipv4) {
    emit_parts::emit_as<Shape::ipv4>(forwarding, frame, parsed, entropy);
  } else if (shape == Shape::ipv6) {
    emit_parts::emit_as<Shape::ipv6>(forwarding, frame, parsed, entropy);
  } else if (shape == Shape::ipv4_udp) {
    emit_parts::emit_as<Shape::ipv4_udp>(forwarding, frame, parsed, entropy);
  } else if (shape == Shape::ipv6_udp) {
    emit_parts::emit_as<Shape::ipv6_udp>(forwarding, frame, parsed, entropy);
  } else if (shape == Shape::bare) {
    emit_parts::emit_as<Shape::bare>(forwarding, frame, parsed, entropy);
  } else {
    emit_marked(forwarding, frame, parsed);
  }
  return Reason::none;
}

}  // namespace evenkeel
