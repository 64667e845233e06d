#include "firmware/wire/emit.h"

#include <string>

#include "tests/base/death.h"
#include "tests/cmocka.h"
#include "tests/wire/room.h"

namespace evenkeel {
namespace {

constexpr uint32_t kEntropy = 0xdeadbeef;

struct Case {
  const char* description;
  Mode mode;
  const char* tunnel_source;
  const char* destination;
  uint8_t entropy_bits;
  uint16_t vlan;
  const char* in;
  const char* out;  // as scapy 2.5 builds it
};

// The client is 198.51.100.7 or 2001:db8:f::7, the VIP 192.0.2.1 or 2001:db8:2::1.
const Case kCases[] = {
    {"L2, IPv4, padding cut", Mode::l2_direct, "172.16.0.1", "10.1.2.3", 0, 0,
     "020c00000002020c00000001080045030021123400000211ba59c6336407c00002019c400035000d"
     "4d5b616263646500000000000000000000000000",
     "020000000002020000000001080045030021123400000111bb59c6336407c00002019c400035000d"
     "4d5b6162636465"},
    {"L2, IPv6, a tag taken off", Mode::l2_direct, "172.16.0.1", "10.1.2.3", 0, 0,
     "020c00000002020c000000018100000786dd6b900005000d114020010db8000f0000000000000000"
     "000720010db80002000000000000000000019c400035000dde0c6162636465",
     "02000000000202000000000186dd6b900005000d113f20010db8000f000000000000000000072001"
     "0db80002000000000000000000019c400035000dde0c6162636465"},
    {"L2, IPv4, a tag put on", Mode::l2_direct, "172.16.0.1", "10.1.2.3", 0, 100,
     "020c00000002020c00000001080045b900281234400040063ba7c6336407c00002019c4000500000"
     "0001000000005002200007150000000000000000",
     "02000000000202000000000181000064080045b90028123440003f063ca7c6336407c00002019c40"
     "005000000001000000005002200007150000"},
    {"L3DSR, TCP, ECN kept", Mode::l3_direct, "172.16.0.1", "10.1.2.3", 0, 0,
     "020c00000002020c00000001080045b900281234400040063ba7c6336407c00002019c4000500000"
     "0001000000005002200007150000000000000000",
     "020000000002020000000001080045550028123440003f06f308c63364070a0102039c4000500000"
     "00010000000050022000bd120000"},
    {"L3DSR, UDP without checksum", Mode::l3_direct, "172.16.0.1", "10.1.2.3", 0, 100,
     "020c00000002020c0000000181000007080045030021123400000211ba59c6336407c00002019c40"
     "0035000d00006162636465000000000000000000",
     "020000000002020000000001810000640800455700211234000001117103c63364070a0102039c40"
     "0035000d00006162636465"},
    {"L3DSR, UDP whose checksum would be 0", Mode::l3_direct, "172.16.0.1", "10.1.2.3", 0, 0,
     "020c00000002020c0000000108004503001e123400000211ba5cc6336407c00002019c400035000a"
     "4a022d2600000000000000000000000000000000",
     "02000000000202000000000108004557001e1234000001117106c63364070a0102039c400035000a"
     "ffff2d26"},
    {"L3DSR, a later fragment", Mode::l3_direct, "172.16.0.1", "10.1.2.3", 0, 0,
     "020c00000002020c0000000108004500001c123420b9091192a8c6336407c0000201667261676d65"
     "6e74000000000000000000000000000000000000",
     "02000000000202000000000108004554001c123420b908114952c63364070a010203667261676d65"
     "6e74"},
    {"L3DSR, an ICMP error, its quote untouched", Mode::l3_direct, "172.16.0.1", "10.1.2.3", 0, 0,
     "020c00000002020c00000001080045000038000700000901b3b3cb007109c00002010303e9520000"
     "00004500001c0005000040118e90c0000201c633640700359c400008772c",
     "0200000000020200000000010800455400380007000008016a5dcb0071090a0102030303e9520000"
     "00004500001c0005000040118e90c0000201c633640700359c400008772c"},
    {"L3DSR, IPv6 UDP", Mode::l3_direct, "172.16.0.1", "2001:db8:b::3", 0, 0,
     "020c00000002020c0000000186dd6b900005000d114020010db8000f000000000000000000072001"
     "0db80002000000000000000000019c400035000dde0c6162636465",
     "02000000000202000000000186dd65500005000d113f20010db8000f000000000000000000072001"
     "0db8000b000000000000000000039c400035000dde016162636465"},
    {"L3DSR, IPv6 TCP", Mode::l3_direct, "172.16.0.1", "2001:db8:b::3", 0, 0,
     "020c00000002020c0000000186dd602000050014064020010db8000f000000000000000000072001"
     "0db80002000000000000000000019c40005000000001000000005002200097c60000",
     "02000000000202000000000186dd656000050014063f20010db8000f000000000000000000072001"
     "0db8000b000000000000000000039c40005000000001000000005002200097bb0000"},
    {"L3DSR, an ICMPv6 error", Mode::l3_direct, "172.16.0.1", "2001:db8:b::3", 0, 0,
     "020c00000002020c0000000186dd6000000000383a0920010db80005000000000000000000092001"
     "0db800020000000000000000000102002b6300000578600000000008114020010db8000200000000"
     "00000000000120010db8000f0000000000000000000700359c40000807de",
     "02000000000202000000000186dd6540000000383a0820010db80005000000000000000000092001"
     "0db8000b0000000000000000000302002b5800000578600000000008114020010db8000200000000"
     "00000000000120010db8000f0000000000000000000700359c40000807de"},
    {"IPIP 4 in 4, DF, all entropy bits", Mode::ipip, "172.16.0.1", "10.1.2.3", 16, 0,
     "020c00000002020c00000001080045b900281234400040063ba7c6336407c00002019c4000500000"
     "0001000000005002200007150000000000000000",
     "020000000002020000000001080045b9003c000040004004d412ac10adde0a01020345b900281234"
     "40003f063ca7c6336407c00002019c40005000000001000000005002200007150000"},
    {"IPIP 4 in 4, an id of its own, padding cut", Mode::ipip, "172.16.0.1", "10.1.2.3", 5, 0,
     "020c00000002020c00000001080045030021123400000211ba59c6336407c00002019c400035000d"
     "4d5b616263646500000000000000000000000000",
     "020000000002020000000001080045030035fd8a00004004c505ac10001e0a010203450300211234"
     "00000111bb59c6336407c00002019c400035000d4d5b6162636465"},
    {"IPIP 4 in 4, a fragment", Mode::ipip, "172.16.0.1", "10.1.2.3", 0, 0,
     "020c00000002020c000000018100000708004500001c123420b9091192a8c6336407c00002016672"
     "61676d656e740000000000000000000000000000",
     "020000000002020000000001080045000030dd3300004004e581ac1000010a0102034500001c1234"
     "20b9081193a8c6336407c0000201667261676d656e74"},
    {"IPIP 6 in 4", Mode::ipip, "172.16.0.1", "10.1.2.3", 0, 0,
     "020c00000002020c0000000186dd6b900005000d114020010db8000f000000000000000000072001"
     "0db80002000000000000000000019c400035000dde0c6162636465",
     "020000000002020000000001080045b9004900004000402981beac1000010a0102036b900005000d"
     "113f20010db8000f0000000000000000000720010db80002000000000000000000019c400035000d"
     "de0c6162636465"},
    {"IPIP 4 in 6, all entropy bits", Mode::ipip, "2001:db8:a::1", "2001:db8:b::3", 32, 0,
     "020c00000002020c00000001080045b900281234400040063ba7c6336407c00002019c4000500000"
     "0001000000005002200007150000000000000000",
     "02000000000202000000000186dd6b9dbeef0028044020010db8000a000000000000efbeadde2001"
     "0db8000b0000000000000000000345b90028123440003f063ca7c6336407c00002019c4000500000"
     "0001000000005002200007150000"},
    {"IPIP 6 in 6, QinQ to a tag", Mode::ipip, "2001:db8:a::1", "2001:db8:b::3", 0, 100,
     "020c00000002020c0000000188a800098100000786dd6b900005000d114020010db8000f00000000"
     "00000000000720010db80002000000000000000000019c400035000dde0c6162636465",
     "0200000000020200000000018100006486dd6b9dbeef0035294020010db8000a0000000000000000"
     "000120010db8000b000000000000000000036b900005000d113f20010db8000f0000000000000000"
     "000720010db80002000000000000000000019c400035000dde0c6162636465"},
    {"GRE 4 in 4", Mode::gre, "172.16.0.1", "10.1.2.3", 12, 0,
     "020c00000002020c00000001080045b900281234400040063ba7c6336407c00002019c4000500000"
     "0001000000005002200007150000000000000000",
     "020000000002020000000001080045b9004000004000402f73e4ac100dde0a0102030000080045b9"
     "0028123440003f063ca7c6336407c00002019c40005000000001000000005002200007150000"},
    {"GRE 6 in 4, tagged", Mode::gre, "172.16.0.1", "10.1.2.3", 0, 4094,
     "020c00000002020c0000000186dd6b900005000d114020010db8000f000000000000000000072001"
     "0db80002000000000000000000019c400035000dde0c6162636465",
     "02000000000202000000000181000ffe080045b9004d00004000402f81b4ac1000010a0102030000"
     "86dd6b900005000d113f20010db8000f0000000000000000000720010db800020000000000000000"
     "00019c400035000dde0c6162636465"},
    {"GRE 6 in 6", Mode::gre, "2001:db8:a::1", "2001:db8:b::3", 8, 0,
     "020c00000002020c0000000186dd602000050014064020010db8000f000000000000000000072001"
     "0db80002000000000000000000019c40005000000001000000005002200097c60000",
     "02000000000202000000000186dd602dbeef00402f4020010db8000a000000000000000000de2001"
     "0db8000b00000000000000000003000086dd602000050014063f20010db8000f0000000000000000"
     "000720010db80002000000000000000000019c40005000000001000000005002200097c60000"},
    {"GUE 4 in 4", Mode::gue, "172.16.0.1", "10.1.2.3", 0, 0,
     "020c00000002020c00000001080045b900281234400040063ba7c6336407c00002019c4000500000"
     "0001000000005002200007150000000000000000",
     "020000000002020000000001080045b9004800004000401181d7ac1000010a010203feef17c00034"
     "00000004000045b90028123440003f063ca7c6336407c00002019c40005000000001000000005002"
     "200007150000"},
    {"GUE 6 in 4, tagged, the longer front", Mode::gue, "172.16.0.1", "10.1.2.3", 0, 100,
     "020c00000002020c000000018100000786dd6b900005000d114020010db8000f0000000000000000"
     "000720010db80002000000000000000000019c400035000dde0c6162636465",
     "02000000000202000000000181000064080045b9005500004000401181caac1000010a010203feef"
     "17c000410000002900006b900005000d113f20010db8000f0000000000000000000720010db80002"
     "000000000000000000019c400035000dde0c6162636465"},
    {"GUE 4 in 6", Mode::gue, "2001:db8:a::1", "2001:db8:b::3", 0, 0,
     "020c00000002020c00000001080045030021123400000211ba59c6336407c00002019c400035000d"
     "4d5b616263646500000000000000000000000000",
     "02000000000202000000000186dd603dbeef002d114020010db8000a000000000000000000012001"
     "0db8000b00000000000000000003feef17c0002d00000004000045030021123400000111bb59c633"
     "6407c00002019c400035000d4d5b6162636465"},
    {"VXLAN 4 in 4", Mode::vxlan, "172.16.0.1", "10.1.2.3", 0, 0,
     "020c00000002020c00000001080045b900281234400040063ba7c6336407c00002019c4000500000"
     "0001000000005002200007150000000000000000",
     "020000000002020000000001080045b9005a00004000401181c5ac1000010a010203feef12b50046"
     "00000800000012345600020000000102020000000101080045b90028123440003f063ca7c6336407"
     "c00002019c40005000000001000000005002200007150000"},
    {"VXLAN 6 in 6, tagged, the longest front", Mode::vxlan, "2001:db8:a::1", "2001:db8:b::3", 0,
     100,
     "020c00000002020c0000000188a800098100000786dd6b900005000d114020010db8000f00000000"
     "00000000000720010db80002000000000000000000019c400035000dde0c6162636465",
     "0200000000020200000000018100006486dd6b9dbeef0053114020010db8000a0000000000000000"
     "000120010db8000b00000000000000000003feef12b5005300000800000012345600020000000102"
     "02000000010186dd6b900005000d113f20010db8000f0000000000000000000720010db800020000"
     "00000000000000019c400035000dde0c6162636465"},
    {"Geneve 4 in 6", Mode::geneve, "2001:db8:a::1", "2001:db8:b::3", 0, 0,
     "020c00000002020c00000001080045030021123400000211ba59c6336407c00002019c400035000d"
     "4d5b616263646500000000000000000000000000",
     "02000000000202000000000186dd603dbeef003f114020010db8000a000000000000000000012001"
     "0db8000b00000000000000000003feef17c1003f0000000065581234560002000000010202000000"
     "0101080045030021123400000111bb59c6336407c00002019c400035000d4d5b6162636465"},
    {"Geneve 6 in 4", Mode::geneve, "172.16.0.1", "10.1.2.3", 0, 0,
     "020c00000002020c0000000186dd6b900005000d114020010db8000f000000000000000000072001"
     "0db80002000000000000000000019c400035000dde0c6162636465",
     "020000000002020000000001080045b9006700004000401181b8ac1000010a010203feef17c10053"
     "0000000065581234560002000000010202000000010186dd6b900005000d113f20010db8000f0000"
     "000000000000000720010db80002000000000000000000019c400035000dde0c6162636465"},
};

Forwarding forwarding_of(const Case& row, bool inner_is_v4) {
  ForwardingSpec spec;
  spec.mode = row.mode;
  spec.inner_is_v4 = inner_is_v4;
  spec.source_mac = {2, 0, 0, 0, 0, 1};
  spec.destination_mac = {2, 0, 0, 0, 0, 2};
  spec.vlan = row.vlan;
  spec.destination = *parse_address(row.destination);
  spec.tunnel_source = *parse_address(row.tunnel_source);
  spec.source_entropy_bits = row.entropy_bits;
  spec.vni = 0x123456;
  spec.inner_source_mac = {2, 0, 0, 0, 1, 1};
  spec.inner_destination_mac = {2, 0, 0, 0, 1, 2};
  spec.dscp = 21;
  const Result<Forwarding> result = make_forwarding(spec);
  if (!result.ok()) fail_msg("%s: %s", row.description, result.message().c_str());
  return result.value();
}

Parsed parsed_of(const Case& row, const Frame& frame) {
  Parsed parsed;
  const Reason reason = parse(frame, parsed);
  if (reason != Reason::none) fail_msg("%s: %s", row.description, to_string(reason));
  return parsed;
}

void every_mode_as_scapy_builds_it(void** /*state*/) {
  for (const Case& row : kCases) {
    Room room(row.in);
    Frame frame = room.frame();
    const Parsed parsed = parsed_of(row, frame);
    const Forwarding forwarding = forwarding_of(row, parsed.is_v4);
    const Reason reason = emit(forwarding, frame, parsed, kEntropy);
    if (reason != Reason::none) fail_msg("%s: %s", row.description, to_string(reason));
    Room expected(row.out);
    if (frame.length != expected.frame().length ||
        std::memcmp(frame.data, expected.data(), frame.length) != 0) {
      for (uint32_t i = 0; i < frame.length; ++i) print_error("%02x", frame.data[i]);
      fail_msg("\n%s\n%s", row.out, row.description);
    }
    if (!room.holds(frame)) fail_msg("%s: outside of the frame's bounds", row.description);
  }
}

// Answers the reason, and fails unless a refused frame is untouched.
Reason emit_once(const Case& row, Forwarding& forwarding, int ttl) {
  Room room(row.in);
  Frame frame = room.frame();
  Parsed parsed = parsed_of(row, frame);
  if (ttl >= 0) parsed.ttl = static_cast<uint8_t>(ttl);
  const Reason reason = emit(forwarding, frame, parsed, kEntropy);
  if (reason == Reason::none) {
    assert_true(room.holds(frame));
  } else {
    assert_true(room.is_untouched());
    const Frame before = room.frame();
    assert_ptr_equal(frame.data, before.data);
    assert_int_equal(frame.length, before.length);
  }
  return reason;
}

void assert_reason(const Case& row, Reason got, Reason expected) {
  if (got != expected) {
    fail_msg("%s: %s, not %s", row.description, to_string(got), to_string(expected));
  }
}

void what_does_not_fit_is_refused_untouched(void** /*state*/) {
  for (const Case& row : kCases) {
    Room room(row.in);
    const Parsed parsed = parsed_of(row, room.frame());
    Forwarding forwarding = forwarding_of(row, parsed.is_v4);
    const uint16_t mtu = static_cast<uint16_t>(parsed.l3_length + forwarding.overhead);
    forwarding.mtu = mtu;
    assert_reason(row, emit_once(row, forwarding, -1), Reason::none);
    assert_reason(row, emit_once(row, forwarding, 2), Reason::none);
    assert_reason(row, emit_once(row, forwarding, 1), Reason::ttl_expired);
    assert_reason(row, emit_once(row, forwarding, 0), Reason::ttl_expired);
    forwarding.mtu = static_cast<uint16_t>(mtu - 1);
    assert_reason(row, emit_once(row, forwarding, -1), Reason::too_big);
  }
}

void largest_packet_fits_largest_mtu(void** /*state*/) {
  static std::array<uint8_t, kMaxOuterHeader + kMaxMtu> buffer;
  for (const Case& row : kCases) {
    Room room(row.in);
    Parsed parsed = parsed_of(row, room.frame());
    Forwarding forwarding = forwarding_of(row, parsed.is_v4);
    forwarding.mtu = kMaxMtu;
    std::memcpy(buffer.data() + kMaxOuterHeader, room.data() + parsed.l3_offset, 40);
    parsed.l3_length = static_cast<uint16_t>(kMaxMtu - forwarding.overhead);
    parsed.l4_offset = static_cast<uint16_t>(parsed.l4_offset - parsed.l3_offset);
    parsed.l3_offset = 0;
    Frame frame{.data = buffer.data() + kMaxOuterHeader, .length = parsed.l3_length};
    assert_reason(row, emit(forwarding, frame, parsed, kEntropy), Reason::none);
    const uint8_t* outer = frame.data + forwarding.header_length - forwarding.overhead;
    if (forwarding.shape == Shape::ipv4 || forwarding.shape == Shape::ipv4_udp) {
      assert_int_equal(load<Ipv4Header>(outer).total_length.value(), kMaxMtu);
      assert_int_equal(finish(sum_ipv4_header(outer)).raw(), 0);
    } else if (forwarding.shape != Shape::bare && forwarding.shape != Shape::rewritten) {
      assert_int_equal(load<Ipv6Header>(outer).payload_length.value(), kMaxMtu - 40);
    }
  }
}

// All values that the checksum can have, and so all carries.
void ttl_keeps_the_checksum_right(void** /*state*/) {
  Ipv4Header header{};
  header.version_length = 0x45;
  header.ttl = 64;
  for (uint32_t id = 0; id <= 0xffff; ++id) {
    header.id = static_cast<uint16_t>(id);
    header.ttl = static_cast<uint8_t>(2 + id % 254);
    header.checksum = 0;
    header.checksum = finish(sum_ipv4_header(&header));
    Ipv4Header changed = header;
    emit_parts::decrement_ttl(reinterpret_cast<uint8_t*>(&changed), true);
    --header.ttl;
    header.checksum = 0;
    header.checksum = finish(sum_ipv4_header(&header));
    assert_memory_equal(&changed, &header, sizeof(header));
  }
}

void a_checksum_of_all_ones_stays_right(void** /*state*/) {
  Ipv4Header header{};  // sums to 0xffff without its checksum
  header.version_length = 0x45;
  header.ttl = 64;
  header.id = 0xffff - 0x4500 - 0x4000;
  header.checksum = 0xffff;
  assert_int_equal(finish(sum_ipv4_header(&header)).raw(), 0);
  emit_parts::decrement_ttl(reinterpret_cast<uint8_t*>(&header), true);
  assert_int_equal(finish(sum_ipv4_header(&header)).raw(), 0);
}

void entropy_reaches_what_receivers_hash(void** /*state*/) {
  const Case row{"", Mode::gue, "2001:db8:1::1", "2001:db8::2", 0, 0, kCases[0].in, ""};
  const Case bare{"", Mode::ipip, "2001:db8:1::1", "2001:db8::2", 32, 0, kCases[0].in, ""};
  for (uint32_t bit = 0; bit < 32; ++bit) {
    Room room(row.in);
    Frame frame = room.frame();
    const Parsed parsed = parsed_of(row, frame);
    assert_int_equal(emit(forwarding_of(row, true), frame, parsed, 1u << bit), Reason::none);
    const auto ip = load<Ipv6Header>(frame.data + 14);
    const auto udp = load<UdpHeader>(frame.data + 54);
    assert_int_equal(ip.version_class_label.value() & 0xfffff, bit < 20 ? 1u << bit : 1);
    assert_int_equal(udp.source_port.value(), 49152 + (bit < 14 ? 1u << bit : 0));

    Room other(row.in);
    frame = other.frame();
    assert_int_equal(emit(forwarding_of(bare, true), frame, parsed, 1u << bit), Reason::none);
    assert_int_equal(load<uint32_t>(frame.data + 14 + 8 + 12), 1u << bit);
  }
}

void a_caller_that_mixes_families_is_stopped(void** /*state*/) {
  Room room(kCases[0].in);
  Frame frame = room.frame();
  const Parsed parsed = parsed_of(kCases[0], frame);
  const Forwarding other = forwarding_of(kCases[0], false);
  assert_true(dies_saying("inner_is_v4", [&] { emit(other, frame, parsed, 0); }));
  Forwarding nat = forwarding_of(kCases[0], true);
  nat.mode = Mode::nat;
  nat.shape = Shape::rewritten;
  assert_true(dies_saying("l3_direct", [&] { emit(nat, frame, parsed, 0); }));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(every_mode_as_scapy_builds_it),
      cmocka_unit_test(what_does_not_fit_is_refused_untouched),
      cmocka_unit_test(largest_packet_fits_largest_mtu),
      cmocka_unit_test(ttl_keeps_the_checksum_right),
      cmocka_unit_test(a_checksum_of_all_ones_stays_right),
      cmocka_unit_test(entropy_reaches_what_receivers_hash),
      cmocka_unit_test(a_caller_that_mixes_families_is_stopped),
  };
  return cmocka_run_group_tests_name("wire/emit", tests, nullptr, nullptr);
}
