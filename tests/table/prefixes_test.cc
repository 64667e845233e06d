#include "firmware/table/prefixes.h"

#include <algorithm>
#include <random>
#include <string>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "tests/cmocka.h"
#include "tests/table/naive_prefixes.h"

namespace evenkeel {
namespace {

using Entries = std::vector<Prefixes::Entry>;

Address address_of(const char* text) {
  const std::optional<Address> address = parse_address(text);
  CHECK(address.has_value());
  return *address;
}

// As text has it: of an IPv4 address, `length` counts from 32 bits.
Prefix prefix_of(const char* text, unsigned length) {
  const Address address = address_of(text);
  return {.address = address, .length = static_cast<uint8_t>(length + (address.is_v4() ? 96 : 0))};
}

Prefixes built(Entries entries) {
  Result<Prefixes> prefixes = Prefixes::build(std::move(entries));
  CHECK(prefixes.ok());
  return std::move(prefixes.value());
}

const Entries& example() {
  static const Entries kExample = {
      {prefix_of("10.0.0.0", 8), 1},          {prefix_of("10.1.0.0", 16), 2},
      {prefix_of("10.1.255.0", 24), 3},       {prefix_of("10.2.0.0", 15), 4},
      {prefix_of("192.0.2.7", 32), 5},        {prefix_of("255.255.255.255", 32), 6},
      {prefix_of("2001:db8::", 32), 7},       {prefix_of("2001:db8:0:0:8000::", 65), 8},
      {prefix_of("2001:db8::ffff", 128), 9},  {prefix_of("ffff:ffff:ffff:ffff::", 64), 10},
      {prefix_of("2001:db8:8000::", 33), 11}, {prefix_of("::", 128), 12},
  };
  return kExample;
}

void the_longest_prefix_wins(void** /*state*/) {
  static constexpr struct {
    const char* in;
    uint16_t expected;
  } kCases[] = {
      {"9.255.255.255", Prefixes::kNone},
      {"10.0.0.0", 1},
      {"10.0.255.255", 1},
      {"10.1.0.0", 2},
      {"10.1.254.255", 2},
      {"10.1.255.0", 3},
      {"10.1.255.255", 3},
      {"10.2.0.0", 4},
      {"10.3.255.255", 4},
      {"10.4.0.0", 1},
      {"10.255.255.255", 1},
      {"11.0.0.0", Prefixes::kNone},
      {"192.0.2.6", Prefixes::kNone},
      {"192.0.2.7", 5},
      {"192.0.2.8", Prefixes::kNone},
      {"0.0.0.0", Prefixes::kNone},
      {"255.255.255.254", Prefixes::kNone},
      {"255.255.255.255", 6},
      {"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", Prefixes::kNone},
      {"2001:db8::", 7},
      {"2001:db8::fffe", 7},
      {"2001:db8::ffff", 9},
      {"2001:db8::1:0", 7},
      {"2001:db8::7fff:ffff:ffff:ffff", 7},
      {"2001:db8::8000:0:0:0", 8},
      {"2001:db8::ffff:ffff:ffff:ffff", 8},
      {"2001:db8:0:1::", 7},
      {"2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", 7},
      {"2001:db8:8000::", 11},
      {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 11},
      {"2001:db9::", Prefixes::kNone},
      {"::", 12},
      {"::1", Prefixes::kNone},
      {"::1:0:0:0", Prefixes::kNone},
      {"ffff:ffff:ffff:fffe:ffff:ffff:ffff:ffff", Prefixes::kNone},
      {"ffff:ffff:ffff:ffff::", 10},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 10},
  };
  const Prefixes prefixes = built(example());
  for (const auto& c : kCases) {
    const uint16_t found = prefixes.find(address_of(c.in));
    if (found != c.expected) fail_msg("%s: %u, not %u", c.in, found, c.expected);
  }
  assert_true(prefixes.entries() == example());
}

void one_family_s_default_is_not_the_other_s(void** /*state*/) {
  const Address four = address_of("192.0.2.1");
  const Address six = address_of("2001:db8::1");
  const Address next_to_ipv4[] = {address_of("::fffe:ffff:ffff"), address_of("::1:0:0:0")};
  const Prefixes six_only = built({{prefix_of("::", 0), 6}});
  assert_int_equal(six_only.find(six), 6);
  assert_int_equal(six_only.find(four), Prefixes::kNone);
  for (const Address& address : next_to_ipv4) assert_int_equal(six_only.find(address), 6);
  const Prefixes four_only = built({{prefix_of("0.0.0.0", 0), 4}});
  assert_int_equal(four_only.find(six), Prefixes::kNone);
  assert_int_equal(four_only.find(four), 4);
  for (const Address& address : next_to_ipv4) {
    assert_int_equal(four_only.find(address), Prefixes::kNone);
  }
  const Prefixes both = built({{prefix_of("0.0.0.0", 0), 4}, {prefix_of("::", 0), 6}});
  assert_int_equal(both.find(six), 6);
  assert_int_equal(both.find(four), 4);
  assert_int_equal(Prefixes().find(four), Prefixes::kNone);
  assert_int_equal(Prefixes().find(Address{}), Prefixes::kNone);
}

void refused_by_name(void** /*state*/) {
  static const struct {
    Entries entries;
    const char* words;
  } kCases[] = {
      {{{prefix_of("10.0.0.0", 8), 1}, {prefix_of("10.0.0.0", 8), 2}},
       "prefix 10.0.0.0/8 is there twice"},
      {{{prefix_of("2001:db8::", 32), 1},
        {prefix_of("::", 0), 2},
        {prefix_of("2001:db8::", 32), 1}},
       "prefix 2001:db8::/32 is there twice"},
      {{{prefix_of("10.0.0.1", 31), 1}},
       "10.0.0.1/31 has bits set beyond its length: write "
       "10.0.0.0/31"},
      {{{prefix_of("2001:db8::1", 127), 1}}, "write 2001:db8::/127"},
      {{{Prefix{address_of("10.0.0.0"), 95}, 1}}, "prefix 10.0.0.0 has 95 bits"},
      {{{Prefix{address_of("2001:db8::"), 129}, 1}}, "prefix 2001:db8:: has 129 bits"},
  };
  for (const auto& c : kCases) {
    const Result<Prefixes> result = Prefixes::build(c.entries);
    if (result.ok()) fail_msg("not refused: %s", c.words);
    if (result.message().find(c.words) == std::string::npos) {
      fail_msg("%s", result.message().c_str());
    }
  }
}

// A chain of all lengths, each within the one before.
void all_lengths_at_once(void** /*state*/) {
  const Address six = address_of("2001:db8:5555:5555:5555:5555:5555:5555");
  Entries entries;
  for (unsigned length = 0; length <= 128; ++length) {
    entries.push_back(
        {{masked(six, length), static_cast<uint8_t>(length)}, static_cast<uint16_t>(length)});
  }
  const Prefixes prefixes = built(entries);
  assert_int_equal(prefixes.find(six), 128);
  for (unsigned bit = 0; bit < 128; ++bit) {
    Address other = six;
    other.bytes[bit / 8] = static_cast<uint8_t>(other.bytes[bit / 8] ^ (0x80 >> bit % 8));
    assert_int_equal(prefixes.find(other), bit);
  }
}

void as_many_as_there_may_be(void** /*state*/) {
  std::mt19937_64 random(7);
  Entries entries;
  for (uint32_t i = 0; i < kMaxPrefixes; ++i) {
    entries.push_back({{Address::v4(Big32(i << 14)), static_cast<uint8_t>(96 + 18 + i % 15)},
                       static_cast<uint16_t>(i)});
  }
  std::ranges::shuffle(entries, random);
  const Prefixes prefixes = built(entries);
  for (uint32_t i = 0; i < kMaxPrefixes; ++i) {
    assert_int_equal(prefixes.find(Address::v4(Big32(i << 14))), i);
    const uint16_t last = prefixes.find(Address::v4(Big32((i << 14) + 0x3fff)));
    assert_int_equal(last, i % 15 == 0 ? i : Prefixes::kNone);
  }
  entries.push_back({prefix_of("2001:db8::", 32), 1});
  const Result<Prefixes> result = Prefixes::build(entries);
  assert_false(result.ok());
  assert_non_null(
      std::strstr(result.message().c_str(), "16385 prefixes; a list has at most 16384"));
}

// Prefixes close together, asked for at and around all their ends.
void as_a_search_through_all_of_them(void** /*state*/) {
  std::mt19937_64 random(1);
  for (unsigned round = 0; round < 300; ++round) {
    Entries entries;
    for (uint64_t left = random() % 40; left > 0; --left) {
      Address address = random() % 2 == 0 ? Address::v4(Big32(0x0a000000)) : Address{};
      address.bytes[15] = static_cast<uint8_t>(random());
      address.bytes[14] = random() % 4 == 0 ? 0xff : 0;
      const auto length =
          static_cast<uint8_t>(random() % 3 == 0 ? 96 + random() % 33 : 118 + random() % 11);
      const Prefix prefix{masked(address, length), length};
      const bool is_cut_off = address.is_v4() && length < 96;
      const bool is_known = std::ranges::any_of(
          entries, [&](const Prefixes::Entry& entry) { return entry.prefix == prefix; });
      if (!is_known && !is_cut_off) {
        entries.push_back({prefix, static_cast<uint16_t>(random() % 5)});
      }
    }
    const Prefixes prefixes = built(entries);
    for (uint64_t low = 0; low < 0x10000; low += 1 + random() % 64) {
      for (const bool is_v4 : {true, false}) {
        Address address = is_v4 ? Address::v4(Big32(0x0a000000)) : Address{};
        address.bytes[14] = static_cast<uint8_t>(low >> 8);
        address.bytes[15] = static_cast<uint8_t>(low);
        assert_int_equal(prefixes.find(address), naive_find(entries, address));
      }
    }
  }
}

void text_is_as_one_writes_it(void** /*state*/) {
  assert_string_equal(to_string(prefix_of("0.0.0.0", 0)).c_str(), "0.0.0.0/0");
  assert_string_equal(to_string(prefix_of("192.0.2.1", 32)).c_str(), "192.0.2.1/32");
  assert_string_equal(to_string(prefix_of("2001:db8::", 32)).c_str(), "2001:db8::/32");
  assert_string_equal(to_string(prefix_of("::", 0)).c_str(), "::/0");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_longest_prefix_wins),
      cmocka_unit_test(one_family_s_default_is_not_the_other_s),
      cmocka_unit_test(refused_by_name),
      cmocka_unit_test(all_lengths_at_once),
      cmocka_unit_test(as_many_as_there_may_be),
      cmocka_unit_test(as_a_search_through_all_of_them),
      cmocka_unit_test(text_is_as_one_writes_it),
  };
  return cmocka_run_group_tests_name("table/prefixes", tests, nullptr, nullptr);
}
