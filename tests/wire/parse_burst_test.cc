// Eight at a time must be what one at a time is: everything that parse_eight() answers is what
// parse_slow() says, and it answers all packets that are plain.
#include "firmware/wire/parse_burst.h"

#include <cstring>

#include "tests/cmocka.h"
#include "tests/wire/packet.h"
#include "tests/wire/parse_accepted.h"

namespace evenkeel {
namespace {

constexpr size_t kFields = offsetof(Parsed, fragment_id) + sizeof(uint32_t);
constexpr size_t kLeast = 54;

struct Eight {
  std::array<Packet, lanes::kLanes> packets;
  std::array<Frame, lanes::kLanes> frames;

  PlainPackets parse() {
    for (size_t i = 0; i < frames.size(); ++i) frames[i] = packets[i].frame();
    PlainPackets answer;
    parse_eights(frames, answer);
    return answer;
  }
};

uint32_t next_random() {
  static uint64_t random = 88'172'645'463'325'252;
  random ^= random << 13;
  random ^= random >> 7;
  random ^= random << 17;
  return static_cast<uint32_t>(random >> 20);
}

bool is_plain(const Frame& frame, const Parsed& parsed) {
  const bool is_tcp = parsed.key.protocol == static_cast<uint8_t>(Protocol::tcp);
  const bool is_udp = parsed.key.protocol == static_cast<uint8_t>(Protocol::udp);
  return parsed.kind == Kind::transport && parsed.is_v4 && parsed.l3_offset == 14 &&
         parsed.l4_offset == 34 && (is_tcp || is_udp) && frame.length >= kLeast;
}

// Whether parse_slow() takes it.
bool compare(const Eight& eight, const PlainPackets& answer, size_t i) {
  Parsed expected;
  const bool accepted = parse_slow(eight.frames[i], expected) == Reason::none;
  const bool good = (answer.good >> i & 1) != 0;
  bool all_long = true;
  for (const Frame& frame : eight.frames) all_long = all_long && frame.length >= kLeast;
  assert_int_equal(good, accepted && all_long && is_plain(eight.frames[i], expected));
  assert_int_equal(answer.opening >> i & 1, good && (expected.signals & kOpening) != 0);
  if (good) {
    Parsed parsed;
    answer.describe(i, parsed);
    assert_memory_equal(&parsed, &expected, kFields);
    assert_int_equal(answer.length(i), expected.l3_length);
  }
  return accepted;
}

Packet random_packet(bool damaged) {
  Packet packet = packet_of(kAccepted[next_random() % std::size(kAccepted)].hex);
  if (!damaged) return packet;
  for (uint32_t changes = next_random() % 4; changes != 0; --changes) {
    packet.bytes()[12 + next_random() % 38] = static_cast<uint8_t>(next_random());
  }
  if (packet.bytes()[14] == 0x45 && next_random() % 8 != 0) mend_ipv4_checksum(packet.bytes() + 14);
  return packet;
}

void agrees_on_good_packets(void** /*state*/) {
  for (size_t round = 0; round < 20'000; ++round) {
    static Eight eight;
    for (Packet& packet : eight.packets) packet = random_packet(false);
    const PlainPackets answer = eight.parse();
    for (size_t i = 0; i < lanes::kLanes; ++i) assert_true(compare(eight, answer, i));
  }
}

void agrees_on_damaged_packets(void** /*state*/) {
  size_t answered = 0;
  constexpr size_t kRounds = 100'000;
  for (size_t round = 0; round < kRounds; ++round) {
    static Eight eight;
    for (Packet& packet : eight.packets) {
      do packet = random_packet(true);
      while (packet.length < kLeast && next_random() % 64 != 0);
    }
    const PlainPackets answer = eight.parse();
    for (size_t i = 0; i < lanes::kLanes; ++i) (void)compare(eight, answer, i);
    answered += static_cast<size_t>(std::popcount(answer.good));
  }
  assert_in_range(answered, kRounds / 4, kRounds * 4);
}

// Each bit of the headers of a packet that is plain, in each place among the eight.
void agrees_on_every_bit(void** /*state*/) {
  static Eight eight;
  for (Packet& packet : eight.packets) packet = packet_of(kAccepted[0].hex);
  assert_int_equal(eight.parse().good, 0xff);
  for (size_t i = 0; i < lanes::kLanes; ++i) {
    for (uint32_t bit = 0; bit < 2 * 42 * 8; ++bit) {
      eight.packets[i].bytes()[12 + bit / 2 / 8] ^= static_cast<uint8_t>(1u << (bit / 2 % 8));
      if (bit % 2 == 1) mend_ipv4_checksum(eight.packets[i].bytes() + 14);
      const PlainPackets answer = eight.parse();
      for (size_t lane = 0; lane < lanes::kLanes; ++lane) (void)compare(eight, answer, lane);
      eight.packets[i] = packet_of(kAccepted[0].hex);
    }
  }
}

void agrees_on_every_value_of_what_is_compared(void** /*state*/) {
  static Eight eight;
  for (Packet& packet : eight.packets) packet = packet_of(kAccepted[0].hex);
  // Total length, fragment, source, destination, ports, TCP's length and flags.
  for (const size_t at :
       std::initializer_list<size_t>{16, 17, 20, 21, 26, 30, 34, 35, 36, 37, 46, 47}) {
    for (uint32_t value = 0; value < 256; ++value) {
      const size_t lane = value % lanes::kLanes;
      eight.packets[lane].bytes()[at] = static_cast<uint8_t>(value);
      mend_ipv4_checksum(eight.packets[lane].bytes() + 14);
      (void)compare(eight, eight.parse(), lane);
      eight.packets[lane] = packet_of(kAccepted[0].hex);
    }
  }
}

void takes_whole_eights_only(void** /*state*/) {
  static std::array<Packet, 20> packets;
  static std::array<Frame, 20> frames;
  for (size_t i = 0; i < packets.size(); ++i) {
    packets[i] = packet_of(kAccepted[0].hex);
    frames[i] = packets[i].frame();
  }
  for (const size_t count : std::initializer_list<size_t>{0, 7, 8, 15, 16, 20}) {
    PlainPackets answer;
    parse_eights(std::span(frames).first(count), answer);
    assert_int_equal(answer.good, (1u << count / 8 * 8) - 1);
    assert_int_equal(answer.opening, answer.good);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(agrees_on_good_packets),
      cmocka_unit_test(agrees_on_damaged_packets),
      cmocka_unit_test(agrees_on_every_bit),
      cmocka_unit_test(agrees_on_every_value_of_what_is_compared),
      cmocka_unit_test(takes_whole_eights_only),
  };
  return cmocka_run_group_tests_name("wire/parse_burst", tests, nullptr, nullptr);
}
