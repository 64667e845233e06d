// A packet whose addresses and ports become others, and its family too if need be: NAT44, NAT66,
// NAT64 and NAT46, the latter two by RFC 7915. Both directions of a flow use the same function, the
// replies with the reverse translation; who keeps which flow has which translation is not known
// here.
//
// Checksums are updated, never made anew, so that a packet damaged on its way stays so: of TCP, UDP
// and ICMP by RFC 1624, of SCTP, whose CRC32c covers ports, by the CRC's linearity. The one
// exception is UDP without a checksum, which IPv6 does not allow: going there it is computed, from
// the payload. Where both families allow it, UDP's 0 stays 0.
//
// What a change of family does, besides:
//  - IPv4 options are dropped (of them, source routes make the packet untranslatable), as are
//    IPv6's extension headers but for the fragment header, which becomes IPv4's fields or comes of
//    them. A fragment whose first bytes are yet another extension header is untranslatable.
//  - To IPv4, packets of more than 1260 bytes get "don't fragment"; others an id that is the
//    transport's checksum, so that different packets have different ones without any state.
//  - To IPv6, a flow label of 0. A packet that may be fragmented, but is too big, is too_big.
//  - ICMP echoes and errors become those of the other family where RFC 7915 has a counterpart. The
//    MTU that an error tells is adjusted, at least to 1280 in ICMPv6. Errors are cut to 1280 bytes
//    or the translation's MTU, and lose extensions (RFC 4884).
//
// An ICMP error quotes a packet of the opposite direction: the quoted addresses and ports become
// the translation's own, turned round, so that whoever sent the quoted packet recognises it. The
// error itself goes to the translation's destination. Its sender, often a router on the way, is
// kept, unless it is the flow's end or the family changes: then it is the translation's source.
//
// Refused as untranslatable, too: the first fragment of UDP without checksum to IPv6, and of SCTP
// to other ports, both needing bytes that are not there.
#pragma once

#include <cstdint>
#include <optional>

#include "firmware/base/address.h"
#include "firmware/base/endian.h"
#include "firmware/base/reason.h"
#include "firmware/wire/forwarding.h"
#include "firmware/wire/frame.h"
#include "firmware/wire/headers.h"
#include "firmware/wire/parse.h"

namespace evenkeel {

// What the packet is to say, and the way that it is to take.
struct Translation {
  Address source;
  Address destination;
  Big16 source_port;  // ports: of flows that have them
  Big16 destination_port;
  Mac source_mac{};
  Mac destination_mac{};
  uint16_t vlan = 0;    // 0: untagged
  uint16_t mtu = 1500;  // in bytes of IP packet as it leaves
  uint8_t port = 0;     // on which it leaves
};

// `parsed` is what parse() says of the frame. A refused frame is untouched.
// REQUIRES: source and destination are of one family.
Reason translate(Frame& frame, const Parsed& parsed, const Translation& translation);

// What a packet like this one may have at most, so that it has `mtu` bytes in its new family. An
// IPv4 packet that may come in fragments needs room for IPv6's fragment header.
uint16_t mtu_before(uint16_t mtu, const Parsed& parsed, bool becomes_v4);

// What an address is in the other family, by RFC 6052: the last four bytes of one in the prefix, an
// IPv6 /96, or that prefix with the IPv4 address. Nothing, if an IPv6 address is not in it, or
// stands for no single host's.
std::optional<Address> counterpart(const Address& address, const Address& prefix);

// The way to a backend of mode nat: its address, and its port if it has one of its own, instead of
// the VIP's. The client's are kept; where the backend is of the other family, its address becomes
// its counterpart there, and it is untranslatable without one.
// REQUIRES: forwarding.mode is nat.
Reason translate_to_backend(const Forwarding& forwarding, Frame& frame, const Parsed& parsed);

}  // namespace evenkeel
