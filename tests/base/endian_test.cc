// Network order as a type: what lies in memory, and unaligned access.
#include "firmware/base/endian.h"

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

template <typename Big, typename Number>
void expect_bytes(Number number, const uint8_t* expected) {
  const Big big = number;
  assert_memory_equal(&big, expected, sizeof big);
  assert_true(big.value() == number);
  assert_true(load<Big>(expected) == big);
  assert_true(Big::from_raw(load<Number>(expected)) == big);
  assert_true(big.raw() == load<Number>(expected));
}

void memory_is_in_network_order(void** /*state*/) {
  static constexpr uint8_t kBytes[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
  expect_bytes<Big16, uint16_t>(0x0123, kBytes);
  expect_bytes<Big32, uint32_t>(0x01234567, kBytes);
  expect_bytes<Big64, uint64_t>(0x0123456789abcdef, kBytes);
}

void extremes_survive(void** /*state*/) {
  for (const uint32_t number : {0u, 1u, 0x80u, 0xffu, 0x8000u, 0xffffu, 0x80000000u, 0xffffffffu}) {
    assert_int_equal(Big32(number).value(), number);
    assert_int_equal(Big64(number).value(), number);
    assert_int_equal(Big16(static_cast<uint16_t>(number)).value(), number & 0xffff);
  }
  assert_int_equal(Big32().value(), 0);
}

void constants_are_made_by_the_compiler(void** /*state*/) {
  static_assert(Big16(0x0800).value() == 0x0800 && Big16(0x0800).raw() == 0x0008);
  static_assert(Big32(1).raw() == 0x01000000);
  static_assert(byte_swap(uint64_t{1}) == uint64_t{1} << 56);
  static_assert(Big16::from_raw(0x0008) == Big16(0x0800));
  // One function to tell at run time too: the same value takes the same path.
  volatile uint16_t number = 0x0800;
  assert_int_equal(Big16(number).raw(), 0x0008);
}

void any_alignment(void** /*state*/) {
  uint8_t bytes[16] = {};
  for (size_t offset = 0; offset <= 8; ++offset) {
    store(bytes + offset, Big64(0x1122334455667788));
    assert_int_equal(bytes[offset], 0x11);
    assert_int_equal(bytes[offset + 7], 0x88);
    assert_int_equal(load<Big64>(bytes + offset).value(), 0x1122334455667788);
    store(bytes + offset, uint64_t{0});
  }
  for (const uint8_t byte : bytes) assert_int_equal(byte, 0);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(memory_is_in_network_order),
      cmocka_unit_test(extremes_survive),
      cmocka_unit_test(constants_are_made_by_the_compiler),
      cmocka_unit_test(any_alignment),
  };
  return cmocka_run_group_tests_name("base/endian", tests, nullptr, nullptr);
}
