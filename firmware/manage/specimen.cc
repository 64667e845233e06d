#include "firmware/manage/specimen.h"

#include <cstdio>
#include <span>

#include "firmware/base/address.h"
#include "firmware/base/check.h"
#include "firmware/base/endian.h"
#include "firmware/wire/checksum.h"
#include "firmware/wire/headers.h"

namespace evenkeel {
namespace {

constexpr uint8_t kTtl = 64;

size_t transport_size(uint8_t protocol) {
  switch (static_cast<Protocol>(protocol)) {
    case Protocol::tcp:
      return sizeof(TcpHeader);
    case Protocol::udp:
      return sizeof(UdpHeader);
    case Protocol::icmp:
    case Protocol::icmpv6:
      return sizeof(IcmpHeader);
    default:
      return sizeof(SctpHeader) + 4;  // with the header of one chunk
  }
}

std::string hex_of(const Mac& mac) {
  std::array<char, 18> text{};
  std::snprintf(text.data(), text.size(), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
                mac[3], mac[4], mac[5]);
  return text.data();
}

// Reads headers from the front; what is left is too short for a header when it is at the end.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : rest_(bytes) {}

  template <typename Header>
  bool read(Header& ret_header) {
    if (rest_.size() < sizeof(Header)) return false;
    ret_header = load<Header>(rest_.data());
    rest_ = rest_.subspan(sizeof(Header));
    return true;
  }

 private:
  std::span<const uint8_t> rest_;
};

std::string ip_text(const Address& source, const Address& destination, uint8_t protocol,
                    uint8_t ttl, uint8_t traffic_class) {
  std::string text = to_string(source) + " > " + to_string(destination) + ", protocol " +
                     std::to_string(protocol) + ", ttl " + std::to_string(ttl);
  if (traffic_class >> 2 != 0) text += ", dscp " + std::to_string(traffic_class >> 2);
  return text;
}

// Answers the protocol that follows, or no_next.
Protocol read_ip(Reader& reader, EtherType type, std::vector<HeaderText>& ret_texts) {
  Ipv4Header v4{};
  Ipv6Header v6{};
  if (type == EtherType::ipv4 && reader.read(v4)) {
    ret_texts.push_back({"ipv4", ip_text(Address::v4(v4.source), Address::v4(v4.destination),
                                         v4.protocol, v4.ttl, v4.traffic_class)});
    return static_cast<Protocol>(v4.protocol);
  }
  if (type == EtherType::ipv6 && reader.read(v6)) {
    const auto traffic_class = static_cast<uint8_t>(v6.version_class_label.value() >> 20);
    ret_texts.push_back(
        {"ipv6", ip_text(Address::v6(v6.source.data()), Address::v6(v6.destination.data()),
                         v6.next_header, v6.hop_limit, traffic_class)});
    return static_cast<Protocol>(v6.next_header);
  }
  return Protocol::no_next;
}

std::string icmp_text(const IcmpHeader& icmp) {
  const bool is_request = icmp.type == kIcmpEchoRequest || icmp.type == kIcmpv6EchoRequest;
  return std::string(is_request ? "echo request" : "echo reply") + ", identifier " +
         std::to_string(icmp.rest.value() >> 16);
}

const char* transport_name(Protocol protocol) {
  switch (protocol) {
    case Protocol::tcp:
      return "tcp";
    case Protocol::udp:
      return "udp";
    case Protocol::sctp:
      return "sctp";
    default:
      return nullptr;
  }
}

}  // namespace

Specimen::Specimen(const FlowKey& key, bool is_opening)
    : frame_{.data = bytes_.data() + 128, .length = 0, .port = 0} {
  static_assert(128 >= kFrameHeadroom);
  const bool is_v4 = key.source.is_v4();
  REQUIRE(is_v4 == key.destination.is_v4());
  append(EthernetHeader{{}, {}, static_cast<uint16_t>(is_v4 ? EtherType::ipv4 : EtherType::ipv6)});
  append_ip(key, transport_size(key.protocol));
  append_transport(key, is_opening);
}

template <typename Header>
void Specimen::append(const Header& header) {
  store(frame_.data + frame_.length, header);
  frame_.length += sizeof header;
}

void Specimen::append_ip(const FlowKey& key, size_t payload) {
  if (!key.source.is_v4()) {
    append(Ipv6Header{.version_class_label = 6u << 28,
                      .payload_length = static_cast<uint16_t>(payload),
                      .next_header = key.protocol,
                      .hop_limit = kTtl,
                      .source = key.source.bytes,
                      .destination = key.destination.bytes});
    return;
  }
  Ipv4Header header{.version_length = 0x45,
                    .traffic_class = 0,
                    .total_length = static_cast<uint16_t>(sizeof(Ipv4Header) + payload),
                    .id = 0,
                    .fragment = kDontFragment,
                    .ttl = kTtl,
                    .protocol = key.protocol,
                    .checksum = 0,
                    .source = key.source.as_v4(),
                    .destination = key.destination.as_v4()};
  header.checksum = finish(sum_ipv4_header(&header));
  append(header);
}

void Specimen::append_transport(const FlowKey& key, bool is_opening) {
  constexpr uint8_t kSctpData = 0;
  constexpr uint8_t kSctpInit = 1;
  const Big16 source = key.source_port;
  const Big16 destination = key.destination_port;
  switch (static_cast<Protocol>(key.protocol)) {
    case Protocol::tcp:
      append(TcpHeader{.source_port = source,
                       .destination_port = destination,
                       .sequence = 1,
                       .acknowledgement = is_opening ? 0 : 1,
                       .data_offset = sizeof(TcpHeader) / 4 << 4,
                       .flags = is_opening ? kTcpSyn : kTcpAck,
                       .window = 65'535,
                       .checksum = 0,
                       .urgent = 0});
      return;
    case Protocol::udp:
      append(UdpHeader{.source_port = source,
                       .destination_port = destination,
                       .length = sizeof(UdpHeader),
                       .checksum = 0xffff});
      return;
    case Protocol::icmp:
    case Protocol::icmpv6:
      append_echo_request(key);
      return;
    default:
      append(SctpHeader{.source_port = source,
                        .destination_port = destination,
                        .verification_tag = is_opening ? 0 : 1,
                        .checksum = 0});
      append(std::array<uint8_t, 4>{is_opening ? kSctpInit : kSctpData, 0, 0, 4});
  }
}

void Specimen::append_echo_request(const FlowKey& key) {
  const bool is_v4 = key.source.is_v4();
  IcmpHeader header{.type = is_v4 ? kIcmpEchoRequest : kIcmpv6EchoRequest,
                    .code = 0,
                    .checksum = 0,
                    .rest = uint32_t{key.source_port.value()} << 16};
  PartialSum sum = sum_bytes(&header, sizeof header);
  if (!is_v4) sum += sum_pseudo_header(key.source, key.destination, key.protocol, sizeof header);
  header.checksum = finish(sum);
  append(header);
}

std::vector<HeaderText> Specimen::headers() const {
  std::vector<HeaderText> texts;
  Reader reader({frame_.data, frame_.length});
  EthernetHeader ethernet{};
  if (!reader.read(ethernet)) return texts;
  texts.push_back({"ethernet", hex_of(ethernet.source) + " > " + hex_of(ethernet.destination)});
  auto type = static_cast<EtherType>(ethernet.type.value());
  if (VlanTag tag{}; type == EtherType::vlan && reader.read(tag)) {
    texts.push_back({"vlan", std::to_string(tag.control.value() & 0xfff)});
    type = static_cast<EtherType>(tag.type.value());
  }
  Protocol protocol = read_ip(reader, type, texts);
  while (protocol == Protocol::ipv4 || protocol == Protocol::ipv6) {
    protocol =
        read_ip(reader, protocol == Protocol::ipv4 ? EtherType::ipv4 : EtherType::ipv6, texts);
  }
  if (GreHeader gre{}; protocol == Protocol::gre && reader.read(gre)) {
    texts.push_back({"gre", ""});
    protocol = read_ip(reader, static_cast<EtherType>(gre.protocol.value()), texts);
  }
  const bool is_icmp = protocol == Protocol::icmp || protocol == Protocol::icmpv6;
  if (IcmpHeader icmp{}; is_icmp && reader.read(icmp)) texts.push_back({"icmp", icmp_text(icmp)});
  // What TCP, UDP and SCTP begin with.
  struct Ports {
    Big16 source;
    Big16 destination;
  } ports{};
  if (const char* name = transport_name(protocol); name != nullptr && reader.read(ports)) {
    texts.push_back({name, std::to_string(ports.source.value()) + " > " +
                               std::to_string(ports.destination.value())});
  }
  return texts;
}

}  // namespace evenkeel
