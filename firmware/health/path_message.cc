#include "firmware/health/path_message.h"

#include <net/ethernet.h>
#include <netinet/in.h>

#include <cstring>
#include <iterator>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/wire/checksum.h"

namespace evenkeel {
namespace {

constexpr unsigned kSequenceBits = 18;
constexpr unsigned kZeroBits = 14;
constexpr uint16_t kEchoMark = 0xc000;
constexpr uint8_t kTtl = 64;
constexpr uint16_t kWindow = 65'535;

static_assert(kMaxMtu < 1u << kZeroBits, "a SYN's data does not reach the token's bits");
static_assert(kLastPathPort - kFirstPathPort + 1 == kPathTokens >> kSequenceBits);

// --- Tokens --------------------------------------------------------------------------------------

uint16_t port_of(uint32_t token) {
  return static_cast<uint16_t>(kFirstPathPort + (token >> kSequenceBits));
}
uint32_t sequence_of(uint32_t token) { return token << kZeroBits; }
uint32_t echo_of(uint32_t token) { return (uint32_t{kEchoMark} << 16) | token; }

std::optional<uint32_t> token_of(Big16 port, uint32_t sequence) {
  if (port.value() < kFirstPathPort || port.value() > kLastPathPort) return std::nullopt;
  const uint32_t place = port.value() - uint32_t{kFirstPathPort};
  return (place << kSequenceBits) | (sequence >> kZeroBits);
}

std::optional<uint32_t> token_of(Big32 echo) {
  constexpr uint32_t kMark = uint32_t{kEchoMark} << 16;
  if ((echo.value() & kMark) != kMark) return std::nullopt;
  return echo.value() & (kPathTokens - 1);
}

// --- What is said --------------------------------------------------------------------------------

Protocol icmp_of(bool is_v4) { return is_v4 ? Protocol::icmp : Protocol::icmpv6; }
size_t ip_header(bool is_v4) { return is_v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header); }

void write_ip(const PathQuestion& question, Protocol protocol, size_t length, uint8_t* ip) {
  if (!question.vip.is_v4()) {
    Ipv6Header header{};
    header.version_class_label = 6u << 28;
    header.payload_length = static_cast<uint16_t>(length - sizeof(header));
    header.next_header = static_cast<uint8_t>(protocol);
    header.hop_limit = kTtl;
    header.source = question.source.bytes;
    header.destination = question.vip.bytes;
    return store(ip, header);
  }
  Ipv4Header header{};
  header.version_length = 0x45;
  header.total_length = static_cast<uint16_t>(length);
  header.fragment = kDontFragment;
  header.ttl = kTtl;
  header.protocol = static_cast<uint8_t>(protocol);
  header.source = question.source.as_v4();
  header.destination = question.vip.as_v4();
  header.checksum = finish(sum_ipv4_header(&header));
  store(ip, header);
}

// Ethernet and IP, and zeroes behind. Answers the frame, and where its transport header is.
std::pair<Frame, uint8_t*> begin(const PathQuestion& question, Protocol protocol, size_t length,
                                 std::span<uint8_t> room) {
  const bool is_v4 = question.vip.is_v4();
  REQUIRE(question.source.is_v4() == is_v4 && question.token < kPathTokens);
  REQUIRE(least_path_question(is_v4) <= length && length <= kMaxMtu && room.size() >= kPathRoom);
  uint8_t* const frame = room.data() + kFrameHeadroom;
  uint8_t* const ip = frame + sizeof(EthernetHeader);
  std::memset(frame, 0, sizeof(EthernetHeader) + length);
  const EtherType type = is_v4 ? EtherType::ipv4 : EtherType::ipv6;
  store(frame, EthernetHeader{{}, {}, static_cast<uint16_t>(type)});
  write_ip(question, protocol, length, ip);
  return {
      {.data = frame, .length = static_cast<uint32_t>(sizeof(EthernetHeader) + length), .port = 0},
      ip + ip_header(is_v4)};
}

void write_tcp(const PathQuestion& question, uint8_t flags, Big32 sequence, size_t length,
               uint8_t* at) {
  TcpHeader header{};
  header.source_port = port_of(question.token);
  header.destination_port = question.port;
  header.sequence = sequence;
  header.data_offset = sizeof(header) / 4 << 4;
  header.flags = flags;
  header.window = flags == kTcpSyn ? kWindow : uint16_t{0};
  store(at, header);
  const PartialSum pseudo =
      sum_pseudo_header(question.source, question.vip, static_cast<uint8_t>(Protocol::tcp),
                        static_cast<uint32_t>(length));
  header.checksum = finish(pseudo + sum_bytes(at, length));
  store(at, header);
}

void write_echo(const PathQuestion& question, size_t length, uint8_t* at) {
  const bool is_v4 = question.vip.is_v4();
  IcmpHeader header{};
  header.type = is_v4 ? kIcmpEchoRequest : kIcmpv6EchoRequest;
  header.rest = echo_of(question.token);
  store(at, header);
  const PartialSum pseudo = is_v4 ? 0
                                  : sum_pseudo_header(question.source, question.vip,
                                                      static_cast<uint8_t>(Protocol::icmpv6),
                                                      static_cast<uint32_t>(length));
  header.checksum = finish(pseudo + sum_bytes(at, length));
  store(at, header);
}

// --- What is heard -------------------------------------------------------------------------------

using Bytes = std::span<const uint8_t>;

template <typename Header>
bool read(Bytes bytes, size_t at, Header& ret_header) {
  if (bytes.size() < at || bytes.size() - at < sizeof(Header)) return false;
  ret_header = load<Header>(bytes.data() + at);
  return true;
}

struct Packet {
  bool is_v4 = false;
  Protocol protocol{};
  Address source;
  Bytes rest;  // from the transport header on
};

std::optional<Packet> read_v4(Bytes bytes) {
  Ipv4Header header{};
  if (!read(bytes, 0, header)) return std::nullopt;
  const size_t length = size_t{header.version_length & 0x0fu} * 4;
  const bool is_later = (header.fragment.value() & kFragmentOffset) != 0;
  if (length < sizeof(header) || length > bytes.size() || is_later) return std::nullopt;
  return Packet{.is_v4 = true,
                .protocol = static_cast<Protocol>(header.protocol),
                .source = Address::v4(header.source),
                .rest = bytes.subspan(length)};
}

std::optional<Packet> read_v6(Bytes bytes) {
  Ipv6Header header{};
  if (!read(bytes, 0, header)) return std::nullopt;
  return Packet{.is_v4 = false,
                .protocol = static_cast<Protocol>(header.next_header),
                .source = Address::v6(header.source.data()),
                .rest = bytes.subspan(sizeof(header))};
}

std::optional<Packet> read_packet(Bytes bytes) {
  const unsigned version = bytes.empty() ? 0u : bytes[0] >> 4u;
  if (version == 4) return read_v4(bytes);
  return version == 6 ? read_v6(bytes) : std::nullopt;
}

std::optional<PathAnswer> read_tcp(const Packet& packet) {
  TcpHeader header{};
  if (!read(packet.rest, 0, header) || (header.flags & kTcpAck) == 0) return std::nullopt;
  const bool is_refused = (header.flags & kTcpRst) != 0;
  if (!is_refused && (header.flags & kTcpSyn) == 0) return std::nullopt;
  const std::optional<uint32_t> token =
      token_of(header.destination_port, header.acknowledgement.value() - 1);
  if (!token) return std::nullopt;
  return PathAnswer{.kind = is_refused ? PathAnswer::Kind::refused : PathAnswer::Kind::accepted,
                    .token = *token,
                    .from = packet.source,
                    .port = header.source_port.value(),
                    .acknowledged = header.acknowledgement,
                    .text = {}};
}

// Of a question that may begin here.
std::optional<uint32_t> token_of_quote(Bytes bytes) {
  constexpr size_t kKnown = 8;  // bytes of the transport header; more need not be quoted
  const std::optional<Packet> packet = read_packet(bytes);
  if (!packet || packet->rest.size() < kKnown) return std::nullopt;
  const uint8_t* const at = packet->rest.data();
  if (packet->protocol == Protocol::tcp) {
    const uint32_t sequence = load<Big32>(at + offsetof(TcpHeader, sequence)).value();
    if (sequence % (1u << kZeroBits) != 0) return std::nullopt;
    return token_of(load<Big16>(at), sequence);
  }
  if (packet->protocol != icmp_of(packet->is_v4)) return std::nullopt;
  const auto icmp = load<IcmpHeader>(at);
  const bool is_request = icmp.type == (packet->is_v4 ? kIcmpEchoRequest : kIcmpv6EchoRequest);
  return is_request ? token_of(icmp.rest) : std::nullopt;
}

// Whatever it is packed in: what is in flight is told from anything else by its token.
std::optional<uint32_t> token_within(Bytes quote) {
  for (size_t at = 0; at <= kMaxOuterHeader && at < quote.size(); at += 2) {
    const std::optional<uint32_t> token = token_of_quote(quote.subspan(at));
    if (token) return token;
  }
  return std::nullopt;
}

std::string too_big_text(uint32_t mtu) {
  return "packet too big" + (mtu == 0 ? "" : ", " + std::to_string(mtu) + " bytes fit");
}

std::string unreachable_text(const char* const* names, size_t count, uint8_t code) {
  const char* const name = code < count ? names[code] : nullptr;
  return name != nullptr ? name : "unreachable (code " + std::to_string(code) + ")";
}

// Empty: it is no error.
std::string error_text_v4(const IcmpHeader& icmp) {
  constexpr const char* kNames[] = {"network unreachable",
                                    "host unreachable",
                                    "protocol unreachable",
                                    "port unreachable",
                                    nullptr,
                                    nullptr,
                                    nullptr,
                                    nullptr,
                                    nullptr,
                                    "network prohibited",
                                    "host prohibited",
                                    nullptr,
                                    nullptr,
                                    "prohibited"};
  if (icmp.type == kIcmpTimeExceeded) return "time to live exceeded";
  if (icmp.type == kIcmpParameter) return "parameter problem";
  if (icmp.type != kIcmpUnreachable) return {};
  if (icmp.code == kIcmpFragmentationNeeded) return too_big_text(icmp.rest.value() & 0xffff);
  return unreachable_text(kNames, std::size(kNames), icmp.code);
}

std::string error_text_v6(const IcmpHeader& icmp) {
  constexpr const char* kNames[] = {"no route", "prohibited", nullptr, "address unreachable",
                                    "port unreachable"};
  constexpr uint8_t kTimeExceeded = 3;
  constexpr uint8_t kUnknownNextHeader = 1;
  if (icmp.type == kIcmpv6Unreachable) {
    return unreachable_text(kNames, std::size(kNames), icmp.code);
  }
  if (icmp.type == kIcmpv6TooBig) return too_big_text(icmp.rest.value());
  if (icmp.type == kTimeExceeded) return "hop limit exceeded";
  if (icmp.type != kIcmpv6Parameter) return {};
  return icmp.code == kUnknownNextHeader ? "unknown next header" : "parameter problem";
}

std::optional<PathAnswer> read_icmp(const Packet& packet) {
  IcmpHeader icmp{};
  if (!read(packet.rest, 0, icmp)) return std::nullopt;
  PathAnswer answer{.from = packet.source, .acknowledged = {}, .text = {}};
  std::optional<uint32_t> token;
  if (icmp.type == (packet.is_v4 ? kIcmpEchoReply : kIcmpv6EchoReply)) {
    answer.kind = PathAnswer::Kind::echoed;
    token = token_of(icmp.rest);
  } else {
    const std::string text = packet.is_v4 ? error_text_v4(icmp) : error_text_v6(icmp);
    answer.text = to_string(packet.source) + ": " + text;
    if (!text.empty()) token = token_within(packet.rest.subspan(sizeof(icmp)));
  }
  if (!token) return std::nullopt;
  answer.token = *token;
  return answer;
}

}  // namespace

Frame write_path_question(const PathQuestion& question, size_t length, std::span<uint8_t> room) {
  const bool is_v4 = question.vip.is_v4();
  const Protocol protocol = question.port != 0 ? Protocol::tcp : icmp_of(is_v4);
  const auto [frame, transport] = begin(question, protocol, length, room);
  const size_t rest = length - ip_header(is_v4);
  if (question.port != 0) {
    write_tcp(question, kTcpSyn, sequence_of(question.token), rest, transport);
  } else {
    write_echo(question, rest, transport);
  }
  return frame;
}

Frame write_path_reset(const PathQuestion& question, Big32 next, std::span<uint8_t> room) {
  REQUIRE(question.port != 0);
  const auto [frame, transport] =
      begin(question, Protocol::tcp, least_path_question(question.vip.is_v4()), room);
  write_tcp(question, kTcpRst, next, sizeof(TcpHeader), transport);
  return frame;
}

Big32 acknowledged_alone(const PathQuestion& question) { return sequence_of(question.token) + 1; }

std::optional<PathAnswer> read_path_answer(std::span<const uint8_t> frame) {
  EthernetHeader ethernet{};
  if (!read(frame, 0, ethernet)) return std::nullopt;
  const std::optional<Packet> packet = read_packet(frame.subspan(sizeof(ethernet)));
  if (!packet) return std::nullopt;
  const EtherType type = packet->is_v4 ? EtherType::ipv4 : EtherType::ipv6;
  if (ethernet.type != Big16(static_cast<uint16_t>(type))) return std::nullopt;
  if (packet->protocol == Protocol::tcp) return read_tcp(*packet);
  return packet->protocol == icmp_of(packet->is_v4) ? read_icmp(*packet) : std::nullopt;
}

std::span<const sock_filter> path_answer_filter() {
  constexpr uint32_t kIp = ETH_HLEN;
  constexpr uint32_t kV6Rest = kIp + sizeof(Ipv6Header);
  // The last two numbers of a jump: so many instructions are left out if it is so, or not.
  static constexpr sock_filter kFilter[] = {
      /*  0 */ BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(EthernetHeader, type)),
      /*  1 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHERTYPE_IPV6, 14, 0),
      /*  2 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHERTYPE_IP, 0, 26),
      /*  3 */ BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kIp + offsetof(Ipv4Header, fragment)),
      /*  4 */ BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kFragmentOffset, 24, 0),
      /*  5 */ BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, kIp),
      /*  6 */ BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kIp + offsetof(Ipv4Header, protocol)),
      /*  7 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMP, 2, 0),
      /*  8 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 20),
      /*  9 */ BPF_JUMP(BPF_JMP | BPF_JA, 14, 0, 0),
      /* 10 */ BPF_STMT(BPF_LD | BPF_B | BPF_IND, kIp),
      /* 11 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kIcmpUnreachable, 18, 0),
      /* 12 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kIcmpTimeExceeded, 17, 0),
      /* 13 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kIcmpParameter, 16, 0),
      /* 14 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kIcmpEchoReply, 0, 14),
      /* 15 */ BPF_JUMP(BPF_JMP | BPF_JA, 10, 0, 0),
      // IPv6, with what is common to both families behind.
      /* 16 */ BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, sizeof(Ipv6Header)),
      /* 17 */ BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kIp + offsetof(Ipv6Header, next_header)),
      /* 18 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 5, 0),
      /* 19 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 9),
      /* 20 */ BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kV6Rest),
      /* 21 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kIcmpv6EchoReply, 4, 0),
      /* 22 */ BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kIcmpv6Unreachable, 0, 6),
      /* 23 */ BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, kIcmpv6Parameter, 5, 6),
      /* 24 */ BPF_STMT(BPF_LD | BPF_H | BPF_IND, kIp + offsetof(TcpHeader, destination_port)),
      /* 25 */ BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kFirstPathPort, 2, 3),
      /* 26 */ BPF_STMT(BPF_LD | BPF_H | BPF_IND, kIp + offsetof(IcmpHeader, rest)),
      /* 27 */ BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kEchoMark, 2, 1),
      /* 28 */ BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, kLastPathPort, 0, 1),
      /* 29 */ BPF_STMT(BPF_RET | BPF_K, 0),
      /* 30 */ BPF_STMT(BPF_RET | BPF_K, kPathAnswerBytes),
  };
  return kFilter;
}

}  // namespace evenkeel
