// The reply to an echo request is the request turned round; a "too big" is written from nothing.
#include "firmware/wire/icmp.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/wire/checksum.h"
#include "firmware/wire/headers.h"

namespace evenkeel {
namespace {

constexpr uint8_t kTtl = 64;
constexpr uint8_t kNetworkControl = 0xc0;  // precedence 6: RFC 1812 4.3.2.5
constexpr uint32_t kLargestV4 = 576;       // of an answer: RFC 1812 4.3.2.3
constexpr uint32_t kLargestV6 = 1280;      // RFC 4443 2.4 (c)
constexpr uint16_t kLeastMtuV4 = 68;
constexpr uint16_t kLeastMtuV6 = 1280;

uint32_t ip_header_length(bool is_v4) {
  return static_cast<uint32_t>(is_v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header));
}

// Neither a group's address as sender nor as receiver may be answered.
bool is_group(const uint8_t* ethernet, const Parsed& parsed) {
  const bool frame = ((ethernet[offsetof(EthernetHeader, destination)] |
                       ethernet[offsetof(EthernetHeader, source)]) &
                      1) != 0;
  const uint8_t* destination = parsed.key.destination.bytes.data();
  return frame || (parsed.is_v4 ? destination[12] >= 224 : destination[0] == 0xff);
}

void swap_macs(uint8_t* ethernet) {
  auto header = load<EthernetHeader>(ethernet);
  std::swap(header.source, header.destination);
  store(ethernet, header);
}

// Of the ICMP message of an echo or its reply, which have the same pseudo header.
PartialSum sum_echo(const uint8_t* icmp, uint32_t length, const Parsed& parsed) {
  const PartialSum sum = sum_bytes(icmp, length);
  if (parsed.is_v4) return sum;
  return sum +
         sum_pseudo_header(parsed.key.source, parsed.key.destination, parsed.key.protocol, length);
}

// Summed anew: an update cannot tell the two zeros of one's complement apart, and a reply may be
// all zeros.
void turn_echo(uint8_t* icmp, uint32_t length, const Parsed& parsed) {
  auto header = load<IcmpHeader>(icmp);
  header.type = parsed.is_v4 ? kIcmpEchoReply : kIcmpv6EchoReply;
  header.checksum = 0;
  store(icmp, header);
  header.checksum = finish(sum_echo(icmp, length, parsed));
  store(icmp, header);
}

void turn_v4(uint8_t* l3, uint32_t payload) {
  auto header = load<Ipv4Header>(l3);
  header.version_length = 0x45;
  header.total_length = static_cast<uint16_t>(sizeof(header) + payload);
  header.ttl = kTtl;
  header.checksum = 0;
  std::swap(header.source, header.destination);
  header.checksum = finish(sum_ipv4_header(&header));
  store(l3, header);
}

void turn_v6(uint8_t* l3, uint32_t payload) {
  auto header = load<Ipv6Header>(l3);
  header.payload_length = static_cast<uint16_t>(payload);
  header.next_header = static_cast<uint8_t>(Protocol::icmpv6);
  header.hop_limit = kTtl;
  std::swap(header.source, header.destination);
  store(l3, header);
}

void write_v4(uint8_t* l3, const Parsed& parsed, uint32_t payload) {
  Ipv4Header header{};
  header.version_length = 0x45;
  header.traffic_class = kNetworkControl;
  header.total_length = static_cast<uint16_t>(sizeof(header) + payload);
  header.fragment = kDontFragment;  // and so needs no id: RFC 6864
  header.ttl = kTtl;
  header.protocol = static_cast<uint8_t>(Protocol::icmp);
  header.source = parsed.key.destination.as_v4();
  header.destination = parsed.key.source.as_v4();
  header.checksum = finish(sum_ipv4_header(&header));
  store(l3, header);
}

void write_v6(uint8_t* l3, const Parsed& parsed, uint32_t payload) {
  Ipv6Header header{};
  header.version_class_label = (6u << 28) | (uint32_t{kNetworkControl} << 20);
  header.payload_length = static_cast<uint16_t>(payload);
  header.next_header = static_cast<uint8_t>(Protocol::icmpv6);
  header.hop_limit = kTtl;
  header.source = parsed.key.destination.bytes;
  header.destination = parsed.key.source.bytes;
  store(l3, header);
}

// `payload` counts this header and the quote that already stands behind it.
void write_icmp(uint8_t* icmp, const Parsed& parsed, uint16_t mtu, uint32_t payload) {
  IcmpHeader header{};
  header.type = parsed.is_v4 ? kIcmpUnreachable : kIcmpv6TooBig;
  header.code = parsed.is_v4 ? kIcmpFragmentationNeeded : uint8_t{0};
  header.rest = std::max(mtu, parsed.is_v4 ? kLeastMtuV4 : kLeastMtuV6);
  store(icmp, header);
  PartialSum sum = sum_bytes(icmp, payload);
  if (!parsed.is_v4) {
    sum += sum_pseudo_header(parsed.key.destination, parsed.key.source,
                             static_cast<uint8_t>(Protocol::icmpv6), payload);
  }
  header.checksum = finish(sum);
  store(icmp, header);
}

}  // namespace

Reason make_echo_reply(Frame& frame, const Parsed& parsed) {
  REQUIRE(parsed.kind == Kind::echo);
  const uint32_t front = parsed.l3_offset + ip_header_length(parsed.is_v4);
  const uint32_t dropped = parsed.l4_offset - front;
  const uint32_t payload = parsed.l3_offset + uint32_t{parsed.l3_length} - parsed.l4_offset;
  if (is_group(frame.data, parsed)) return Reason::bad_address;
  uint8_t* icmp = frame.data + parsed.l4_offset;
  if (finish(sum_echo(icmp, payload, parsed)) != Big16(0)) return Reason::bad_checksum;
  turn_echo(icmp, payload, parsed);

  std::memmove(frame.data + dropped, frame.data, front);
  frame.data += dropped;
  frame.length -= dropped;
  swap_macs(frame.data);
  uint8_t* l3 = frame.data + parsed.l3_offset;
  parsed.is_v4 ? turn_v4(l3, payload) : turn_v6(l3, payload);
  return Reason::none;
}

Reason may_tell(const Frame& offending, const Parsed& parsed) {
  if (parsed.kind == Kind::icmp_error) return Reason::icmp_other;
  if (parsed.kind == Kind::fragment_later) return Reason::fragment_later;
  return is_group(offending.data, parsed) ? Reason::bad_address : Reason::none;
}

Reason make_too_big(const Frame& offending, const Parsed& parsed, uint16_t mtu, uint32_t capacity,
                    Frame& ret_frame) {
  const Reason reason = may_tell(offending, parsed);
  if (reason != Reason::none) return reason;
  const uint32_t ip = ip_header_length(parsed.is_v4);
  const uint32_t headers = ip + static_cast<uint32_t>(sizeof(IcmpHeader));
  const uint32_t largest = parsed.is_v4 ? kLargestV4 : kLargestV6;
  const uint32_t quote = std::min(uint32_t{parsed.l3_length}, largest - headers);
  const uint32_t length = parsed.l3_offset + headers + quote;
  if (length > capacity) return Reason::no_headroom;

  uint8_t* l3 = ret_frame.data + parsed.l3_offset;
  std::memcpy(ret_frame.data, offending.data, parsed.l3_offset);
  swap_macs(ret_frame.data);
  std::memcpy(l3 + headers, offending.data + parsed.l3_offset, quote);
  const uint32_t payload = length - parsed.l3_offset - ip;
  parsed.is_v4 ? write_v4(l3, parsed, payload) : write_v6(l3, parsed, payload);
  write_icmp(l3 + ip, parsed, mtu, payload);
  ret_frame.length = length;
  ret_frame.port = offending.port;
  return Reason::none;
}

}  // namespace evenkeel
