// A packet with ports, or an echo. Everything that may refuse comes before the first write.
#include "firmware/wire/translate.h"

#include "firmware/base/check.h"
#include "firmware/wire/emit.h"
#include "firmware/wire/translate_header.h"

namespace evenkeel {
namespace {

using translate_parts::Covered;
using translate_parts::IpView;
using translate_parts::Transport;

bool is(const Parsed& parsed, Protocol protocol) {
  return parsed.key.protocol == static_cast<uint8_t>(protocol);
}

Transport transport_of(const Frame& frame, const Parsed& parsed) {
  const size_t length = size_t{parsed.l3_offset} + parsed.l3_length - parsed.l4_offset;
  return Transport{.at = frame.data + parsed.l4_offset,
                   .available = length,
                   .length = length,
                   .protocol = parsed.key.protocol};
}

// The CRC of a first fragment covers bytes that are not here, nobody knows how many.
bool has_unknown_crc(const Parsed& parsed, const Translation& translation) {
  return is(parsed, Protocol::sctp) && parsed.kind == Kind::fragment_first &&
         (parsed.key.source_port != translation.source_port ||
          parsed.key.destination_port != translation.destination_port);
}

Reason translate_within(Frame& frame, const Parsed& parsed, const Translation& translation) {
  using namespace translate_parts;
  if (has_unknown_crc(parsed, translation)) return Reason::untranslatable;
  if (parsed.l3_length > translation.mtu) return Reason::too_big;

  uint8_t* const ip = frame.data + parsed.l3_offset;
  const Covered addresses =
      replace_addresses(ip, parsed.is_v4, translation.source, translation.destination);
  emit_parts::decrement_ttl(ip, parsed.is_v4);
  const Transport transport = transport_of(frame, parsed);
  if (parsed.kind == Kind::echo) {
    // ICMP's checksum covers no address, ICMPv6's does.
    if (!parsed.is_v4) update_checksum(transport.at + offsetof(IcmpHeader, checksum), addresses);
  } else if (parsed.kind != Kind::fragment_later) {
    replace_ports(transport, translation.source_port, translation.destination_port, addresses);
  }
  enframe(frame, parsed.l3_offset, parsed.l3_length, translation);
  return Reason::none;
}

// REQUIRES: the transport's header is there.
bool is_udp_without_checksum(const Transport& transport) {
  return transport.protocol == static_cast<uint8_t>(Protocol::udp) &&
         load<uint16_t>(transport.at + offsetof(UdpHeader, checksum)) == 0;
}

// Of what UDP's own length says: behind it there may be more, which is not its checksum's.
void compute_udp_checksum(const Transport& udp, const Translation& translation) {
  const uint32_t length = load<UdpHeader>(udp.at).length.value();
  const PartialSum sum =
      sum_bytes(udp.at, length) +
      sum_pseudo_header(translation.source, translation.destination, udp.protocol, length);
  const Big16 checksum = finish(sum);
  store(udp.at + offsetof(UdpHeader, checksum), checksum.raw() == 0 ? Big16(0xffff) : checksum);
}

// The type changes, and whether there is a pseudo header: ICMP has none, ICMPv6 has.
void translate_echo(const Transport& echo, const Parsed& parsed, const Translation& translation) {
  constexpr auto kIcmpv6 = static_cast<uint8_t>(Protocol::icmpv6);
  const auto length = static_cast<uint32_t>(echo.length);
  Covered covered{.before = load<uint16_t>(echo.at)};
  if (parsed.is_v4) {
    echo.at[offsetof(IcmpHeader, type)] = kIcmpv6EchoRequest;
    covered.after = sum_pseudo_header(translation.source, translation.destination, kIcmpv6, length);
  } else {
    echo.at[offsetof(IcmpHeader, type)] = kIcmpEchoRequest;
    covered.before += sum_pseudo_header(parsed.key.source, parsed.key.destination, kIcmpv6, length);
  }
  covered.after += load<uint16_t>(echo.at);
  translate_parts::update_checksum(echo.at + offsetof(IcmpHeader, checksum), covered);
}

// The id for IPv4: two packets with the same one are most likely two copies of one packet.
Big16 digest(const Transport& transport) {
  const auto field = [&transport](size_t offset) { return load<Big16>(transport.at + offset); };
  switch (static_cast<Protocol>(transport.protocol)) {
    case Protocol::tcp:
      return field(offsetof(TcpHeader, checksum));
    case Protocol::udp:
      return field(offsetof(UdpHeader, checksum));
    case Protocol::sctp:
      return field(offsetof(SctpHeader, checksum));
    default:
      return field(offsetof(IcmpHeader, checksum));
  }
}

// By the new header, at `ip`, and the sum of the old one's addresses.
void translate_transport(const Transport& transport, const Parsed& parsed, const uint8_t* ip,
                         PartialSum old_addresses, const Translation& translation) {
  const bool to_v6 = parsed.is_v4;
  if (parsed.kind == Kind::echo) {
    translate_echo(transport, parsed, translation);
    return;
  }
  const bool computes = to_v6 && is_udp_without_checksum(transport);
  const Covered addresses{old_addresses, translate_parts::sum_addresses(ip, !to_v6)};
  translate_parts::replace_ports(transport, translation.source_port, translation.destination_port,
                                 addresses);
  if (computes) compute_udp_checksum(transport, translation);
}

Reason translate_between(Frame& frame, const Parsed& parsed, const Translation& translation) {
  using namespace translate_parts;
  uint8_t* const old_ip = frame.data + parsed.l3_offset;
  const IpView view = read_ip(old_ip);
  const Transport transport = transport_of(frame, parsed);
  const bool has_ports = parsed.kind != Kind::fragment_later;
  const bool cannot_compute =
      parsed.kind == Kind::fragment_first && parsed.is_v4 && is_udp_without_checksum(transport);
  if (!view.has_counterpart || cannot_compute || has_unknown_crc(parsed, translation)) {
    return Reason::untranslatable;
  }
  const size_t header_length = translated_header_length(view, !parsed.is_v4);
  const size_t length = header_length + view.payload_length;
  const ptrdiff_t ip_at = parsed.l4_offset - static_cast<ptrdiff_t>(header_length);
  if (length > translation.mtu) return Reason::too_big;

  uint8_t* const ip = frame.data + ip_at;
  const PartialSum old_addresses = sum_addresses(old_ip, parsed.is_v4);
  write_translated_header(ip, view, translation.source, translation.destination,
                          static_cast<uint8_t>(view.ttl - 1),
                          view.has_fragment ? Big16() : digest(transport));
  if (has_ports) translate_transport(transport, parsed, ip, old_addresses, translation);
  enframe(frame, ip_at, length, translation);
  return Reason::none;
}

}  // namespace

Reason translate(Frame& frame, const Parsed& parsed, const Translation& translation) {
  const bool to_v4 = translation.destination.is_v4();
  REQUIRE(translation.source.is_v4() == to_v4);
  if (parsed.ttl <= 1) return Reason::ttl_expired;
  if (parsed.kind == Kind::icmp_error) {
    return translate_parts::translate_error(frame, parsed, translation);
  }
  return parsed.is_v4 == to_v4 ? translate_within(frame, parsed, translation)
                               : translate_between(frame, parsed, translation);
}

uint16_t mtu_before(uint16_t mtu, const Parsed& parsed, bool becomes_v4) {
  constexpr size_t kGrowth = sizeof(Ipv6Header) - sizeof(Ipv4Header);
  if (parsed.is_v4 == becomes_v4) return mtu;
  if (becomes_v4) return static_cast<uint16_t>(mtu + kGrowth);
  const bool may_be_fragment = parsed.may_fragment || parsed.kind == Kind::fragment_first ||
                               parsed.kind == Kind::fragment_later;
  return static_cast<uint16_t>(mtu - kGrowth - (may_be_fragment ? sizeof(Ipv6Fragment) : 0));
}

std::optional<Address> counterpart(const Address& address, const Address& prefix) {
  constexpr size_t kIpv4At = Forwarding::kPrefixBytes;
  if (address.is_v4()) {
    Address result = prefix;
    store(result.bytes.data() + kIpv4At, address.as_v4());
    return result;
  }
  const uint8_t net = address.bytes[kIpv4At];
  const bool is_host = net != 0 && net != 127 && net < 224;
  if (!is_host || masked(address, 8 * kIpv4At) != prefix) return std::nullopt;
  return Address::v4(address.as_v4());
}

Reason translate_to_backend(const Forwarding& forwarding, Frame& frame, const Parsed& parsed) {
  const Address destination = forwarding.new_destination();
  const bool is_same_family = destination.is_v4() == parsed.key.source.is_v4();
  const std::optional<Address> source =
      is_same_family ? parsed.key.source
                     : counterpart(parsed.key.source, forwarding.translation_prefix());
  if (!source || *source == destination) return Reason::untranslatable;
  const Big16 new_port = forwarding.new_port();
  const uint8_t* const front =
      forwarding.header.data() + forwarding.header_end() - forwarding.header_length;
  const auto ethernet = load<EthernetHeader>(front);
  const bool is_tagged = forwarding.header_length > sizeof(EthernetHeader);
  const auto tag = load<Big16>(front + sizeof(EthernetHeader));
  return translate(
      frame, parsed,
      {.source = *source,
       .destination = destination,
       .source_port = parsed.key.source_port,
       .destination_port = new_port == Big16(0) ? parsed.key.destination_port : new_port,
       .source_mac = ethernet.source,
       .destination_mac = ethernet.destination,
       .vlan = is_tagged ? tag.value() : uint16_t{0},
       .mtu = forwarding.mtu,
       .port = forwarding.port});
}

}  // namespace evenkeel
