// A ready-made front is the outgoing frame's headers laid end to end. What differs from packet to
// packet is left zero, so that emitting adds to it and never has to subtract.
#include "firmware/wire/forwarding.h"

#include <optional>
#include <string>

#include "firmware/wire/checksum.h"

namespace evenkeel {
namespace {

constexpr uint16_t kGuePort = 6080;
constexpr uint16_t kVxlanPort = 4789;
constexpr uint16_t kGenevePort = 6081;

constexpr uint16_t kMaxVlan = 4'094;
constexpr uint32_t kMaxVni = (1u << 24) - 1;
constexpr uint8_t kMaxDscp = 63;
constexpr unsigned kMaxEntropyBitsIpv4 = 16;
constexpr unsigned kMaxEntropyBitsIpv6 = 32;

constexpr uint32_t kVxlanVniIsValid = 0x0800'0000;

bool is_udp_tunnel(Mode mode) { return mode >= Mode::gue && mode <= Mode::geneve; }
bool is_tunnel(Mode mode) { return mode >= Mode::ipip && mode <= Mode::geneve; }
bool is_bridging(Mode mode) { return mode == Mode::vxlan || mode == Mode::geneve; }
bool has_source_entropy(Mode mode) { return mode == Mode::ipip || mode == Mode::gre; }

// Bytes between the outer IP header and the inner one.
size_t shim_length(Mode mode) {
  switch (mode) {
    case Mode::gre:
      return sizeof(GreHeader);
    case Mode::gue:
      return sizeof(UdpHeader) + sizeof(GueHeader);
    case Mode::vxlan:
      return sizeof(UdpHeader) + sizeof(VxlanHeader) + sizeof(EthernetHeader);
    case Mode::geneve:
      return sizeof(UdpHeader) + sizeof(GeneveHeader) + sizeof(EthernetHeader);
    default:
      return 0;
  }
}

size_t overhead_of(const ForwardingSpec& spec) {
  const bool outer_is_v4 = spec.destination.is_v4();
  if (is_tunnel(spec.mode)) {
    return (outer_is_v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header)) + shim_length(spec.mode);
  }
  const bool translates_to_v6 = spec.mode == Mode::nat && spec.inner_is_v4 && !outer_is_v4;
  return translates_to_v6 ? sizeof(Ipv6Header) - sizeof(Ipv4Header) : 0;
}

// The bits of a source address's last word that entropy replaces, in memory order.
uint32_t entropy_mask_of(const ForwardingSpec& spec) {
  if (!has_source_entropy(spec.mode)) return 0;
  return Big32(static_cast<uint32_t>((uint64_t{1} << spec.source_entropy_bits) - 1)).raw();
}

Address without_entropy_bits(const Address& address, uint32_t mask) {
  Address result = address;
  store(result.bytes.data() + 12, load<uint32_t>(address.bytes.data() + 12) & ~mask);
  return result;
}

// --- What is refused: the first problem of a spec, as a sentence ---------------------------------

using Problem = std::optional<std::string>;

Problem too_large(const char* name, uint64_t value, uint64_t maximum) {
  if (value <= maximum) return std::nullopt;
  return std::string(name) + " " + std::to_string(value) + " is too large; give at most " +
         std::to_string(maximum);
}

Problem bad_macs(const std::string& prefix, const Mac& source, const Mac& destination) {
  if (source == Mac{}) return prefix + "source_mac is not set; give the sender's address";
  if ((source[0] & 1) != 0) {
    return prefix + "source_mac is a group's address; give a single station's";
  }
  if (destination == Mac{}) {
    return prefix + "destination_mac is not set; give the receiver's address";
  }
  return std::nullopt;
}

Problem bad_address(const char* name, const Address& address) {
  const bool is_v4 = address.is_v4();
  const uint8_t first = is_v4 ? address.bytes[12] : address.bytes[0];
  if (address == Address{} || (is_v4 && first == 0)) {
    return std::string(name) + " is not set; give an address";
  }
  if (is_v4 ? first >= 224 : first == 0xff) {  // with IPv4's reserved and broadcast addresses
    return std::string(name) + " " + to_string(address) +
           " is not a single host's; give a unicast address";
  }
  return std::nullopt;
}

Problem bad_mtu(const ForwardingSpec& spec) {
  const size_t minimum = (spec.inner_is_v4 ? kMinMtuIpv4 : kMinMtuIpv6) + overhead_of(spec);
  if (spec.mtu < minimum) {
    return "mtu " + std::to_string(spec.mtu) + " is too small; packets of " +
           (spec.inner_is_v4 ? "IPv4" : "IPv6") + " in this mode need at least " +
           std::to_string(minimum);
  }
  return too_large("mtu", spec.mtu, kMaxMtu);
}

Problem bad_tunnel(const ForwardingSpec& spec) {
  if (const Problem problem = bad_address("tunnel_source", spec.tunnel_source)) return problem;
  const bool is_v4 = spec.tunnel_source.is_v4();
  if (is_v4 != spec.destination.is_v4()) {
    return "tunnel_source " + to_string(spec.tunnel_source) + " and destination " +
           to_string(spec.destination) + " are of different families; give two of one family";
  }
  if (spec.tunnel_ttl == 0) return "tunnel_ttl is 0; give at least 1";
  if (has_source_entropy(spec.mode)) {
    const unsigned maximum = is_v4 ? kMaxEntropyBitsIpv4 : kMaxEntropyBitsIpv6;
    if (Problem problem = too_large("source_entropy_bits", spec.source_entropy_bits, maximum)) {
      return problem;
    }
  }
  const uint32_t mask = entropy_mask_of(spec);
  if (without_entropy_bits(spec.tunnel_source, mask) ==
      without_entropy_bits(spec.destination, mask)) {
    return "destination " + to_string(spec.destination) +
           " is among the addresses of tunnel_source; give one outside of them";
  }
  if (!is_bridging(spec.mode)) return std::nullopt;
  if (Problem problem = too_large("vni", spec.vni, kMaxVni)) return problem;
  return bad_macs("inner_", spec.inner_source_mac, spec.inner_destination_mac);
}

// RFC 6052 2.2: byte 8 is zero in all such addresses.
Problem bad_translation(const ForwardingSpec& spec) {
  if (spec.destination.is_v4() == spec.inner_is_v4) return std::nullopt;
  const Address& prefix = spec.translation_prefix;
  if (prefix == Address{}) {
    return "translation_prefix is not set, and destination " + to_string(spec.destination) +
           " is not of the VIP's family; give one of that family, or an IPv6 /96 as "
           "translation_prefix";
  }
  const bool is_96 = masked(prefix, 8 * Forwarding::kPrefixBytes) == prefix && prefix.bytes[8] == 0;
  if (prefix.is_v4() || !is_96 || prefix.bytes[0] == 0xff) {
    return "translation_prefix " + to_string(prefix) +
           " is no IPv6 /96 by RFC 6052; give one as 64:ff9b::";
  }
  if (masked(spec.destination, 8 * Forwarding::kPrefixBytes) == prefix) {
    return "destination " + to_string(spec.destination) +
           " lies in translation_prefix, which stands for IPv4; give another of the two";
  }
  return std::nullopt;
}

Problem bad_rewrite(const ForwardingSpec& spec) {
  if (spec.mode == Mode::nat) return bad_translation(spec);
  if (spec.destination.is_v4() != spec.inner_is_v4) {
    return "destination " + to_string(spec.destination) +
           " is not of the VIP's family; give one of that family";
  }
  if (spec.dscp == 0) return "dscp is 0, which marks nothing; give 1 to 63";
  return too_large("dscp", spec.dscp, kMaxDscp);
}

Problem first_problem(const ForwardingSpec& spec) {
  if (Problem problem = bad_macs("", spec.source_mac, spec.destination_mac)) return problem;
  if (Problem problem = too_large("vlan", spec.vlan, kMaxVlan)) return problem;
  if (spec.mode != Mode::l2_direct) {
    if (Problem problem = bad_address("destination", spec.destination)) return problem;
    if (Problem problem = is_tunnel(spec.mode) ? bad_tunnel(spec) : bad_rewrite(spec)) {
      return problem;
    }
  }
  return bad_mtu(spec);
}

// --- What is built -------------------------------------------------------------------------------

struct Front {
  std::array<uint8_t, kMaxOuterHeader> bytes{};
  size_t length = 0;

  template <typename Header>
  void append(const Header& header) {
    REQUIRE(length + sizeof(Header) <= bytes.size());
    store(bytes.data() + length, header);
    length += sizeof(Header);
  }
};

EtherType ether_type(bool is_v4) { return is_v4 ? EtherType::ipv4 : EtherType::ipv6; }

uint8_t outer_protocol(const ForwardingSpec& spec) {
  if (spec.mode == Mode::gre) return static_cast<uint8_t>(Protocol::gre);
  if (spec.mode != Mode::ipip) return static_cast<uint8_t>(Protocol::udp);
  return static_cast<uint8_t>(spec.inner_is_v4 ? Protocol::ipv4 : Protocol::ipv6);
}

void append_ethernet(const ForwardingSpec& spec, Front& front) {
  const bool is_v4 = spec.mode == Mode::l2_direct ? spec.inner_is_v4 : spec.destination.is_v4();
  const Big16 type = static_cast<uint16_t>(ether_type(is_v4));
  if (spec.vlan == 0) {
    front.append(EthernetHeader{spec.destination_mac, spec.source_mac, type});
    return;
  }
  front.append(EthernetHeader{spec.destination_mac, spec.source_mac,
                              static_cast<uint16_t>(EtherType::vlan)});
  front.append(VlanTag{spec.vlan, type});
}

void append_outer_ip(const ForwardingSpec& spec, Front& front) {
  const Address source = without_entropy_bits(spec.tunnel_source, entropy_mask_of(spec));
  if (spec.destination.is_v4()) {
    Ipv4Header header{};
    header.version_length = 0x45;
    header.ttl = spec.tunnel_ttl;
    header.protocol = outer_protocol(spec);
    header.source = source.as_v4();
    header.destination = spec.destination.as_v4();
    front.append(header);
    return;
  }
  Ipv6Header header{};
  header.version_class_label = 6u << 28;
  header.next_header = outer_protocol(spec);
  header.hop_limit = spec.tunnel_ttl;
  header.source = source.bytes;
  header.destination = spec.destination.bytes;
  front.append(header);
}

void append_udp(const ForwardingSpec& spec, uint16_t standard_port, Front& front) {
  UdpHeader header{};
  header.destination_port = spec.destination_port == 0 ? standard_port : spec.destination_port;
  front.append(header);
}

void append_shim(const ForwardingSpec& spec, Front& front) {
  const Big16 inner_type = static_cast<uint16_t>(ether_type(spec.inner_is_v4));
  if (spec.mode == Mode::gre) {
    front.append(GreHeader{0, inner_type});
  } else if (spec.mode == Mode::gue) {
    append_udp(spec, kGuePort, front);
    const Protocol inner = spec.inner_is_v4 ? Protocol::ipv4 : Protocol::ipv6;
    front.append(GueHeader{0, static_cast<uint8_t>(inner), 0});
  } else if (spec.mode == Mode::vxlan) {
    append_udp(spec, kVxlanPort, front);
    front.append(VxlanHeader{kVxlanVniIsValid, spec.vni << 8});
  } else if (spec.mode == Mode::geneve) {
    append_udp(spec, kGenevePort, front);
    front.append(GeneveHeader{0, 0, static_cast<uint16_t>(EtherType::bridging), spec.vni << 8});
  }
  if (is_bridging(spec.mode)) {
    front.append(EthernetHeader{spec.inner_destination_mac, spec.inner_source_mac, inner_type});
  }
}

void place(const Front& front, Forwarding& result) {
  result.header_length = static_cast<uint8_t>(front.length);
  std::memcpy(result.header.data() + result.header_end() - front.length, front.bytes.data(),
              front.length);
}

Shape shape_of(const ForwardingSpec& spec) {
  if (spec.mode == Mode::l2_direct) return Shape::bare;
  if (!is_tunnel(spec.mode)) return Shape::rewritten;
  if (is_udp_tunnel(spec.mode)) {
    return spec.destination.is_v4() ? Shape::ipv4_udp : Shape::ipv6_udp;
  }
  return spec.destination.is_v4() ? Shape::ipv4 : Shape::ipv6;
}

uint32_t checksum_base_of(const Front& front, size_t overhead) {
  const uint8_t* const outer = front.bytes.data() + front.length - overhead;
  return fold(sum_bytes(outer + 8, sizeof(Ipv4Header) - 8));
}

}  // namespace

Result<Forwarding> make_forwarding(const ForwardingSpec& spec) {
  if (Problem problem = first_problem(spec)) return Error{*std::move(problem)};
  return forwarding_of_good(spec);
}

Forwarding forwarding_of_good(const ForwardingSpec& spec) {
  Front front;
  append_ethernet(spec, front);
  if (is_tunnel(spec.mode)) {
    append_outer_ip(spec, front);
    append_shim(spec, front);
  }

  Forwarding result;
  result.mode = spec.mode;
  result.shape = shape_of(spec);
  result.inner_is_v4 = spec.inner_is_v4;
  result.mtu = spec.mtu;
  result.port = spec.port;
  result.overhead = static_cast<uint8_t>(overhead_of(spec));
  place(front, result);
  if (is_tunnel(spec.mode)) {
    result.entropy_mask = entropy_mask_of(spec);
    if (spec.destination.is_v4()) result.checksum_base = checksum_base_of(front, result.overhead);
  } else if (spec.mode != Mode::l2_direct) {
    store(result.header.data(), spec.destination);
    store(result.header.data() + sizeof(Address), Big16(spec.destination_port));
    std::memcpy(result.header.data() + Forwarding::kPrefixAt, spec.translation_prefix.bytes.data(),
                Forwarding::kPrefixBytes);
    if (spec.mode == Mode::l3_direct) result.header[sizeof(Address)] = spec.dscp;
  }
  return result;
}

}  // namespace evenkeel
