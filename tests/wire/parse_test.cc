// Tables of what is accepted, with every field, and of what is refused, and why; then that no byte
// beyond a packet's end is read, and that the inline path says what parse_slow() says.
#include "firmware/wire/parse.h"

#include <cstring>

#include "tests/cmocka.h"
#include "tests/wire/edge.h"
#include "tests/wire/packet.h"
#include "tests/wire/parse_accepted.h"

namespace evenkeel {
namespace {

constexpr const char* kTcp4 =
    "020000000002020000000001080045000028123440004006"
    "3c60c6336407c00002019c40005000000000000000005002200007160000";
constexpr const char* kUdp4 =  // 16 bytes of payload
    "02000000000202000000000108004500002c1234000040117c51c6336407c00002019c40003500180000"
    "00000000000000000000000000000000";
constexpr const char* kTcp6 =
    "02000000000202000000000186dd6000000000140640"
    "20010db8000c0000000000000000000720010db80000000000000000000000019c40005000000000000000005002"
    "2000fe020000";
constexpr const char* kExtended6 =  // destination options at 54, UDP at 62, 16 bytes of payload
    "02000000000202000000000186dd6000000000203c40"
    "20010db8000c0000000000000000000720010db80000000000000000000000011100010400000000"
    "9c4000350018000000000000000000000000000000000000";
constexpr const char* kError4 =  // host unreachable; quotes an IPv4 header at 42, UDP at 62
    "020000000002020000000001080045000038000100004001dac8cb007109c0000201"
    "0301e1600000000045000020000700000911c288c0000201c633640700359c40000c0000";

struct Refused {
  const char* description;
  const char* hex;
  const char* patches;  // as of packet_of(); IPv4's checksum is made right afterwards
  uint32_t length;      // all that follows is cut off; 0: nothing is
  Reason reason;
};

constexpr Refused kRefused[] = {
    {"13 bytes", kTcp4, "", 13, Reason::truncated},
    {"ARP", kTcp4, "12:0806", 0, Reason::not_ip},
    {"IEEE 802.3 length", kTcp4, "12:002e", 0, Reason::not_ip},
    {"half a VLAN tag", kTcp4, "12:8100", 16, Reason::truncated},
    {"nothing behind a VLAN tag", kTcp4, "12:8100 16:0800", 18, Reason::truncated},
    {"three VLAN tags", kTcp4, "12:88a8 16:8100 20:8100", 0, Reason::too_many_headers},

    {"IPv4 header cut", kTcp4, "", 33, Reason::truncated},
    {"version 5", kTcp4, "14:55", 0, Reason::bad_header},
    {"IPv6 under the type of IPv4", kTcp6, "12:0800", 0, Reason::bad_header},
    {"IPv4 under the type of IPv6", kUdp4, "12:86dd", 0, Reason::bad_header},
    {"IPv4 header of 16 bytes", kTcp4, "14:44", 0, Reason::bad_header},
    {"IPv4 header beyond the frame", kTcp4, "14:4f", 0, Reason::truncated},
    {"IPv4 total length below its header", kTcp4, "16:0013", 0, Reason::bad_header},
    {"IPv4 total length 0", kTcp4, "16:0000", 0, Reason::bad_header},
    {"IPv4 total length beyond the frame", kTcp4, "16:0029", 0, Reason::truncated},
    {"IPv4 checksum", kTcp4, "24:3c61", 0, Reason::bad_checksum},

    {"source 0.1.2.3", kTcp4, "26:00010203", 0, Reason::bad_address},
    {"source 127.0.0.1", kTcp4, "26:7f000001", 0, Reason::bad_address},
    {"source 224.0.0.1", kTcp4, "26:e0000001", 0, Reason::bad_address},
    {"source 255.255.255.255", kTcp4, "26:ffffffff", 0, Reason::bad_address},
    {"IPv4 source equal to destination", kTcp4, "26:c0000201", 0, Reason::bad_address},
    {"source ::", kTcp6, "22:00000000000000000000000000000000", 0, Reason::bad_address},
    {"source ::1", kTcp6, "22:00000000000000000000000000000001", 0, Reason::bad_address},
    {"source ff02::1", kTcp6, "22:ff020000000000000000000000000001", 0, Reason::bad_address},
    {"mapped source", kTcp6, "22:00000000000000000000ffffc6336407", 0, Reason::bad_address},
    {"mapped destination", kTcp6, "38:00000000000000000000ffffc0000201", 0, Reason::bad_address},
    {"IPv6 source equal to destination", kTcp6, "22:20010db8000000000000000000000001", 0,
     Reason::bad_address},
    {"martian that sends an error", kError4, "26:7f000001", 0, Reason::bad_address},

    {"TCP source port 0", kTcp4, "34:0000", 0, Reason::zero_port},
    {"TCP destination port 0", kTcp6, "56:0000", 0, Reason::zero_port},
    {"UDP destination port 0", kUdp4, "36:0000", 0, Reason::zero_port},
    {"SCTP source port 0", kTcp4, "23:84 34:0000", 0, Reason::zero_port},

    {"GRE", kTcp4, "23:2f", 0, Reason::unsupported_protocol},
    {"later fragment of GRE", kUdp4, "23:2f 20:0009", 0, Reason::unsupported_protocol},
    {"later fragment of GRE over IPv6", kExtended6, "20:2c 54:2f 56:0100", 0,
     Reason::unsupported_protocol},
    {"IPv4 later fragment of an extension header", kUdp4, "23:3c 20:0009", 0,
     Reason::unsupported_protocol},
    {"ICMPv6 over IPv4", kTcp4, "23:3a 34:8000", 0, Reason::unsupported_protocol},
    {"ICMP over IPv6", kTcp6, "20:01 54:0800", 0, Reason::unsupported_protocol},
    {"ESP", kTcp6, "20:32", 0, Reason::unsupported_protocol},
    {"authentication header", kTcp6, "20:33", 0, Reason::unsupported_protocol},
    {"no next header", kTcp6, "20:3b", 0, Reason::unsupported_protocol},

    {"TCP header of 16 bytes", kTcp4, "46:40", 0, Reason::bad_header},
    {"TCP header beyond the packet", kTcp4, "46:60", 0, Reason::bad_header},
    {"TCP header cut by total length", kTcp4, "16:0027", 0, Reason::truncated},
    {"UDP length 7", kUdp4, "38:0007", 0, Reason::bad_header},
    {"UDP length beyond the packet", kUdp4, "38:0019", 0, Reason::truncated},
    {"UDP length beyond the packet, in the padding", kUdp4, "16:002b", 0, Reason::truncated},
    {"UDP header cut by total length", kUdp4, "16:001b", 0, Reason::truncated},
    {"SCTP header cut by total length", kTcp4, "23:84 16:001f", 0, Reason::truncated},

    {"first fragment of TCP without its flags", kTcp4, "20:2000 16:0024", 0, Reason::truncated},
    {"IPv4 fragment over TCP's flags", kTcp4, "20:0001", 0, Reason::bad_header},
    {"IPv4 fragment beyond 64 KiB", kUdp4, "20:1ffe", 0, Reason::bad_header},
    {"IPv4 fragment that leaves a gap", kUdp4, "20:2010 16:002b", 0, Reason::bad_header},
    {"IPv6 fragment over TCP's flags", kExtended6, "20:2c 54:06 56:0008", 0, Reason::bad_header},
    {"IPv6 fragment beyond 64 KiB", kExtended6, "20:2c 56:fff0", 0, Reason::bad_header},
    {"IPv6 fragment that leaves a gap", kExtended6, "20:2c 56:0101 18:001f", 0, Reason::bad_header},
    {"two fragment headers", kExtended6, "20:2c 54:2c 56:0001 62:1100 64:0001", 0,
     Reason::bad_header},

    {"IPv6 header cut", kTcp6, "", 53, Reason::truncated},
    {"IPv6 payload length 0, as of a jumbogram", kTcp6, "18:0000", 0, Reason::bad_header},
    {"IPv6 packet beyond 64 KiB", kTcp6, "18:ffd8", 0, Reason::bad_header},
    {"IPv6 payload length beyond the frame", kTcp6, "18:0015", 0, Reason::truncated},
    {"IPv6 payload length below TCP", kTcp6, "18:0013", 0, Reason::truncated},
    {"extension header cut by payload length", kExtended6, "18:0007", 0, Reason::truncated},
    {"extension header longer than the payload", kExtended6, "55:04", 0, Reason::truncated},
    {"hop-by-hop options in second place", kExtended6, "54:00", 0, Reason::bad_header},
    {"routing header with further to go", kExtended6, "20:2b 57:01", 0, Reason::bad_header},
    {"nine extension headers",
     "02000000000202000000000186dd6000000000500040"
     "20010db8000c0000000000000000000720010db8000000000000000000000001"
     "3c000104000000003c000104000000003c000104000000003c000104000000003c00010400000000"
     "3c000104000000003c000104000000003c000104000000001100010400000000"
     "9c40003500080000",
     "", 0, Reason::too_many_headers},

    {"echo reply", kTcp4, "23:01 34:0000", 0, Reason::icmp_other},
    {"source quench", kError4, "34:04", 0, Reason::icmp_other},
    {"redirect", kError4, "34:05", 0, Reason::icmp_other},
    {"neighbour solicitation", kTcp6, "20:3a 54:8700", 0, Reason::icmp_other},
    {"ICMPv6 type 0", kTcp6, "20:3a 54:0000", 0, Reason::icmp_other},
    {"first fragment of an echo request", kUdp4, "20:2000 23:01 34:0800", 0, Reason::icmp_other},
    {"later fragment of ICMPv6", kExtended6, "20:2c 54:3a 56:0100", 0, Reason::icmp_other},
    {"ICMP header cut by total length", kError4, "16:001b", 0, Reason::truncated},

    {"quote of another's packet", kError4, "57:02", 0, Reason::icmp_mismatch},
    {"quote of a later fragment", kError4, "48:0009", 0, Reason::icmp_mismatch},
    {"quote of an echo reply", kError4, "51:01 62:0000", 0, Reason::icmp_other},
    {"quote of GRE", kError4, "51:2f", 0, Reason::unsupported_protocol},
    {"quote of seven bytes of UDP", kError4, "16:0037", 0, Reason::truncated},
    {"quote of half a header", kError4, "16:002f", 0, Reason::truncated},
    {"quote whose options go beyond the packet", kError4, "42:4f", 0, Reason::truncated},
    {"quote of IPv6", kError4, "42:60", 0, Reason::bad_header},
    {"quote with port 0", kError4, "64:0000", 0, Reason::zero_port},
    {"quote of a packet to a martian", kError4, "58:7f000001", 0, Reason::bad_address},
    {"quote of a packet to itself", kError4, "58:c0000201", 0, Reason::bad_address},
};

constexpr size_t kFields = offsetof(Parsed, fragment_id) + sizeof(uint32_t);

// parse() and parse_slow() of the first `length` bytes, which must agree, and touch nothing when
// they refuse.
Reason parse_both(const uint8_t* bytes, uint32_t length, Parsed& ret_parsed) {
  static uint8_t* const kEdge = map_edge();
  const Frame frame{.data = kEdge - length, .length = length};
  if (length != 0) std::memcpy(frame.data, bytes, length);
  Parsed untouched;
  std::memset(static_cast<void*>(&untouched), 0xa5, sizeof(untouched));
  Parsed fast = untouched;
  Parsed slow = untouched;
  const Reason reason = parse(frame, fast);
  assert_int_equal(reason, parse_slow(frame, slow));
  assert_memory_equal(&fast, &slow, kFields);
  if (reason != Reason::none) assert_memory_equal(&fast, &untouched, kFields);
  ret_parsed = fast;
  return reason;
}

void expect_fields(const Parsed& parsed, const Expected& expected) {
  assert_string_equal(to_string(parsed.key.source).c_str(), expected.source);
  assert_string_equal(to_string(parsed.key.destination).c_str(), expected.destination);
  assert_int_equal(parsed.key.source_port.value(), expected.source_port);
  assert_int_equal(parsed.key.destination_port.value(), expected.destination_port);
  assert_int_equal(parsed.key.protocol, expected.protocol);
  assert_memory_equal(parsed.key.zero.data(), "\0\0", 3);
  assert_int_equal(parsed.kind, expected.kind);
  assert_int_equal(parsed.l3_offset, expected.l3_offset);
  assert_int_equal(parsed.l3_length, expected.l3_length);
  assert_int_equal(parsed.l4_offset, expected.l4_offset);
  assert_int_equal(parsed.quoted_offset, expected.quoted_offset);
  assert_int_equal(parsed.is_v4, expected.is_v4);
  assert_int_equal(parsed.signals, expected.signals);
  assert_int_equal(parsed.traffic_class, expected.traffic_class);
  assert_int_equal(parsed.ttl, expected.ttl);
  assert_int_equal(parsed.may_fragment, expected.may_fragment);
  assert_int_equal(parsed.fragment_id, expected.fragment_id);
}

void accepts(void** /*state*/) {
  for (const Accepted& row : kAccepted) {
    print_message("  %s\n", row.description);
    const Packet packet = packet_of(row.hex);
    Parsed parsed;
    assert_string_equal(to_string(parse_both(packet.bytes(), packet.length, parsed)), "none");
    expect_fields(parsed, row.expected);
  }
}

void refuses(void** /*state*/) {
  for (const Refused& row : kRefused) {
    print_message("  %s\n", row.description);
    Packet packet = packet_of(row.hex, row.patches);
    uint8_t* l3 = packet.bytes() + 14;
    if (l3[0] >> 4 == 4 && row.reason != Reason::bad_checksum) mend_ipv4_checksum(l3);
    Parsed parsed;
    const uint32_t length = row.length != 0 ? row.length : packet.length;
    const Reason reason = parse_both(packet.bytes(), length, parsed);
    assert_string_equal(to_string(reason), to_string(row.reason));
  }
}

// The packets that the table of refusals starts from are good ones.
void accepts_what_refusals_start_from(void** /*state*/) {
  for (const char* hex : {kTcp4, kUdp4, kTcp6, kExtended6, kError4}) {
    Packet packet = packet_of(hex);
    if (packet.bytes()[14] == 0x45) mend_ipv4_checksum(packet.bytes() + 14);
    Parsed parsed;
    assert_int_equal(parse_both(packet.bytes(), packet.length, parsed), Reason::none);
  }
}

// Whatever is cut off an IP packet, it is refused for that; what is cut off Ethernet's padding does
// not matter.
void refuses_every_cut(void** /*state*/) {
  for (const Accepted& row : kAccepted) {
    const Packet packet = packet_of(row.hex);
    const uint32_t end = row.expected.l3_offset + uint32_t{row.expected.l3_length};
    for (uint32_t length = 0; length <= packet.length; ++length) {
      Parsed parsed;
      const Reason reason = parse_both(packet.bytes(), length, parsed);
      assert_int_equal(reason, length < end ? Reason::truncated : Reason::none);
      if (length >= end) expect_fields(parsed, row.expected);
    }
  }
}

void no_bit_of_an_ipv4_header_may_flip(void** /*state*/) {
  for (uint32_t bit = 0; bit < 20 * 8; ++bit) {
    Packet packet = packet_of(kUdp4);
    mend_ipv4_checksum(packet.bytes() + 14);
    packet.bytes()[14 + bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    Parsed parsed;
    assert_int_not_equal(parse_both(packet.bytes(), packet.length, parsed), Reason::none);
  }
}

void every_combination_of_tcp_flags(void** /*state*/) {
  for (uint32_t flags = 0; flags < 256; ++flags) {
    const bool fin = (flags & 1) != 0;
    const bool syn = (flags & 2) != 0;
    const bool rst = (flags & 4) != 0;
    const bool ack = (flags & 16) != 0;
    Packet packet = packet_of(kTcp6);
    packet.bytes()[67] = static_cast<uint8_t>(flags);
    Parsed parsed;
    const Reason reason = parse_both(packet.bytes(), packet.length, parsed);
    const bool absurd = (syn && (fin || rst)) || (!syn && !rst && !ack);
    assert_int_equal(reason, absurd ? Reason::bad_header : Reason::none);
    if (absurd) continue;
    assert_int_equal((parsed.signals & kOpening) != 0, syn && !ack);
    assert_int_equal((parsed.signals & kClosing) != 0, fin);
    assert_int_equal((parsed.signals & kReset) != 0, rst);
    assert_int_equal(parsed.signals & ~(kOpening | kClosing | kReset), 0);
  }
}

// Lengths of 16 bits at their ends, which must not wrap.
void reads_the_longest_packets(void** /*state*/) {
  static uint8_t bytes[14 + 40 + 65'535];
  const Packet v4 = packet_of(kUdp4, "16:ffff 38:ffeb");
  std::memcpy(bytes, v4.bytes(), v4.length);
  mend_ipv4_checksum(bytes + 14);
  Parsed parsed;
  assert_int_equal(parse_both(bytes, 14 + 65'535, parsed), Reason::none);
  assert_int_equal(parsed.l3_length, 65'535);
  assert_int_equal(parse_both(bytes, 14 + 65'534, parsed), Reason::truncated);

  const Packet v6 = packet_of(kTcp6, "18:ffd7");
  std::memcpy(bytes, v6.bytes(), v6.length);
  assert_int_equal(parse_both(bytes, 14 + 65'535, parsed), Reason::none);
  assert_int_equal(parsed.l3_length, 65'535);
  bytes[19] = 0xd8;
  assert_int_equal(parse_both(bytes, 14 + 65'536, parsed), Reason::bad_header);
}

// Damage by the hundred thousand; parse_both() compares.
void inline_path_agrees_on_damaged_packets(void** /*state*/) {
  uint64_t random = 88'172'645'463'325'252;
  const auto next = [&random] {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    return static_cast<uint32_t>(random >> 20);
  };
  size_t accepted = 0;
  constexpr size_t kRounds = 300'000;
  for (size_t round = 0; round < kRounds; ++round) {
    Packet packet = packet_of(kAccepted[next() % std::size(kAccepted)].hex);
    for (uint32_t changes = next() % 4; changes != 0; --changes) {
      packet.bytes()[12 + next() % (packet.length - 12)] = static_cast<uint8_t>(next());
    }
    if (packet.bytes()[14] == 0x45 && next() % 8 != 0) mend_ipv4_checksum(packet.bytes() + 14);
    const uint32_t length = next() % 8 == 0 ? next() % packet.length : packet.length;
    Parsed parsed;
    if (parse_both(packet.bytes(), length, parsed) == Reason::none) ++accepted;
  }
  assert_in_range(accepted, kRounds / 4, kRounds * 3 / 4);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(accepts),
      cmocka_unit_test(accepts_what_refusals_start_from),
      cmocka_unit_test(refuses),
      cmocka_unit_test(refuses_every_cut),
      cmocka_unit_test(no_bit_of_an_ipv4_header_may_flip),
      cmocka_unit_test(every_combination_of_tcp_flags),
      cmocka_unit_test(reads_the_longest_packets),
      cmocka_unit_test(inline_path_agrees_on_damaged_packets),
  };
  return cmocka_run_group_tests_name("wire/parse", tests, nullptr, nullptr);
}
