// Eight at a time must be what one at a time is: everything that parse_eight() answers is what
// parse_slow() says, and it answers all packets that are plain, but for IPv6 among others.
#include "firmware/wire/parse_burst.h"

#include <algorithm>
#include <cstring>

#include "tests/cmocka.h"
#include "tests/wire/packet.h"
#include "tests/wire/parse_accepted.h"

namespace evenkeel {
namespace {

constexpr size_t kFields = offsetof(Parsed, fragment_id) + sizeof(uint32_t);
// The shortest frame that is plain, by whether it is IPv4.
constexpr size_t least(bool is_v4) { return is_v4 ? 54 : 74; }

bool is_ipv6(const uint8_t* frame) { return frame[12] == 0x86 && frame[13] == 0xdd; }

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

bool is_plain(const Parsed& parsed) {
  const bool is_tcp = parsed.key.protocol == static_cast<uint8_t>(Protocol::tcp);
  const bool is_udp = parsed.key.protocol == static_cast<uint8_t>(Protocol::udp);
  const bool has_net =
      parsed.is_v4 || (parsed.key.source.high() != 0 && parsed.key.destination.high() != 0);
  return parsed.kind == Kind::transport && parsed.l3_offset == 14 && (is_tcp || is_udp) &&
         parsed.l4_offset == (parsed.is_v4 ? 34 : 54) && has_net;
}

// Whether an eight's packets of a family are looked at: IPv6 among others is not.
bool is_looked_at(const Eight& eight, bool is_v4) {
  return std::ranges::all_of(eight.frames, [&](const Frame& frame) {
    return frame.length >= least(is_v4) && (is_v4 || is_ipv6(frame.data));
  });
}

// Whether parse_slow() takes it.
bool compare(const Eight& eight, const PlainPackets& answer, size_t i) {
  Parsed expected;
  const bool accepted = parse_slow(eight.frames[i], expected) == Reason::none;
  const bool good = (answer.good >> i & 1) != 0;
  assert_int_equal(good, accepted && is_plain(expected) && is_looked_at(eight, expected.is_v4));
  assert_int_equal(answer.ipv6 >> i & 1, good && !expected.is_v4);
  assert_int_equal(answer.opening >> i & 1, good && (expected.signals & kOpening) != 0);
  if (good) {
    Parsed parsed;
    answer.describe(i, parsed);
    assert_memory_equal(&parsed, &expected, kFields);
    assert_int_equal(answer.length(i), expected.l3_length);
  }
  return accepted;
}

const Accepted& accepted_as(const char* description) {
  const auto* const found = std::ranges::find_if(kAccepted, [&](const Accepted& accepted) {
    return std::strcmp(accepted.description, description) == 0;
  });
  CHECK(found != std::end(kAccepted));
  return *found;
}

const Accepted& plain_sample(bool is_v4) {
  return accepted_as(is_v4 ? "TCP SYN" : "TCP over IPv6");
}

Packet random_good_packet(bool only_ipv6) {
  Packet packet;
  do packet = packet_of(kAccepted[next_random() % std::size(kAccepted)].hex);
  while (only_ipv6 && !is_ipv6(packet.bytes()));
  return packet;
}

Packet random_damaged_packet(bool only_ipv6) {
  Packet packet = random_good_packet(only_ipv6);
  uint8_t* const bytes = packet.bytes();
  if (next_random() % 64 != 0) {  // padded
    packet.length = std::max(packet.length, static_cast<uint32_t>(least(!is_ipv6(bytes))));
  }
  const uint32_t headers = is_ipv6(bytes) ? 62 : 38;
  for (uint32_t changes = next_random() % 4; changes != 0; --changes) {
    bytes[12 + next_random() % headers] = static_cast<uint8_t>(next_random());
  }
  if (is_ipv6(bytes) && next_random() % 8 == 0) {
    std::memcpy(bytes + 22, bytes + 38, 8 + 8 * (next_random() % 2));
  }
  if (is_ipv6(bytes) && next_random() % 8 == 0) std::memset(bytes + 22 + next_random() % 24, 0, 8);
  if (bytes[14] == 0x45 && next_random() % 8 != 0) mend_ipv4_checksum(bytes + 14);
  return packet;
}

void agrees_on_good_packets(void** /*state*/) {
  for (size_t round = 0; round < 20'000; ++round) {
    static Eight eight;
    for (Packet& packet : eight.packets) packet = random_good_packet(round % 2 == 1);
    const PlainPackets answer = eight.parse();
    for (size_t i = 0; i < lanes::kLanes; ++i) assert_true(compare(eight, answer, i));
  }
}

void agrees_on_damaged_packets(void** /*state*/) {
  constexpr size_t kRounds = 100'000;
  std::array<size_t, 2> answered{};
  for (size_t round = 0; round < kRounds; ++round) {
    static Eight eight;
    for (Packet& packet : eight.packets) packet = random_damaged_packet(round % 2 == 1);
    const PlainPackets answer = eight.parse();
    for (size_t i = 0; i < lanes::kLanes; ++i) (void)compare(eight, answer, i);
    answered[0] += static_cast<size_t>(std::popcount(answer.good & ~answer.ipv6));
    answered[1] += static_cast<size_t>(std::popcount(answer.ipv6));
  }
  for (const size_t count : answered) assert_in_range(count, kRounds / 16, kRounds * 2);
}

// One byte of one packet made another, with a right checksum and with a wrong one.
void compare_changed(Eight& eight, size_t lane, size_t at, uint8_t value, bool mended) {
  uint8_t* const bytes = eight.packets[lane].bytes();
  const uint8_t before = bytes[at];
  const auto checksum = load<uint16_t>(bytes + 24);
  bytes[at] = value;
  if (mended && !is_ipv6(bytes)) mend_ipv4_checksum(bytes + 14);
  const PlainPackets answer = eight.parse();
  for (size_t i = 0; i < lanes::kLanes; ++i) (void)compare(eight, answer, i);
  if (mended && !is_ipv6(bytes)) store(bytes + 24, checksum);
  bytes[at] = before;
}

// Each bit of the headers of a packet that is plain, in each place among the eight; of IPv6 also
// where both addresses are one, and where the first half of one is zero.
void agrees_on_every_bit(void** /*state*/) {
  enum class Special { none, equal_addresses, low_source, low_destination };
  const auto check = [](bool is_v4, Special special) {
    static Eight eight;
    for (Packet& packet : eight.packets) {
      packet = packet_of(plain_sample(is_v4).hex);
      uint8_t* const bytes = packet.bytes();
      if (special == Special::equal_addresses) std::memcpy(bytes + 22, bytes + 38, 16);
      if (special == Special::low_source) std::memset(bytes + 22, 0, 8);
      if (special == Special::low_destination) std::memset(bytes + 38, 0, 8);
    }
    assert_int_equal(eight.parse().good, special == Special::none ? 0xff : 0);
    for (size_t lane = 0; lane < lanes::kLanes; ++lane) {
      for (uint32_t bit = 0; bit < 2 * 8 * (least(is_v4) - 12); ++bit) {
        const size_t at = 12 + bit / 2 / 8;
        const auto value =
            static_cast<uint8_t>(eight.packets[lane].bytes()[at] ^ 1u << bit / 2 % 8);
        compare_changed(eight, lane, at, value, bit % 2 == 1);
      }
    }
  };
  check(true, Special::none);
  check(false, Special::none);
  check(false, Special::equal_addresses);
  check(false, Special::low_source);
  check(false, Special::low_destination);
}

void agrees_on_every_value_of_what_is_compared(void** /*state*/) {
  static Eight eight;
  // Total length, fragment, source, destination, ports, TCP's length and flags.
  static constexpr size_t kIpv4[] = {16, 17, 20, 21, 26, 30, 34, 35, 36, 37, 46, 47};
  // Version, payload length, next header, source, destination, ports, TCP's length and flags.
  static constexpr size_t kIpv6[] = {14, 18, 19, 20, 22, 38, 54, 55, 56, 57, 66, 67};
  for (const bool is_v4 : {true, false}) {
    for (Packet& packet : eight.packets) packet = packet_of(plain_sample(is_v4).hex);
    for (const size_t at : std::span(is_v4 ? kIpv4 : kIpv6)) {
      for (uint32_t value = 0; value < 256; ++value) {
        compare_changed(eight, value % lanes::kLanes, at, static_cast<uint8_t>(value), true);
      }
    }
  }
}

// Of UDP over IPv6, each length that its header and the IP header can say.
void agrees_on_lengths_of_ipv6_udp(void** /*state*/) {
  static Eight eight;
  for (Packet& packet : eight.packets) {
    packet = packet_of(accepted_as("UDP over IPv6").hex);
    packet.length = 14 + 40 + 40;
  }
  for (uint32_t value = 0; value < 48 * 48; ++value) {
    uint8_t* const bytes = eight.packets[value % lanes::kLanes].bytes();
    bytes[19] = static_cast<uint8_t>(value / 48);
    bytes[59] = static_cast<uint8_t>(value % 48);
    (void)compare(eight, eight.parse(), value % lanes::kLanes);
  }
}

// Longer than Parsed can say: a frame of more than 64 KiB.
void refuses_ipv6_beyond_16_bits(void** /*state*/) {
  static std::array<uint8_t, 66'000> bytes;
  const Packet sample = packet_of(plain_sample(false).hex);
  std::memcpy(bytes.data(), sample.bytes(), sample.length);
  for (const uint32_t length : std::initializer_list<uint32_t>{65'535, 65'536}) {
    store(bytes.data() + 18, Big16(static_cast<uint16_t>(length - 40)));
    std::array<Frame, lanes::kLanes> frames;
    frames.fill({.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())});
    PlainPackets answer;
    parse_eights(frames, answer);
    assert_int_equal(answer.good, length == 65'535 ? 0xff : 0);
    Parsed parsed;
    assert_int_equal(parse_slow(frames[0], parsed) == Reason::none, length == 65'535);
  }
}

void takes_whole_eights_only(void** /*state*/) {
  static std::array<Packet, 20> packets;
  static std::array<Frame, 20> frames;
  for (size_t i = 0; i < packets.size(); ++i) {
    packets[i] = packet_of(plain_sample(true).hex);
    frames[i] = packets[i].frame();
  }
  for (const size_t count : std::initializer_list<size_t>{0, 7, 8, 15, 16, 20}) {
    PlainPackets answer;
    parse_eights(std::span(frames).first(count), answer);
    assert_int_equal(answer.good, (1u << count / 8 * 8) - 1);
    assert_int_equal(answer.opening, answer.good);
  }
}

// Each eight is looked at by itself.
void takes_both_families_by_eights(void** /*state*/) {
  static std::array<Packet, 24> packets;
  static std::array<Frame, 24> frames;
  for (size_t i = 0; i < packets.size(); ++i) {
    packets[i] = packet_of(plain_sample(i < 8 || i == 16).hex);
    frames[i] = packets[i].frame();
  }
  PlainPackets answer;
  parse_eights(frames, answer);
  assert_int_equal(answer.good, 0x01'ffff);  // of the third eight, the IPv4 one
  assert_int_equal(answer.ipv6, 0x00'ff00);
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
      cmocka_unit_test(agrees_on_lengths_of_ipv6_udp),
      cmocka_unit_test(refuses_ipv6_beyond_16_bits),
      cmocka_unit_test(takes_whole_eights_only),
      cmocka_unit_test(takes_both_families_by_eights),
  };
  return cmocka_run_group_tests_name("wire/parse_burst", tests, nullptr, nullptr);
}
