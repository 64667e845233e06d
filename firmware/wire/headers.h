// The headers as they stand on the wire: no alignment, no padding, fields in network order.
#pragma once

#include <array>
#include <cstdint>

#include "firmware/base/endian.h"

namespace evenkeel {

using Mac = std::array<uint8_t, 6>;

enum class EtherType : uint16_t {
  ipv4 = 0x0800,
  vlan = 0x8100,
  bridging = 0x6558,  // Ethernet inside GRE or Geneve
  ipv6 = 0x86dd,
  service_vlan = 0x88a8,  // the outer tag of QinQ
};

enum class Protocol : uint8_t {
  hop_by_hop = 0,
  icmp = 1,
  ipv4 = 4,
  tcp = 6,
  udp = 17,
  ipv6 = 41,
  routing = 43,
  fragment = 44,
  gre = 47,
  icmpv6 = 58,
  no_next = 59,
  destination_options = 60,
  sctp = 132,
};

struct EthernetHeader {
  Mac destination;
  Mac source;
  Big16 type;
};
static_assert(sizeof(EthernetHeader) == 14);

struct VlanTag {
  Big16 control;  // priority 3, drop eligible 1, id 12
  Big16 type;
};
static_assert(sizeof(VlanTag) == 4);

struct Ipv4Header {
  uint8_t version_length;  // version 4, header length in words 4
  uint8_t traffic_class;   // DSCP 6, ECN 2
  Big16 total_length;
  Big16 id;
  Big16 fragment;  // reserved 1, don't fragment 1, more fragments 1, offset in 8 bytes 13
  uint8_t ttl;
  uint8_t protocol;
  Big16 checksum;
  Big32 source;
  Big32 destination;
};
static_assert(sizeof(Ipv4Header) == 20);

inline constexpr uint16_t kDontFragment = 0x4000;
inline constexpr uint16_t kMoreFragments = 0x2000;
inline constexpr uint16_t kFragmentOffset = 0x1fff;

struct Ipv6Header {
  Big32 version_class_label;  // version 4, traffic class 8, flow label 20
  Big16 payload_length;
  uint8_t next_header;
  uint8_t hop_limit;
  std::array<uint8_t, 16> source;
  std::array<uint8_t, 16> destination;
};
static_assert(sizeof(Ipv6Header) == 40);

struct Ipv6Fragment {
  uint8_t next_header;
  uint8_t reserved;
  Big16 offset;  // offset in 8 bytes 13, reserved 2, more fragments 1
  Big32 id;
};
static_assert(sizeof(Ipv6Fragment) == 8);

struct TcpHeader {
  Big16 source_port;
  Big16 destination_port;
  Big32 sequence;
  Big32 acknowledgement;
  uint8_t data_offset;  // header length in words 4, reserved 4
  uint8_t flags;
  Big16 window;
  Big16 checksum;
  Big16 urgent;
};
static_assert(sizeof(TcpHeader) == 20);

inline constexpr uint8_t kTcpFin = 0x01;
inline constexpr uint8_t kTcpSyn = 0x02;
inline constexpr uint8_t kTcpRst = 0x04;
inline constexpr uint8_t kTcpAck = 0x10;

struct UdpHeader {
  Big16 source_port;
  Big16 destination_port;
  Big16 length;
  Big16 checksum;
};
static_assert(sizeof(UdpHeader) == 8);

struct SctpHeader {
  Big16 source_port;
  Big16 destination_port;
  Big32 verification_tag;
  Big32 checksum;  // CRC32c over the SCTP packet alone: address translation does not touch it
};
static_assert(sizeof(SctpHeader) == 12);

struct IcmpHeader {
  uint8_t type;
  uint8_t code;
  Big16 checksum;
  Big32 rest;  // echo: id and sequence; errors: unused, pointer or MTU
};
static_assert(sizeof(IcmpHeader) == 8);

inline constexpr uint8_t kIcmpEchoReply = 0;
inline constexpr uint8_t kIcmpUnreachable = 3;
inline constexpr uint8_t kIcmpEchoRequest = 8;
inline constexpr uint8_t kIcmpTimeExceeded = 11;
inline constexpr uint8_t kIcmpParameter = 12;
inline constexpr uint8_t kIcmpFragmentationNeeded = 4;  // a code of kIcmpUnreachable
inline constexpr uint8_t kIcmpv6Unreachable = 1;
inline constexpr uint8_t kIcmpv6TooBig = 2;
inline constexpr uint8_t kIcmpv6Parameter = 4;
inline constexpr uint8_t kIcmpv6EchoRequest = 128;
inline constexpr uint8_t kIcmpv6EchoReply = 129;

struct GreHeader {
  Big16 flags_version;
  Big16 protocol;
};
static_assert(sizeof(GreHeader) == 4);

struct GueHeader {  // variant 0, data message, no extensions (draft-ietf-intarea-gue)
  uint8_t version_control_length;
  uint8_t protocol;
  Big16 flags;
};
static_assert(sizeof(GueHeader) == 4);

struct VxlanHeader {  // RFC 7348
  Big32 flags;
  Big32 vni;  // network identifier 24, reserved 8
};
static_assert(sizeof(VxlanHeader) == 8);

struct GeneveHeader {  // RFC 8926, no options
  uint8_t version_length;
  uint8_t flags;
  Big16 protocol;
  Big32 vni;  // network identifier 24, reserved 8
};
static_assert(sizeof(GeneveHeader) == 8);

}  // namespace evenkeel
