// The parts of translation: one IP header, or one transport header, at a time. A packet's own and
// those that an ICMP error quotes are treated alike.
#pragma once

#include <cstddef>
#include <cstdint>

#include "firmware/base/address.h"
#include "firmware/base/endian.h"
#include "firmware/base/reason.h"
#include "firmware/wire/checksum.h"
#include "firmware/wire/frame.h"
#include "firmware/wire/parse.h"
#include "firmware/wire/translate.h"

namespace evenkeel::translate_parts {

// An IP header, with all that follows up to the transport, as both families can say it.
struct IpView {
  bool is_v4 = false;
  bool has_counterpart = true;  // nothing in it that the other family cannot say
  uint8_t traffic_class = 0;
  uint8_t ttl = 0;
  uint8_t protocol = 0;       // of the transport
  bool has_fragment = false;  // the next three are said; an IPv6 packet may be its only fragment
  bool more_fragments = false;
  uint16_t fragment_offset = 0;  // in units of 8 bytes
  uint32_t fragment_id = 0;
  uint16_t header_length = 0;
  uint16_t payload_length = 0;  // by the header; a quote may hold less

  bool is_whole() const { return !more_fragments && fragment_offset == 0; }
};

// REQUIRES: parse() accepted the header, as a packet's own or as a quoted one. A quoted header may
// contradict itself; then its payload is empty and it has no counterpart.
IpView read_ip(const uint8_t* ip);

size_t translated_header_length(const IpView& view, bool to_v4);

// Writes the header that says the same in the other family. `id` is IPv4's, for a packet that is
// no fragment.
void write_translated_header(uint8_t* at, const IpView& view, const Address& source,
                             const Address& destination, uint8_t ttl, Big16 id);

// What changes of the words that a checksum covers.
struct Covered {
  PartialSum before = 0;
  PartialSum after = 0;
};

PartialSum sum_addresses(const uint8_t* ip, bool is_v4);

// New addresses in a header that keeps its family; IPv4's own checksum follows.
Covered replace_addresses(uint8_t* ip, bool is_v4, const Address& source,
                          const Address& destination);

// The transport as it stands: `available` bytes of it, of which `length` belong to the packet;
// `length` 0: not known.
struct Transport {
  uint8_t* at;
  size_t available;
  size_t length;
  uint8_t protocol;
};

// New ports, and the checksum to match them and `addresses`. TCP, UDP and SCTP; a checksum that is
// not available is not missed.
void replace_ports(const Transport& transport, Big16 source_port, Big16 destination_port,
                   const Covered& addresses);

// Adds a change to the checksum field at `at`.
void update_checksum(uint8_t* at, const Covered& covered);

// The most that a packet grows by at its front: the headers of another family, with fragment
// headers, of an error and of the packet that it quotes, and a tag.
inline constexpr size_t kMaxGrowth =
    2 * (sizeof(Ipv6Header) + sizeof(Ipv6Fragment) - sizeof(Ipv4Header)) + sizeof(VlanTag);
static_assert(kMaxGrowth <= kFrameHeadroom);

// Gives the packet of `length` bytes, at `ip_at` from the frame's first byte, its Ethernet header
// and tag, and the frame its bounds. What was behind the packet is cut off.
// REQUIRES: it is within the MTU.
void enframe(Frame& frame, ptrdiff_t ip_at, size_t length, const Translation& translation);

// translate(), for ICMP errors.
Reason translate_error(Frame& frame, const Parsed& parsed, const Translation& translation);

}  // namespace evenkeel::translate_parts
