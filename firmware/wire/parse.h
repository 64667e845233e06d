// From a frame to the flow that it belongs to.
//
// parse() reads Ethernet II with up to two VLAN tags, IPv4 with options, IPv6 with extension
// headers, and the ports of TCP, UDP and SCTP, ICMP echo, and ICMP errors, whose *quoted* flow is
// the one to be steered. It answers none and fills ret_parsed, or answers the reason and leaves it
// untouched. It never reads a byte at or beyond data + length.
//
// Nearly all packets are plain: no options, no extension headers, whole, TCP or UDP, and nothing
// wrong with them. parse() knows those inline, and can only say yes; everything else, and every
// refusal, is for parse_slow(), which knows all packets.
//
// Theory of operation, by a worked packet (TCP SYN, VLAN 7, IPv4):
//   00..13  Ethernet, type 0x8100   14..17  tag, type 0x0800
//   18..37  IPv4, protocol 6        38..57  TCP, ports 40000 -> 80, SYN
//   => l3_offset 18, l4_offset 38, l3_length 40, kind transport, signals kOpening,
//      key {client, VIP, 40000, 80, 6}
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "firmware/base/address.h"
#include "firmware/base/limits.h"
#include "firmware/base/reason.h"
#include "firmware/wire/checksum.h"
#include "firmware/wire/frame.h"
#include "firmware/wire/headers.h"

namespace evenkeel {

// Who talks to whom, from the client's side, both families alike. What the flow hash reads.
struct FlowKey {
  Address source;
  Address destination;
  Big16 source_port;
  Big16 destination_port;
  uint8_t protocol = 0;
  std::array<uint8_t, 3> zero{};  // so that the key may be compared and hashed as bytes

  friend bool operator==(const FlowKey&, const FlowKey&) = default;
};
static_assert(sizeof(FlowKey) == 40 && std::is_trivially_copyable_v<FlowKey>);

enum class Kind : uint8_t {
  transport,       // a whole packet with ports
  fragment_first,  // has ports, more fragments follow
  fragment_later,  // ports are zero, and IPv6's protocol may be an extension header's number
  echo,            // ICMP or ICMPv6 echo request; ports are zero
  icmp_error,      // key is the quoted flow, turned round to the client's side
};

// What a transport header says about its connection, TCP and SCTP alike.
inline constexpr uint8_t kOpening = 1;  // SYN without ACK; SCTP INIT
inline constexpr uint8_t kClosing = 2;  // FIN; SCTP SHUTDOWN COMPLETE
inline constexpr uint8_t kReset = 4;    // RST; SCTP ABORT

struct alignas(kCacheLine) Parsed {
  FlowKey key;
  uint16_t l3_offset = 0;  // of the IP header, from the frame's first byte
  uint16_t l3_length = 0;  // of the IP packet by its own header: Ethernet padding is not in it
  uint16_t l4_offset = 0;  // of the transport or ICMP header; of the payload in a later fragment
  uint16_t quoted_offset = 0;  // icmp_error: of the quoted IP header
  Kind kind = Kind::transport;
  bool is_v4 = false;  // the family of the packet's own header
  uint8_t signals = 0;
  uint8_t traffic_class = 0;
  uint8_t ttl = 0;
  bool may_fragment = false;  // IPv4 without "don't fragment"
  uint16_t unused = 0;
  uint32_t fragment_id = 0;  // of a first or later fragment, together with key's addresses
};
static_assert(sizeof(Parsed) == kCacheLine && std::is_trivially_copyable_v<Parsed>);

// Any packet, plain ones too. What it refuses beyond broken lengths and versions, and why:
//  - bad_checksum: virtual devices do not verify the IPv4 header as hardware does.
//  - bad_address: a source in 0/8, 127/8, 224/3, ff00::/8, or ::, ::1; source equal to destination;
//    an IPv4-mapped address in an IPv6 header, which would pass for an IPv4 flow.
//  - bad_header: a fragment at offset 8, which could rewrite TCP's flags (RFC 1858); fragments that
//    reach beyond 64 KiB, or leave a gap by their length; a second fragment header; a routing
//    header with further to go, so that the destination is not where the packet ends; a TCP segment
//    with SYN and FIN, SYN and RST, or none of SYN, RST and ACK: no receiver takes it.
//  - truncated: a first fragment without the whole of the fixed transport header; a UDP length
//    beyond the packet; a quote of fewer than 8 bytes of transport header.
//  - icmp_other: fragments of ICMP, and errors that quote ICMP: no flow of a service.
//  - icmp_mismatch: an error that quotes a packet of someone else, or a later fragment.
// The checks of addresses and ports hold for a quoted flow as well. A quoted packet's IPv4 checksum
// and lengths are not held against it: routers quote little, and have changed the TTL.
Reason parse_slow(const Frame& frame, Parsed& ret_parsed);

// As parse_slow(), but quick about plain packets behind tags.
Reason parse_tagged(const Frame& frame, Parsed& ret_parsed);

// By a TCP segment's lowest five flags: its signals, or kUnacceptable where no receiver would take
// it.
inline constexpr uint8_t kUnacceptable = 0x80;
inline constexpr std::array<uint8_t, 32> kTcpSignals = [] {
  std::array<uint8_t, 32> signals{};
  for (size_t flags = 0; flags < 32; ++flags) {
    const bool opens = (flags & kTcpSyn) != 0;
    const bool ok = opens ? (flags & (kTcpFin | kTcpRst)) == 0 : (flags & (kTcpRst | kTcpAck)) != 0;
    signals[flags] = static_cast<uint8_t>(
        (opens && (flags & kTcpAck) == 0 ? kOpening : 0) | ((flags & kTcpFin) != 0 ? kClosing : 0) |
        ((flags & kTcpRst) != 0 ? kReset : 0) | (ok ? 0 : kUnacceptable));
  }
  return signals;
}();

// The signals of a plain packet's transport, or kUnacceptable.
//
// REQUIRES: sizeof(TcpHeader) bytes are readable, though only `room` belong to the packet.
[[gnu::always_inline]] inline uint8_t plain_signals(const uint8_t* header, int32_t room,
                                                    uint8_t protocol) {
  if (protocol == static_cast<uint8_t>(Protocol::tcp)) [[likely]] {
    const int32_t length = (header[offsetof(TcpHeader, data_offset)] >> 2) & 0x3c;
    if (length < static_cast<int32_t>(sizeof(TcpHeader)) || length > room) return kUnacceptable;
    return kTcpSignals[header[offsetof(TcpHeader, flags)] & 31];
  }
  const int32_t length = byte_swap(load<uint16_t>(header + offsetof(UdpHeader, length)));
  return protocol == static_cast<uint8_t>(Protocol::udp) &&
                 length >= static_cast<int32_t>(sizeof(UdpHeader)) && length <= room
             ? 0
             : kUnacceptable;
}

inline bool has_zero_port(uint32_t ports) { return ports <= 0xffff || (ports & 0xffff) == 0; }

// Sixteen bytes of the packet or of Parsed, so that most of it is filled by shuffling, not by
// shifts: 1.1 ns of a packet. Whole stores also spare the flow hash, which loads the key right
// after, the wait for words that were stored in pieces.
using Bytes16 = uint8_t __attribute__((vector_size(16)));

// The fields of Parsed from l3_offset to `unused`, of an untagged packet; kept together so that one
// store writes them.
inline constexpr size_t kMarks = offsetof(Parsed, l3_offset);
static_assert(kMarks == 40 && offsetof(Parsed, l3_length) == kMarks + 2 &&
              offsetof(Parsed, l4_offset) == kMarks + 4 && offsetof(Parsed, is_v4) == kMarks + 9 &&
              offsetof(Parsed, traffic_class) == kMarks + 11 &&
              offsetof(Parsed, ttl) == kMarks + 12 && offsetof(Parsed, fragment_id) == kMarks + 16);

inline void fill_plain(Parsed& parsed, uint32_t ports, uint8_t protocol, const Bytes16& marks,
                       uint8_t signals) {
  auto* bytes = reinterpret_cast<uint8_t*>(&parsed);
  store(bytes + offsetof(FlowKey, source_port), ports | (uint64_t{protocol} << 32));
  store(bytes + kMarks, marks);
  store(bytes + offsetof(Parsed, fragment_id), uint64_t{0});
  parsed.signals = signals;
}

// Says no, and writes nothing, unless all is well.
//
// REQUIRES: `available` bytes from the IP header on, at least sizeof(Ipv4Header) +
// sizeof(TcpHeader).
[[gnu::always_inline]] inline bool parse_plain_v4(const uint8_t* l3, int32_t available,
                                                  Parsed& ret_parsed) {
  constexpr uint64_t kFirstMask =
      0xff | (uint64_t{Big16(kMoreFragments | kFragmentOffset).raw()} << 48);
  const auto first = load<uint64_t>(l3);       // up to the fragment field
  const auto second = load<uint64_t>(l3 + 8);  // up to the source
  const auto source = static_cast<uint32_t>(second >> 32);
  const auto destination = load<uint32_t>(l3 + offsetof(Ipv4Header, destination));
  const auto net = static_cast<uint8_t>(source);
  const auto protocol = static_cast<uint8_t>(second >> 8);
  const int32_t length = byte_swap(static_cast<uint16_t>(first >> 16));
  if ((first & kFirstMask) != 0x45 || length > available) return false;
  // No overflow: of the first word's highest 16 bits, only two can be set by now.
  const PartialSum sum = first + (second & 0xffffffff) + source + destination;
  if (sum % 0xffff != 0 || source == destination || net - 1u >= 223 || net == 127) return false;

  const uint8_t* l4 = l3 + sizeof(Ipv4Header);
  const auto ports = load<uint32_t>(l4);
  const uint8_t signals =
      plain_signals(l4, length - static_cast<int32_t>(sizeof(Ipv4Header)), protocol);
  if (signals >= kUnacceptable || has_zero_port(ports)) return false;

  constexpr Bytes16 kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
  constexpr Bytes16 kTemplate = {14, 0, 0, 0, 34, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  const auto header = load<Bytes16>(l3);
  const auto addresses = load<Bytes16>(l3 + offsetof(Ipv4Header, source));
  store(&ret_parsed.key.source, __builtin_shufflevector(addresses, kMapped, 16, 17, 18, 19, 20, 21,
                                                        22, 23, 24, 25, 26, 27, 0, 1, 2, 3));
  store(&ret_parsed.key.destination,
        __builtin_shufflevector(addresses, kMapped, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
                                4, 5, 6, 7));
  fill_plain(ret_parsed, ports, protocol,
             __builtin_shufflevector(header, kTemplate, 16, 17, 3, 2, 20, 21, 22, 23, 24, 25, 26, 1,
                                     8, 29, 30, 31),
             signals);
  ret_parsed.may_fragment = (first >> 48 & Big16(kDontFragment).raw()) == 0;
  return true;
}

// As parse_plain_v4().
//
// REQUIRES: `available` bytes from the IP header on, at least sizeof(Ipv6Header) +
// sizeof(TcpHeader), at most UINT16_MAX.
[[gnu::always_inline]] inline bool parse_plain_v6(const uint8_t* l3, int32_t available,
                                                  Parsed& ret_parsed) {
  const auto first = load<uint64_t>(l3);  // all but the addresses
  const auto protocol = static_cast<uint8_t>(first >> 48);
  const int32_t room = byte_swap(static_cast<uint16_t>(first >> 32));
  const int32_t length = room + static_cast<int32_t>(sizeof(Ipv6Header));
  const auto source = Address::v6(l3 + offsetof(Ipv6Header, source));
  const auto destination = Address::v6(l3 + offsetof(Ipv6Header, destination));
  // Addresses in ::/64 are rare enough for parse_slow() to tell the good from the bad.
  if ((first & 0xf0) != 0x60 || length > available || source.high() == 0 ||
      destination.high() == 0 || (source.high() & 0xff) == 0xff ||
      ((source.high() ^ destination.high()) | (source.low() ^ destination.low())) == 0) {
    return false;
  }
  const uint8_t* l4 = l3 + sizeof(Ipv6Header);
  const auto ports = load<uint32_t>(l4);
  const uint8_t signals = plain_signals(l4, room, protocol);
  if (signals >= kUnacceptable || has_zero_port(ports)) return false;

  constexpr Bytes16 kTemplate = {14, 0, 0, 0, 54, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const auto header = load<Bytes16>(l3);
  store(&ret_parsed.key.source, load<Bytes16>(l3 + offsetof(Ipv6Header, source)));
  store(&ret_parsed.key.destination, load<Bytes16>(l3 + offsetof(Ipv6Header, destination)));
  fill_plain(ret_parsed, ports, protocol,
             __builtin_shufflevector(header, kTemplate, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
                                     27, 7, 29, 30, 31),
             signals);
  ret_parsed.l3_length = static_cast<uint16_t>(length);
  ret_parsed.traffic_class = static_cast<uint8_t>(load<Big16>(l3).value() >> 4);
  return true;
}

// Whichever family `type` says, `l3` bytes into the frame; the offsets are those of an untagged
// one.
[[gnu::always_inline]] inline bool parse_plain(const Frame& frame, uint32_t l3, Big16 type,
                                               Parsed& ret_parsed) {
  constexpr size_t kLeast = sizeof(TcpHeader);
  const auto available = static_cast<int32_t>(frame.length - l3);
  if (type == Big16(static_cast<uint16_t>(EtherType::ipv4))) {
    return frame.length >= l3 + sizeof(Ipv4Header) + kLeast &&
           parse_plain_v4(frame.data + l3, available, ret_parsed);
  }
  return type == Big16(static_cast<uint16_t>(EtherType::ipv6)) &&
         frame.length >= l3 + sizeof(Ipv6Header) + kLeast && frame.length <= UINT16_MAX &&
         parse_plain_v6(frame.data + l3, available, ret_parsed);
}

[[gnu::always_inline]] inline Reason parse(const Frame& frame, Parsed& ret_parsed) {
  if (frame.length < sizeof(EthernetHeader)) return Reason::truncated;
  const auto type = load<Big16>(frame.data + offsetof(EthernetHeader, type));
  if (parse_plain(frame, sizeof(EthernetHeader), type, ret_parsed)) [[likely]] {
    return Reason::none;
  }
  return parse_tagged(frame, ret_parsed);
}

}  // namespace evenkeel
