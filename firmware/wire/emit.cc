#include "firmware/wire/emit.h"

#include <cstddef>
#include <optional>

namespace evenkeel {
namespace {

// Where, from the transport header's start, the packet has a checksum that covers the destination.
std::optional<size_t> checksum_offset(const Parsed& parsed) {
  if (parsed.kind == Kind::fragment_later) return std::nullopt;
  if (parsed.kind == Kind::echo || parsed.kind == Kind::icmp_error) {
    return parsed.is_v4 ? std::nullopt : std::optional(offsetof(IcmpHeader, checksum));
  }
  const auto protocol = static_cast<Protocol>(parsed.key.protocol);
  if (protocol == Protocol::tcp) return offsetof(TcpHeader, checksum);
  if (protocol == Protocol::udp) return offsetof(UdpHeader, checksum);
  return std::nullopt;  // SCTP's covers no address
}

void update_transport(uint8_t* at, const Parsed& parsed, PartialSum before, PartialSum after) {
  const auto checksum = load<Big16>(at);
  const bool is_udp =
      parsed.key.protocol == static_cast<uint8_t>(Protocol::udp) && parsed.kind != Kind::icmp_error;
  if (is_udp && checksum.raw() == 0) return;  // the sender computed none
  const Big16 result = updated(checksum, before, after);
  store(at, is_udp && result.raw() == 0 ? Big16(0xffff) : result);
}

uint8_t marked(uint8_t traffic_class, uint8_t dscp) {
  return static_cast<uint8_t>((dscp << 2) | (traffic_class & 3));
}

void mark_ipv4(uint8_t* ip, const Forwarding& forwarding) {
  auto header = load<Ipv4Header>(ip);
  const PartialSum before = load<uint16_t>(ip) + PartialSum{header.destination.raw()};
  header.traffic_class = marked(header.traffic_class, forwarding.new_dscp());
  header.destination = forwarding.new_destination().as_v4();
  store(ip, header);
  const PartialSum after = load<uint16_t>(ip) + PartialSum{header.destination.raw()};
  header.checksum = updated(header.checksum, before, after);
  store(ip, header);
}

void mark_ipv6(uint8_t* ip, const Forwarding& forwarding, uint8_t traffic_class) {
  auto header = load<Ipv6Header>(ip);
  const uint32_t other = header.version_class_label.value() & 0xf00fffff;
  header.version_class_label =
      other | (uint32_t{marked(traffic_class, forwarding.new_dscp())} << 20);
  header.destination = forwarding.new_destination().bytes;
  store(ip, header);
}

}  // namespace

void emit_marked(const Forwarding& forwarding, Frame& frame, const Parsed& parsed) {
  REQUIRE(forwarding.mode == Mode::l3_direct);
  const std::optional<size_t> offset = checksum_offset(parsed);

  uint8_t* const ip = frame.data + parsed.l3_offset;
  uint8_t* const transport = frame.data + parsed.l4_offset;
  uint8_t* const destination =
      ip + (parsed.is_v4 ? offsetof(Ipv4Header, destination) : offsetof(Ipv6Header, destination));
  const size_t length = parsed.is_v4 ? sizeof(Big32) : sizeof(Address);
  const PartialSum before = sum_bytes(destination, length);
  emit_parts::copy_front<Shape::rewritten>(forwarding, ip);
  emit_parts::frame_anew(forwarding, frame, parsed);
  if (parsed.is_v4) {
    mark_ipv4(ip, forwarding);
  } else {
    mark_ipv6(ip, forwarding, parsed.traffic_class);
  }
  emit_parts::decrement_ttl(ip, parsed.is_v4);
  if (offset) update_transport(transport + *offset, parsed, before, sum_bytes(destination, length));
}

}  // namespace evenkeel
