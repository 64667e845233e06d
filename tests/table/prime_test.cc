#include "firmware/table/prime.h"

#include <vector>

#include "firmware/base/limits.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

void test_known_numbers(void**) {
  static_assert(!is_prime(0) && !is_prime(1) && is_prime(2) && is_prime(3) && !is_prime(4));
  static_assert(is_prime(kMinBuckets) && is_prime(kDefaultBuckets));
  assert_true(is_prime(kMaxBuckets));
  assert_true(is_prime(655'373));
  assert_true(is_prime(4'294'967'291));  // the largest in 32 bits
  assert_false(is_prime(4'294'967'295));
  assert_false(is_prime(65'521u * 65'521u));    // the largest square of a prime
  assert_false(is_prime(2'047u * 2'049u + 4));  // even
}

uint32_t count_differences_from_a_sieve(uint32_t bound) {
  std::vector<bool> composite(bound, false);
  uint32_t differences = 0;
  for (uint32_t number = 2; number < bound; ++number) {
    differences += is_prime(number) == composite[number] ? 1 : 0;
    for (uint32_t multiple = 2 * number; multiple < bound; multiple += number) {
      composite[multiple] = true;
    }
  }
  return differences;
}

void test_against_a_sieve(void**) { assert_int_equal(count_differences_from_a_sieve(200'000), 0); }

void test_prime_at_least(void**) {
  assert_int_equal(prime_at_least(0), 2);
  assert_int_equal(prime_at_least(7), 7);
  assert_int_equal(prime_at_least(8), 11);
  assert_int_equal(prime_at_least(kMinBuckets - 9), kMinBuckets);
  assert_int_equal(prime_at_least(65'522), kDefaultBuckets);
  assert_int_equal(prime_at_least(kMaxBuckets), kMaxBuckets);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_known_numbers),
      cmocka_unit_test(test_against_a_sieve),
      cmocka_unit_test(test_prime_at_least),
  };
  return cmocka_run_group_tests_name("table/prime", tests, nullptr, nullptr);
}
