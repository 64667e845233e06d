#include "firmware/table/mix.h"

#include <algorithm>
#include <array>
#include <bit>
#include <random>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

// Of MurmurHash3's fmix64.
void test_mix_is_the_known_function(void**) {
  static_assert(mix(0) == 0);
  static_assert(mix(1) == 0xb456bcfc34c2cb2c);
  static_assert(mix(2) == 0x3abf2a20650683e7);
}

// Changing one bit changes about half of the result's, whichever bit it is.
template <typename Function>
double least_of_bits_changed(const Function& function) {
  std::mt19937_64 random(1);
  std::array<uint64_t, 64> changed{};
  constexpr int kRounds = 1'000;
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t value = random();
    for (size_t bit = 0; bit < 64; ++bit) {
      const uint64_t other = value ^ uint64_t { 1 } << bit;
      changed[bit] += static_cast<uint64_t>(std::popcount(function(value) ^ function(other)));
    }
  }
  return static_cast<double>(*std::ranges::min_element(changed)) / kRounds;
}

void test_mix_reaches_every_bit(void**) { assert_true(least_of_bits_changed(mix) > 31); }

void test_multiply_fold(void**) {
  static_assert(multiply_fold(0, 12'345) == 0);
  static_assert(multiply_fold(1, 12'345) == 12'345);
  static_assert(multiply_fold(uint64_t{1} << 32, uint64_t{1} << 32) == 1);
  static_assert(multiply_fold(uint64_t{1} << 63, 6) == 3);
  static_assert(multiply_fold(~uint64_t{0}, ~uint64_t{0}) == ~uint64_t{0});
  static_assert(multiply_fold(0x123456789, 0xabcdef012) == multiply_fold(0xabcdef012, 0x123456789));
}

void test_multiply_fold_reaches_every_bit(void**) {
  const double least = least_of_bits_changed(
      [](uint64_t value) { return multiply_fold(value, 0x9e3779b97f4a7c15); });
  assert_true(least > 20);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_mix_is_the_known_function),
      cmocka_unit_test(test_mix_reaches_every_bit),
      cmocka_unit_test(test_multiply_fold),
      cmocka_unit_test(test_multiply_fold_reaches_every_bit),
  };
  return cmocka_run_group_tests_name("table/mix", tests, nullptr, nullptr);
}
