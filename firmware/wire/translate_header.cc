#include "firmware/wire/translate_header.h"

#include <array>
#include <cstring>

#include "firmware/base/check.h"

namespace evenkeel::translate_parts {
namespace {

constexpr bool is(uint8_t protocol, Protocol which) {
  return protocol == static_cast<uint8_t>(which);
}

// RFC 7915 4.1. It lets an expired source route pass; nobody sends those either.
bool has_source_route(const uint8_t* ip, size_t header_length) {
  constexpr uint8_t kEnd = 0;
  constexpr uint8_t kNothing = 1;
  constexpr uint8_t kLooseSourceRoute = 131;
  constexpr uint8_t kStrictSourceRoute = 137;
  size_t at = sizeof(Ipv4Header);
  while (at < header_length && ip[at] != kEnd) {
    if (ip[at] == kLooseSourceRoute || ip[at] == kStrictSourceRoute) return true;
    const size_t length = ip[at] == kNothing || at + 1 == header_length ? 1 : ip[at + 1];
    at += length == 0 ? 1 : length;
  }
  return false;
}

IpView read_ipv4(const uint8_t* ip) {
  const auto header = load<Ipv4Header>(ip);
  const size_t header_length = (header.version_length & size_t{15}) * 4;
  const size_t length = header.total_length.value();
  const bool consistent = length >= header_length;
  const uint16_t fragment = header.fragment.value();
  return IpView{
      .is_v4 = true,
      .has_counterpart = consistent && !has_source_route(ip, header_length),
      .traffic_class = header.traffic_class,
      .ttl = header.ttl,
      .protocol = header.protocol,
      .has_fragment = (fragment & (kMoreFragments | kFragmentOffset)) != 0,
      .more_fragments = (fragment & kMoreFragments) != 0,
      .fragment_offset = static_cast<uint16_t>(fragment & kFragmentOffset),
      .fragment_id = header.id.value(),
      .header_length = static_cast<uint16_t>(header_length),
      .payload_length = static_cast<uint16_t>(consistent ? length - header_length : 0),
  };
}

bool is_extension(uint8_t protocol) {
  return is(protocol, Protocol::hop_by_hop) || is(protocol, Protocol::routing) ||
         is(protocol, Protocol::fragment) || is(protocol, Protocol::destination_options);
}

// Answers the length of all extension headers.
size_t read_extensions(const uint8_t* ip, IpView& view) {
  size_t at = sizeof(Ipv6Header);
  for (size_t count = 0; count < kMaxExtensionHeaders && is_extension(view.protocol); ++count) {
    if (!view.is_whole()) view.has_counterpart = false;
    if (view.fragment_offset != 0) break;  // what follows is payload
    const auto header = load<Ipv6Fragment>(ip + at);
    const bool is_fragment = is(view.protocol, Protocol::fragment);
    if (is_fragment) {
      view.has_fragment = true;
      view.more_fragments = (header.offset.value() & 1) != 0;
      view.fragment_offset = header.offset.value() >> 3;
      view.fragment_id = header.id.value();
    }
    at += is_fragment ? sizeof(header) : (ip[at + 1] + size_t{1}) * 8;
    view.protocol = header.next_header;
  }
  return at - sizeof(Ipv6Header);
}

IpView read_ipv6(const uint8_t* ip) {
  const auto header = load<Ipv6Header>(ip);
  IpView view{
      .traffic_class = static_cast<uint8_t>(header.version_class_label.value() >> 20),
      .ttl = header.hop_limit,
      .protocol = header.next_header,
  };
  const size_t extensions = read_extensions(ip, view);
  const size_t length = header.payload_length.value();
  const size_t payload = length < extensions ? 0 : length - extensions;
  if (length < extensions || payload + sizeof(Ipv4Header) > UINT16_MAX) {
    view.has_counterpart = false;
  }
  view.header_length = static_cast<uint16_t>(sizeof(header) + extensions);
  view.payload_length = static_cast<uint16_t>(payload);
  return view;
}

uint8_t counterpart(uint8_t protocol) {
  if (is(protocol, Protocol::icmp)) return static_cast<uint8_t>(Protocol::icmpv6);
  if (is(protocol, Protocol::icmpv6)) return static_cast<uint8_t>(Protocol::icmp);
  return protocol;
}

// RFC 7915 5.1: such packets may be fragmented on the way, since IPv6's sender took them for small
// enough to pass anywhere.
constexpr size_t kSmallIpv4 = kMinMtuIpv6 - (sizeof(Ipv6Header) - sizeof(Ipv4Header));

void write_ipv4(uint8_t* at, const IpView& view, const Address& source, const Address& destination,
                uint8_t ttl, Big16 id) {
  const size_t length = sizeof(Ipv4Header) + view.payload_length;
  Ipv4Header header{};
  header.version_length = 0x45;
  header.traffic_class = view.traffic_class;
  header.total_length = static_cast<uint16_t>(length);
  if (view.has_fragment) {
    header.id = static_cast<uint16_t>(view.fragment_id);
    header.fragment =
        static_cast<uint16_t>((view.more_fragments ? kMoreFragments : 0) | view.fragment_offset);
  } else if (length > kSmallIpv4) {
    header.fragment = kDontFragment;
  } else {
    header.id = id;
  }
  header.ttl = ttl;
  header.protocol = counterpart(view.protocol);
  header.source = source.as_v4();
  header.destination = destination.as_v4();
  header.checksum = finish(sum_ipv4_header(&header));
  store(at, header);
}

void write_ipv6(uint8_t* at, const IpView& view, const Address& source, const Address& destination,
                uint8_t ttl) {
  const size_t fragment_length = view.has_fragment ? sizeof(Ipv6Fragment) : 0;
  const uint8_t protocol = counterpart(view.protocol);
  Ipv6Header header{};
  header.version_class_label = (6u << 28) | (uint32_t{view.traffic_class} << 20);
  header.payload_length = static_cast<uint16_t>(fragment_length + view.payload_length);
  header.next_header = view.has_fragment ? static_cast<uint8_t>(Protocol::fragment) : protocol;
  header.hop_limit = ttl;
  header.source = source.bytes;
  header.destination = destination.bytes;
  store(at, header);
  if (!view.has_fragment) return;
  const auto offset =
      static_cast<uint16_t>((view.fragment_offset << 3) | (view.more_fragments ? 1 : 0));
  store(at + sizeof(header), Ipv6Fragment{protocol, 0, offset, view.fragment_id});
}

// --- CRC32c (SCTP), as polynomials modulo its generator; the highest bit is the constant term ----

constexpr uint32_t kGenerator = 0x82f6'3b78;

constexpr uint32_t multiply(uint32_t left, uint32_t right) {
  uint32_t product = 0;
  for (unsigned bit = 32; bit-- > 0;) {
    if ((left >> bit & 1) != 0) product ^= right;
    right = (right >> 1) ^ ((right & 1) != 0 ? kGenerator : 0);
  }
  return product;
}

// x^8 to the power of 2^i: what 2^i bytes more behind a message do to its CRC.
constexpr std::array<uint32_t, 16> kPowers = [] {
  std::array<uint32_t, 16> powers{};
  powers[0] = 1u << (31 - 8);
  for (size_t i = 1; i < powers.size(); ++i) powers[i] = multiply(powers[i - 1], powers[i - 1]);
  return powers;
}();

// By how much the CRC of a message changes when its first four bytes change by `difference`.
uint32_t crc32c_change(uint32_t difference, size_t message_length) {
  for (size_t i = 0; i < kPowers.size(); ++i) {
    if ((message_length >> i & 1) != 0) difference = multiply(difference, kPowers[i]);
  }
  return difference;
}

}  // namespace

IpView read_ip(const uint8_t* ip) { return ip[0] >> 4 == 4 ? read_ipv4(ip) : read_ipv6(ip); }

size_t translated_header_length(const IpView& view, bool to_v4) {
  if (to_v4) return sizeof(Ipv4Header);
  return sizeof(Ipv6Header) + (view.has_fragment ? sizeof(Ipv6Fragment) : 0);
}

void write_translated_header(uint8_t* at, const IpView& view, const Address& source,
                             const Address& destination, uint8_t ttl, Big16 id) {
  if (view.is_v4) {
    write_ipv6(at, view, source, destination, ttl);
  } else {
    write_ipv4(at, view, source, destination, ttl, id);
  }
}

PartialSum sum_addresses(const uint8_t* ip, bool is_v4) {
  return is_v4 ? sum_bytes(ip + offsetof(Ipv4Header, source), 2 * sizeof(Big32))
               : sum_bytes(ip + offsetof(Ipv6Header, source), 2 * sizeof(Address));
}

Covered replace_addresses(uint8_t* ip, bool is_v4, const Address& source,
                          const Address& destination) {
  Covered covered{.before = sum_addresses(ip, is_v4)};
  if (is_v4) {
    store(ip + offsetof(Ipv4Header, source), source.as_v4());
    store(ip + offsetof(Ipv4Header, destination), destination.as_v4());
  } else {
    store(ip + offsetof(Ipv6Header, source), source);
    store(ip + offsetof(Ipv6Header, destination), destination);
  }
  covered.after = sum_addresses(ip, is_v4);
  if (is_v4) update_checksum(ip + offsetof(Ipv4Header, checksum), covered);
  return covered;
}

void update_checksum(uint8_t* at, const Covered& covered) {
  store(at, updated(load<Big16>(at), covered.before, covered.after));
}

void replace_ports(const Transport& transport, Big16 source_port, Big16 destination_port,
                   const Covered& addresses) {
  const auto before = load<uint32_t>(transport.at);
  const uint32_t after = source_port.raw() | (uint32_t{destination_port.raw()} << 16);
  store(transport.at, after);
  const Covered covered{addresses.before + before, addresses.after + after};
  const auto holds = [&transport](size_t at, size_t size) {
    return at + size <= transport.available;
  };
  if (is(transport.protocol, Protocol::tcp)) {
    constexpr size_t kAt = offsetof(TcpHeader, checksum);
    if (holds(kAt, sizeof(Big16))) update_checksum(transport.at + kAt, covered);
  } else if (is(transport.protocol, Protocol::udp)) {
    uint8_t* const at = transport.at + offsetof(UdpHeader, checksum);
    if (load<uint16_t>(at) == 0) return;
    update_checksum(at, covered);
    if (load<uint16_t>(at) == 0) store(at, uint16_t{0xffff});
  } else if (holds(offsetof(SctpHeader, checksum), sizeof(Big32)) && transport.length != 0 &&
             before != after) {
    uint8_t* const at = transport.at + offsetof(SctpHeader, checksum);
    store(at, load<uint32_t>(at) ^ crc32c_change(before ^ after, transport.length));
  }
}

void enframe(Frame& frame, ptrdiff_t ip_at, size_t length, const Translation& translation) {
  constexpr ptrdiff_t kFront = sizeof(EthernetHeader) + sizeof(VlanTag);
  REQUIRE(length <= translation.mtu && ip_at >= kFront - ptrdiff_t{kFrameHeadroom});
  const EtherType type = translation.destination.is_v4() ? EtherType::ipv4 : EtherType::ipv6;
  uint8_t* const ip = frame.data + ip_at;
  uint8_t* front = ip;
  EtherType first = type;
  if (translation.vlan != 0) {
    front -= sizeof(VlanTag);
    store(front, VlanTag{translation.vlan, static_cast<uint16_t>(type)});
    first = EtherType::vlan;
  }
  front -= sizeof(EthernetHeader);
  store(front, EthernetHeader{translation.destination_mac, translation.source_mac,
                              static_cast<uint16_t>(first)});
  frame = Frame{.data = front,
                .length = static_cast<uint32_t>(ip + length - front),
                .port = translation.port};
}

}  // namespace evenkeel::translate_parts
