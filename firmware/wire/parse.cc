// The slow path of parsing: any packet, one header after the other, each step refusing by itself.
#include "firmware/wire/parse.h"

#include <utility>

namespace evenkeel {
namespace {

// What an IP header and the headers between it and the transport say, of either family.
struct Network {
  Address source;
  Address destination;
  uint32_t length = 0;     // of the IP packet by its own header
  uint32_t l4_offset = 0;  // from the frame's first byte
  uint8_t protocol = 0;
  uint8_t traffic_class = 0;
  uint8_t ttl = 0;
  bool may_fragment = false;
  bool more_fragments = false;
  uint16_t fragment_offset = 0;  // in units of 8 bytes
  uint32_t fragment_id = 0;

  bool is_fragment() const { return more_fragments || fragment_offset != 0; }
};

// A packet that someone else quotes is cut short, and was changed on its way.
enum class Completeness : uint8_t { whole, quoted };

// Bytes [0, end) of `data` may be read.
struct Window {
  const uint8_t* data;
  uint32_t end;

  bool holds(uint32_t at, size_t bytes) const { return at <= end && bytes <= end - at; }

  template <typename T>
  bool read(uint32_t at, T& ret_value) const {
    if (!holds(at, sizeof(T))) return false;
    ret_value = load<T>(data + at);
    return true;
  }
};

constexpr bool is(uint8_t protocol, Protocol which) {
  return protocol == static_cast<uint8_t>(which);
}

bool is_extension(uint8_t protocol) {
  return is(protocol, Protocol::hop_by_hop) || is(protocol, Protocol::routing) ||
         is(protocol, Protocol::fragment) || is(protocol, Protocol::destination_options);
}

// The IP header's offset, and its type. Types stand sizeof(VlanTag) apart.
Reason skip_ethernet(const Window& frame, uint32_t& ret_at, EtherType& ret_type) {
  uint32_t at = offsetof(EthernetHeader, type);
  for (size_t tags = 0; tags <= kMaxVlanTags; ++tags) {
    Big16 value;
    if (!frame.read(at, value)) return Reason::truncated;
    const auto type = static_cast<EtherType>(value.value());
    if (type != EtherType::vlan && type != EtherType::service_vlan) {
      ret_at = at + static_cast<uint32_t>(sizeof(value));
      ret_type = type;
      return type == EtherType::ipv4 || type == EtherType::ipv6 ? Reason::none : Reason::not_ip;
    }
    at += static_cast<uint32_t>(sizeof(VlanTag));
  }
  return Reason::too_many_headers;
}

Reason check_fragment(const Network& ip, uint32_t payload) {
  if (!ip.is_fragment()) return Reason::none;
  const bool gap = ip.more_fragments && payload % 8 != 0;
  const bool beyond = ip.fragment_offset * 8u + payload > UINT16_MAX;
  return gap || beyond || ip.fragment_offset == 1 ? Reason::bad_header : Reason::none;
}

Reason read_v4(const Window& bytes, uint32_t at, Completeness completeness, Network& ret_ip) {
  Ipv4Header header;
  if (!bytes.read(at, header)) return Reason::truncated;
  const uint32_t header_length = (header.version_length & 0xfu) * 4;
  const uint32_t length = header.total_length.value();
  if (header.version_length >> 4 != 4 || header_length < sizeof(header)) return Reason::bad_header;
  if (!bytes.holds(at, header_length)) return Reason::truncated;
  if (completeness == Completeness::whole) {
    if (length < header_length) return Reason::bad_header;
    if (!bytes.holds(at, length)) return Reason::truncated;
    if (finish(sum_bytes(bytes.data + at, header_length)) != 0) return Reason::bad_checksum;
  }
  const uint16_t fragment = header.fragment.value();
  ret_ip.source = Address::v4(header.source);
  ret_ip.destination = Address::v4(header.destination);
  ret_ip.length = length;
  ret_ip.l4_offset = at + header_length;
  ret_ip.protocol = header.protocol;
  ret_ip.traffic_class = header.traffic_class;
  ret_ip.ttl = header.ttl;
  ret_ip.may_fragment = (fragment & kDontFragment) == 0;
  ret_ip.more_fragments = (fragment & kMoreFragments) != 0;
  ret_ip.fragment_offset = fragment & kFragmentOffset;
  if (ret_ip.is_fragment()) ret_ip.fragment_id = header.id.value();
  return completeness == Completeness::whole ? check_fragment(ret_ip, length - header_length)
                                             : Reason::none;
}

Reason read_extension(const Window& packet, Completeness completeness, uint8_t type, uint32_t& at,
                      Network& ip) {
  Ipv6Fragment header;  // as long as the shortest of all extension headers
  if (!packet.read(at, header)) return Reason::truncated;
  const uint32_t length = is(type, Protocol::fragment) ? static_cast<uint32_t>(sizeof(header))
                                                       : (packet.data[at + 1] + 1u) * 8;
  if (!packet.holds(at, length)) return Reason::truncated;
  at += length;
  ip.protocol = header.next_header;
  if (is(type, Protocol::routing) && packet.data[at - length + 3] != 0) return Reason::bad_header;
  if (!is(type, Protocol::fragment)) return Reason::none;
  const uint16_t offset = header.offset.value();
  ip.more_fragments = (offset & 1) != 0;
  ip.fragment_offset = offset >> 3;
  if (ip.is_fragment()) ip.fragment_id = header.id.value();
  return completeness == Completeness::whole ? check_fragment(ip, packet.end - at) : Reason::none;
}

// Behind the header of a later fragment there is payload, whatever its next header says.
Reason walk_extensions(const Window& packet, Completeness completeness, Network& ip) {
  uint32_t at = ip.l4_offset;
  bool fragmented = false;
  for (size_t count = 0; is_extension(ip.protocol) && ip.fragment_offset == 0; ++count) {
    const uint8_t type = ip.protocol;
    if (count == kMaxExtensionHeaders) return Reason::too_many_headers;
    if (is(type, Protocol::hop_by_hop) && count != 0) return Reason::bad_header;
    if (is(type, Protocol::fragment) && fragmented) return Reason::bad_header;
    fragmented = fragmented || is(type, Protocol::fragment);
    const Reason reason = read_extension(packet, completeness, type, at, ip);
    if (reason != Reason::none) return reason;
  }
  ip.l4_offset = at;
  return Reason::none;
}

Reason read_v6(const Window& bytes, uint32_t at, Completeness completeness, Network& ret_ip) {
  Ipv6Header header;
  if (!bytes.read(at, header)) return Reason::truncated;
  const uint32_t first = header.version_class_label.value();
  const uint32_t length = static_cast<uint32_t>(sizeof(header)) + header.payload_length.value();
  if (first >> 28 != 6) return Reason::bad_header;
  ret_ip.source = Address::v6(header.source.data());
  ret_ip.destination = Address::v6(header.destination.data());
  ret_ip.length = length;
  ret_ip.l4_offset = at + static_cast<uint32_t>(sizeof(header));
  ret_ip.protocol = header.next_header;
  ret_ip.traffic_class = static_cast<uint8_t>(first >> 20);
  ret_ip.ttl = header.hop_limit;
  if (completeness == Completeness::quoted) return walk_extensions(bytes, completeness, ret_ip);
  // No payload means a jumbogram, or nothing to steer; Parsed counts the packet in 16 bits.
  if (length == sizeof(header) || length > UINT16_MAX) return Reason::bad_header;
  if (!bytes.holds(at, length)) return Reason::truncated;
  return walk_extensions({bytes.data, at + length}, completeness, ret_ip);
}

bool is_martian_v4(const Address& source) {
  const uint8_t net = source.bytes[12];
  return net == 0 || net == 127 || net >= 224;
}

bool is_martian_v6(const Address& source) {
  const bool unspecified_or_loopback = source.high() == 0 && byte_swap(source.low()) <= 1;
  return unspecified_or_loopback || source.bytes[0] == 0xff;
}

Reason check_addresses(bool is_v4, const Address& source, const Address& destination) {
  const bool bad = is_v4 ? is_martian_v4(source)
                         : is_martian_v6(source) || source.is_v4() || destination.is_v4();
  return bad || source == destination ? Reason::bad_address : Reason::none;
}

Reason check_tcp(const Window& packet, const Network& ip) {
  const auto tcp = load<TcpHeader>(packet.data + ip.l4_offset);
  const uint32_t length = (tcp.data_offset >> 4) * 4u;
  const bool beyond = !ip.is_fragment() && !packet.holds(ip.l4_offset, length);
  return length < sizeof(tcp) || beyond || (kTcpSignals[tcp.flags & 31] & kUnacceptable) != 0
             ? Reason::bad_header
             : Reason::none;
}

Reason check_udp(const Window& packet, const Network& ip) {
  const uint32_t length = load<UdpHeader>(packet.data + ip.l4_offset).length.value();
  if (length < sizeof(UdpHeader)) return Reason::bad_header;
  return ip.is_fragment() || packet.holds(ip.l4_offset, length) ? Reason::none : Reason::truncated;
}

// The signal is the type of the first chunk, which a quote or a fragment may lack.
uint8_t sctp_signals(const Window& packet, const Network& ip) {
  constexpr uint8_t kInit = 1;
  constexpr uint8_t kAbort = 6;
  constexpr uint8_t kShutdownComplete = 14;
  uint8_t chunk = 0;
  packet.read(ip.l4_offset + static_cast<uint32_t>(sizeof(SctpHeader)), chunk);
  if (chunk == kInit) return kOpening;
  if (chunk == kAbort) return kReset;
  return chunk == kShutdownComplete ? kClosing : 0;
}

// How long the transport's fixed header is; 0: not one of those that services have.
uint32_t transport_header(uint8_t protocol) {
  if (is(protocol, Protocol::tcp)) return sizeof(TcpHeader);
  if (is(protocol, Protocol::udp)) return sizeof(UdpHeader);
  return is(protocol, Protocol::sctp) ? sizeof(SctpHeader) : 0;
}

Reason read_ports(const Window& bytes, const Network& ip, FlowKey& key) {
  key.source_port = load<Big16>(bytes.data + ip.l4_offset);
  key.destination_port = load<Big16>(bytes.data + ip.l4_offset + 2);
  const Big16 zero;
  return key.source_port == zero || key.destination_port == zero ? Reason::zero_port : Reason::none;
}

// What an extension header leads to, only a packet's first fragment says.
bool may_be_later_fragment(const Network& ip, bool is_v4) {
  const bool leads_on = !is_v4 && is_extension(ip.protocol);
  return ip.fragment_offset != 0 && (leads_on || transport_header(ip.protocol) != 0);
}

Reason read_transport(const Window& packet, const Network& ip, Parsed& parsed) {
  if (may_be_later_fragment(ip, parsed.is_v4)) {
    parsed.kind = Kind::fragment_later;
    return Reason::none;
  }
  const uint32_t header = transport_header(ip.protocol);
  if (header == 0) return Reason::unsupported_protocol;
  if (!packet.holds(ip.l4_offset, header)) return Reason::truncated;
  parsed.kind = ip.is_fragment() ? Kind::fragment_first : Kind::transport;
  Reason reason = Reason::none;
  if (is(ip.protocol, Protocol::tcp)) {
    reason = check_tcp(packet, ip);
    parsed.signals = kTcpSignals[packet.data[ip.l4_offset + offsetof(TcpHeader, flags)] & 31];
  } else if (is(ip.protocol, Protocol::udp)) {
    reason = check_udp(packet, ip);
  } else {
    parsed.signals = sctp_signals(packet, ip);
  }
  return reason != Reason::none ? reason : read_ports(packet, ip, parsed.key);
}

// The quoted packet went from the VIP to the client: the key is its mirror image.
Reason read_quote(const Window& packet, const Network& ip, Parsed& parsed) {
  constexpr size_t kLeastQuote = 8;  // RFC 792
  const uint32_t at = ip.l4_offset + static_cast<uint32_t>(sizeof(IcmpHeader));
  Network quoted;
  Reason reason = parsed.is_v4 ? read_v4(packet, at, Completeness::quoted, quoted)
                               : read_v6(packet, at, Completeness::quoted, quoted);
  if (reason != Reason::none) return reason;
  if (quoted.source != ip.destination || quoted.fragment_offset != 0) return Reason::icmp_mismatch;
  if (is(quoted.protocol, Protocol::icmp) || is(quoted.protocol, Protocol::icmpv6)) {
    return Reason::icmp_other;
  }
  if (transport_header(quoted.protocol) == 0) return Reason::unsupported_protocol;
  reason = check_addresses(parsed.is_v4, quoted.destination, quoted.source);
  if (reason != Reason::none) return reason;
  if (!packet.holds(quoted.l4_offset, kLeastQuote)) return Reason::truncated;
  parsed.kind = Kind::icmp_error;
  parsed.quoted_offset = static_cast<uint16_t>(at);
  parsed.key.source = quoted.destination;
  parsed.key.destination = quoted.source;
  parsed.key.protocol = quoted.protocol;
  reason = read_ports(packet, quoted, parsed.key);
  std::swap(parsed.key.source_port, parsed.key.destination_port);
  return reason;
}

bool is_icmp_error(bool is_v4, uint8_t type) {
  return is_v4 ? type == kIcmpUnreachable || type == kIcmpTimeExceeded || type == kIcmpParameter
               : type >= kIcmpv6Unreachable && type <= kIcmpv6Parameter;
}

Reason read_icmp(const Window& packet, const Network& ip, Parsed& parsed) {
  if (ip.is_fragment()) return Reason::icmp_other;
  IcmpHeader icmp;
  if (!packet.read(ip.l4_offset, icmp)) return Reason::truncated;
  if (is_icmp_error(parsed.is_v4, icmp.type)) return read_quote(packet, ip, parsed);
  if (icmp.type != (parsed.is_v4 ? kIcmpEchoRequest : kIcmpv6EchoRequest)) {
    return Reason::icmp_other;
  }
  parsed.kind = Kind::echo;
  return Reason::none;
}

Parsed described(const Network& ip, uint32_t l3_offset, bool is_v4) {
  Parsed parsed;
  parsed.key.source = ip.source;
  parsed.key.destination = ip.destination;
  parsed.key.protocol = ip.protocol;
  parsed.l3_offset = static_cast<uint16_t>(l3_offset);
  parsed.l3_length = static_cast<uint16_t>(ip.length);
  parsed.l4_offset = static_cast<uint16_t>(ip.l4_offset);
  parsed.is_v4 = is_v4;
  parsed.traffic_class = ip.traffic_class;
  parsed.ttl = ip.ttl;
  parsed.may_fragment = ip.may_fragment;
  parsed.fragment_id = ip.fragment_id;
  return parsed;
}

}  // namespace

Reason parse_slow(const Frame& frame, Parsed& ret_parsed) {
  const Window bytes{frame.data, frame.length};
  uint32_t at = 0;
  EtherType type{};
  Reason reason = skip_ethernet(bytes, at, type);
  if (reason != Reason::none) return reason;
  const bool is_v4 = type == EtherType::ipv4;
  Network ip;
  reason = is_v4 ? read_v4(bytes, at, Completeness::whole, ip)
                 : read_v6(bytes, at, Completeness::whole, ip);
  if (reason != Reason::none) return reason;
  reason = check_addresses(is_v4, ip.source, ip.destination);
  if (reason != Reason::none) return reason;
  Parsed parsed = described(ip, at, is_v4);
  const Window packet{frame.data, at + ip.length};
  const Protocol own_icmp = is_v4 ? Protocol::icmp : Protocol::icmpv6;
  reason = is(ip.protocol, own_icmp) ? read_icmp(packet, ip, parsed)
                                     : read_transport(packet, ip, parsed);
  if (reason == Reason::none) ret_parsed = parsed;
  return reason;
}

Reason parse_tagged(const Frame& frame, Parsed& ret_parsed) {
  uint32_t at = 0;
  EtherType type{};
  const bool is_ip = skip_ethernet({frame.data, frame.length}, at, type) == Reason::none;
  const auto tags = static_cast<uint16_t>(at - sizeof(EthernetHeader));
  if (!is_ip || tags == 0 ||
      !parse_plain(frame, at, Big16(static_cast<uint16_t>(type)), ret_parsed)) {
    return parse_slow(frame, ret_parsed);
  }
  ret_parsed.l3_offset = static_cast<uint16_t>(ret_parsed.l3_offset + tags);
  ret_parsed.l4_offset = static_cast<uint16_t>(ret_parsed.l4_offset + tags);
  return Reason::none;
}

}  // namespace evenkeel
