// Eight at a time must be what one at a time is: the same bytes, frames and refusals as emit().
#include "firmware/wire/emit_burst.h"

#include <cstring>

#include "tests/cmocka.h"
#include "tests/wire/packet.h"
#include "tests/wire/parse_accepted.h"

namespace evenkeel {
namespace {

uint32_t next_random() {
  static uint64_t random = 88'172'645'463'325'252;
  random ^= random << 13;
  random ^= random >> 7;
  random ^= random << 17;
  return static_cast<uint32_t>(random >> 20);
}

Forwarding random_forwarding(bool inner_is_v4) {
  static constexpr std::array kModes = {Mode::ipip, Mode::ipip,      Mode::ipip, Mode::gre,
                                        Mode::gue,  Mode::l2_direct, Mode::vxlan};
  ForwardingSpec spec;
  spec.mode = kModes[next_random() % kModes.size()];
  spec.source_mac = {2, 0, 0, 0, 0, 1};
  spec.destination_mac = spec.inner_source_mac = spec.inner_destination_mac = {2, 0, 0, 0, 0, 2};
  spec.vlan = next_random() % 2 == 0 ? 0 : 7;
  const bool is_small = next_random() % 4 == 0;
  spec.mtu = is_small ? static_cast<uint16_t>(inner_is_v4 ? 140 : 1380) : uint16_t{1500};
  spec.inner_is_v4 = inner_is_v4;
  const bool is_v4 = (next_random() % 8 != 0) == inner_is_v4;
  spec.destination = *parse_address(is_v4 ? "10.9.8.7" : "fd00::9");
  spec.tunnel_source = *parse_address(is_v4 ? "10.255.255.255" : "fd00::1:0:0");
  spec.source_entropy_bits = static_cast<uint8_t>(next_random() % (is_v4 ? 17 : 33));
  const Result<Forwarding> made = make_forwarding(spec);
  CHECK(made.ok());
  return made.value();
}

// A plain packet of at most 130 bytes, of which what emitting looks at is random.
Packet random_packet() {
  Packet packet = packet_of(kAccepted[0].hex);
  packet.length = 14 + 40 + next_random() % 91;
  uint8_t* const ip = packet.bytes() + 14;
  ip[1] = static_cast<uint8_t>(next_random());
  ip[3] = static_cast<uint8_t>(packet.length - 14);
  store(ip + 4, static_cast<uint16_t>(next_random()));
  ip[6] = static_cast<uint8_t>(next_random() & 0xc0);
  ip[8] = next_random() % 8 == 0 ? static_cast<uint8_t>(next_random() % 3)
                                 : static_cast<uint8_t>(next_random());
  // Checksums of all values, as its incremental update has its own zero.
  store(ip + 12, 0x0101'0101u * (1 + next_random() % 100) + (next_random() & 0xff00));
  store(ip + 16, static_cast<uint16_t>(next_random()));
  mend_ipv4_checksum(ip);
  return packet;
}

// As random_packet(), of IPv6 and around 1340 bytes, which is what a small MTU leaves.
Packet random_packet_v6() {
  Packet packet;
  packet.length = 14 + 1300 + next_random() % 60;
  uint8_t* const ip = packet.bytes() + 14;
  store(ip - 2, Big16(static_cast<uint16_t>(EtherType::ipv6)));
  store(ip, Big32(6u << 28 | (next_random() & 0x0fff'ffff)));
  store(ip + 4, Big16(static_cast<uint16_t>(packet.length - 14 - 40)));
  ip[6] = static_cast<uint8_t>(Protocol::tcp);
  ip[7] = next_random() % 8 == 0 ? static_cast<uint8_t>(next_random() % 3)
                                 : static_cast<uint8_t>(next_random());
  ip[8] = 0x24;
  ip[24] = 0xfd;
  store(ip + 40, 0x0100'0100u + next_random() % 100);
  ip[52] = 0x50;
  ip[53] = kTcpAck;
  return packet;
}

bool same(const Frame& a, const Frame& b, const uint8_t* a_room, const uint8_t* b_room) {
  return a.data - a_room == b.data - b_room && a.length == b.length && a.port == b.port;
}

// The front's first bytes, which lie before what leaves, may differ.
void expect_same_frame(const Frame& a, const Frame& b) {
  assert_int_equal(a.length, b.length);
  assert_memory_equal(a.data, b.data, a.length);
}

// How many were emitted by eights.
size_t compare_round(bool is_v4) {
  static std::array<Packet, lanes::kLanes> packets;
  static std::array<Packet, lanes::kLanes> expected;
  static std::array<Forwarding, lanes::kLanes> forwardings;
  std::array<Frame, lanes::kLanes> frames;
  std::array<Parsed, lanes::kLanes> parsed;
  std::array<uint32_t, lanes::kLanes> entropy;
  for (size_t i = 0; i < lanes::kLanes; ++i) {
    packets[i] = expected[i] = is_v4 ? random_packet() : random_packet_v6();
    forwardings[i] = random_forwarding(is_v4);
    entropy[i] = next_random() % 16 == 0 ? 0 : next_random() << 16 ^ next_random();
    frames[i] = packets[i].frame();
    assert_int_equal(parse(frames[i], parsed[i]), Reason::none);
  }
  const std::array<Frame, lanes::kLanes> before = frames;
  PlainPackets plain{};
  parse_eights(frames, plain);
  assert_int_equal(plain.good, 0xff);
  assert_int_equal(plain.ipv6, is_v4 ? 0 : 0xff);
  const auto forwarding_of = [&](size_t i) { return &forwardings[i]; };
  const auto hashes = load<lanes::Lanes>(entropy.data());
  uint32_t noted = 0;
  const auto note = [&](size_t i, uint32_t length) {
    noted |= 1u << i;
    assert_int_equal(length, frames[i].length);
  };
  const uint32_t good = is_v4 ? emit_eight(forwarding_of, note, hashes, plain, 0, frames.data())
                              : emit_eight_v6(forwarding_of, note, hashes, plain, 0, frames.data());
  assert_int_equal(noted, good);
  const Shape shape = is_v4 ? Shape::ipv4 : Shape::ipv6;
  for (size_t i = 0; i < lanes::kLanes; ++i) {
    Frame frame = before[i];
    frame.data = expected[i].bytes();
    const Reason reason = emit(forwardings[i], frame, parsed[i], entropy[i]);
    const bool is_good = (good >> i & 1) != 0;
    assert_int_equal(is_good, reason == Reason::none && forwardings[i].shape == shape);
    if (!is_good) {
      assert_memory_equal(&frames[i], &before[i], sizeof(Frame));
      continue;
    }
    assert_true(same(frames[i], frame, packets[i].room.data(), expected[i].room.data()));
    expect_same_frame(frames[i], frame);
  }
  return static_cast<size_t>(std::popcount(good));
}

void is_what_emit_does(void** /*state*/) {
  constexpr size_t kRounds = 50'000;
  for (const bool is_v4 : {true, false}) {
    size_t emitted = 0;
    for (size_t round = 0; round < kRounds; ++round) emitted += compare_round(is_v4);
    assert_in_range(emitted, kRounds * 2, kRounds * 6);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {cmocka_unit_test(is_what_emit_does)};
  return cmocka_run_group_tests_name("wire/emit_burst", tests, nullptr, nullptr);
}
