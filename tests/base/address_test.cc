// Addresses: text both ways, both families in one type, and prefixes.
#include "firmware/base/address.h"

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

Address from_text(const char* text) {
  const auto address = parse_address(text);
  if (!address.has_value()) fail_msg("'%s' was refused", text);
  return address.value_or(Address{});
}

void text_is_canonical(void** /*state*/) {
  struct Case {
    const char* in;
    const char* expected;
    bool is_v4;
  };
  static constexpr Case kCases[] = {
      {"192.0.2.1", "192.0.2.1", true},
      {"0.0.0.0", "0.0.0.0", true},
      {"255.255.255.255", "255.255.255.255", true},
      {"::ffff:192.0.2.1", "192.0.2.1", true},  // mapped: the same address
      {"::ffff:c000:201", "192.0.2.1", true},
      {"2001:DB8:0:0:0:0:0:1", "2001:db8::1", false},
      {"::", "::", false},
      {"::1", "::1", false},
      {"::fffe:c000:201", "::fffe:c000:201", false},     // one bit away from mapped
      {"1::ffff:192.0.2.1", "1::ffff:c000:201", false},  // high half not zero
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
  };
  for (const Case& c : kCases) {
    const Address address = from_text(c.in);
    assert_string_equal(to_string(address).c_str(), c.expected);
    assert_int_equal(address.is_v4(), c.is_v4);
    assert_true(from_text(c.expected) == address);
  }
}

void malformed_text_is_refused(void** /*state*/) {
  static constexpr const char* kCases[] = {
      "",
      " ",
      "192.0.2",
      "192.0.2.256",
      "192.0.2.1.1",
      "192.0.2.1 ",
      "1:2:3",
      ":::",
      "1::2::3",
      "12345::",
      "192.0.2.1/24",
      "fe80::1%eth0",
      "::g",
      "0x7f.1",
      "localhost",
      "2001:db8::1:192.0.2.1:5",
  };
  for (const char* text : kCases) {
    if (parse_address(text).has_value()) fail_msg("'%s' was accepted", text);
  }
  assert_false(parse_address(std::string_view("192.0.2.1\0x", 11)).has_value());
}

void bytes_are_in_network_order(void** /*state*/) {
  const Address v4 = Address::v4(0xc0000201);
  static constexpr uint8_t kV4[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
  assert_memory_equal(v4.bytes.data(), kV4, sizeof kV4);
  assert_int_equal(v4.as_v4().value(), 0xc0000201);
  assert_true(v4 == from_text("192.0.2.1"));

  static constexpr uint8_t kV6[16] = {0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  const Address v6 = Address::v6(kV6);
  assert_memory_equal(v6.bytes.data(), kV6, sizeof kV6);
  assert_false(v6.is_v4());
  assert_int_equal(v6.high(), load<uint64_t>(kV6));
  assert_int_equal(v6.low(), load<uint64_t>(kV6 + 8));
}

void order_is_that_of_the_bytes(void** /*state*/) {
  // Each smaller than the next.
  static constexpr const char* kOrder[] = {
      "::",          "::1", "0.0.0.0",    "10.0.0.1",    "10.0.1.0",
      "192.0.2.255", "1::", "2001:db8::", "2001:db8::1", "ff02::1"};
  for (size_t i = 1; i < std::size(kOrder); ++i) {
    assert_true(from_text(kOrder[i - 1]) < from_text(kOrder[i]));
    assert_false(from_text(kOrder[i]) < from_text(kOrder[i - 1]));
  }
}

void prefixes(void** /*state*/) {
  struct Case {
    const char* in;
    unsigned length;
    const char* expected;
  };
  static constexpr Case kCases[] = {
      {"2001:db8:ffff:ffff::1", 32, "2001:db8::"},
      {"2001:db8:ffff:ffff::1", 33, "2001:db8:8000::"},
      {"2001:db8:ffff:ffff::1", 47, "2001:db8:fffe::"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0, "::"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, "8000::"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 127, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 128, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
      {"192.0.2.255", 96 + 24, "192.0.2.0"},
      {"192.0.2.255", 96 + 25, "192.0.2.128"},
      {"192.0.2.255", 96, "0.0.0.0"},
      {"192.0.2.255", 96 + 32, "192.0.2.255"},
  };
  for (const Case& c : kCases) {
    assert_string_equal(to_string(masked(from_text(c.in), c.length)).c_str(), c.expected);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(text_is_canonical),
      cmocka_unit_test(malformed_text_is_refused),
      cmocka_unit_test(bytes_are_in_network_order),
      cmocka_unit_test(order_is_that_of_the_bytes),
      cmocka_unit_test(prefixes),
  };
  return cmocka_run_group_tests_name("base/address", tests, nullptr, nullptr);
}
