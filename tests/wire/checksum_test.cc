// Sums against the plain way of RFC 1071, and incremental updates against summing again.
#include "firmware/wire/checksum.h"

#include <array>
#include <cstring>

#include "tests/cmocka.h"
#include "tests/wire/packet.h"

namespace evenkeel {
namespace {

struct Row {
  const char* description;
  const char* hex;
  uint16_t checksum;
};

constexpr Row kRows[] = {
    {"nothing", "", 0xffff},
    {"RFC 1071, section 3", "0001f203f4f5f6f7", 0x220d},
    {"an odd byte counts as the first of a word", "01", 0xfeff},
    {"three bytes", "ffff01", 0xfeff},
    {"carries all the way", "ffffffffffffffff0001", 0xfffe},
    {"all ones", "ffffffffffffffff", 0x0000},
    {"an IPv4 header without its checksum",
     "45000073000040004011"
     "0000c0a80001c0a800c7",
     0xb861},
};

// A pattern that has long runs of ones, so that sums carry.
uint8_t pattern(size_t i) { return static_cast<uint8_t>(i % 7 < 4 ? 0xff : i * 37); }

void sums_known_bytes(void** /*state*/) {
  for (const Row& row : kRows) {
    print_message("  %s\n", row.description);
    const Packet packet = packet_of(row.hex);
    assert_int_equal(finish(sum_bytes(packet.bytes(), packet.length)).value(), row.checksum);
  }
}

void sums_every_length_at_every_alignment(void** /*state*/) {
  std::array<uint8_t, 1600> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) bytes.at(i) = pattern(i);
  for (size_t start = 0; start < 8; ++start) {
    for (size_t length = 0; length + start <= bytes.size(); ++length) {
      const uint16_t sum = plain_sum(bytes.data() + start, length);
      const Big16 checksum = finish(sum_bytes(bytes.data() + start, length));
      assert_int_equal(checksum.value(), static_cast<uint16_t>(~sum));
    }
  }
}

void folds_the_largest_sums(void** /*state*/) {
  assert_int_equal(fold(0), 0);
  assert_int_equal(fold(0xffff), 0xffff);
  assert_int_equal(fold(0x10000), 1);
  assert_int_equal(fold(0xffff0000), 0xffff);
  assert_int_equal(fold(0x1'0000'0000), 1);
  assert_int_equal(fold(~PartialSum{0}), 0xffff);
  // 2^32 additions of the largest word, which is what a PartialSum promises to hold.
  assert_int_equal(fold(PartialSum{0xffffffff} << 32), 0xffff);
}

void sums_an_ipv4_header_without_options(void** /*state*/) {
  const Packet packet = packet_of(kRows[6].hex);
  assert_int_equal(finish(sum_ipv4_header(packet.bytes())).value(), kRows[6].checksum);
}

// The pseudo header as RFC 793 and RFC 8200 draw it.
void sums_pseudo_headers(void** /*state*/) {
  const Packet v4 = packet_of("c6336407c00002010006ffff");
  const Address source4 = Address::v4(load<Big32>(v4.bytes()));
  const Address destination4 = Address::v4(load<Big32>(v4.bytes() + 4));
  assert_int_equal(fold(sum_pseudo_header(source4, destination4, 6, 0xffff)),
                   byte_swap(plain_sum(v4.bytes(), v4.length)));
  const Packet v6 = packet_of(
      "20010db8000cffffffffffffffffff07"
      "20010db8000000000000000000000001"
      "00012345"
      "0000003a");
  const Address source6 = Address::v6(v6.bytes());
  const Address destination6 = Address::v6(v6.bytes() + 16);
  assert_int_equal(fold(sum_pseudo_header(source6, destination6, 58, 0x12345)),
                   byte_swap(plain_sum(v6.bytes(), v6.length)));
}

struct UpdateRow {
  const char* description;
  const char* before;
  const char* after;  // of the same length
};

constexpr UpdateRow kUpdates[] = {
    {"no change", "1234", "1234"},
    {"one word", "5555", "3285"},
    {"to all ones", "0000", "ffff"},
    {"from all ones", "ffff", "0000"},
    {"from nothing", "0000", "0001"},
    {"to nothing", "0001", "0000"},
    {"several words that carry", "ffffffffffff0001", "0001ffff00000000"},
    {"an address", "c6336407", "c0000201"},
};

// Beside many other words, so that the checksum before takes very different values; among them
// RFC 1624's example, which equation 3 gets right.
void updates_as_if_summed_again(void** /*state*/) {
  for (const UpdateRow& row : kUpdates) {
    print_message("  %s\n", row.description);
    Packet before = packet_of(row.before);
    Packet after = packet_of(row.after);
    assert_int_equal(before.length, after.length);
    const uint32_t length = before.length + 2;
    for (uint32_t other = 1; other <= 0xffff; ++other) {
      store(before.bytes() + before.length, Big16(static_cast<uint16_t>(other)));
      store(after.bytes() + after.length, Big16(static_cast<uint16_t>(other)));
      const Big16 was = finish(sum_bytes(before.bytes(), length));
      const Big16 shall = finish(sum_bytes(after.bytes(), length));
      const Big16 is = updated(was, sum_bytes(before.bytes(), before.length),
                               sum_bytes(after.bytes(), after.length));
      assert_int_equal(is.value(), shall.value());
    }
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(sums_known_bytes),
      cmocka_unit_test(sums_every_length_at_every_alignment),
      cmocka_unit_test(folds_the_largest_sums),
      cmocka_unit_test(sums_an_ipv4_header_without_options),
      cmocka_unit_test(sums_pseudo_headers),
      cmocka_unit_test(updates_as_if_summed_again),
  };
  return cmocka_run_group_tests_name("wire/checksum", tests, nullptr, nullptr);
}
