#include "firmware/base/token_bucket.h"

#include <cstdint>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr Microseconds kSecond = 1'000'000;
constexpr uint32_t kMost = UINT32_MAX;

void grants_what_there_is(void**) {
  const struct {
    const char* description;
    uint32_t per_second, burst, first;  // taken at time 0
    Microseconds after;
    uint32_t wanted, granted;
  } cases[] = {
      {"full at the start", 10, 5, 0, 0, 9, 5},
      {"what is taken is gone", 10, 5, 5, 0, 1, 0},
      {"part of it stays", 10, 5, 2, 0, 9, 3},
      {"no token a moment too early", 10, 5, 5, kSecond / 10 - 1, 1, 0},
      {"one token on time", 10, 5, 5, kSecond / 10, 9, 1},
      {"never more than the burst", 10, 5, 5, 100 * kSecond, 9, 5},
      {"no rate: the burst once", 0, 5, 5, 1'000'000 * kSecond, 1, 0},
      {"no burst: nothing", 10, 0, 0, kSecond, 1, 0},
      {"nothing wanted", 10, 5, 0, 0, 0, 0},
      {"the most of everything", kMost, kMost, kMost, kSecond, kMost, kMost},
      {"after a very long time", kMost, kMost, kMost, UINT64_MAX, kMost, kMost},
  };
  for (const auto& example : cases) {
    print_message("  %s\n", example.description);
    TokenBucket bucket(example.per_second, example.burst);
    assert_int_equal(bucket.take(example.first, 0), example.first);
    assert_int_equal(bucket.take(example.wanted, example.after), example.granted);
  }
}

void loses_no_fraction_of_a_token(void**) {
  TokenBucket bucket(3, 2);
  assert_int_equal(bucket.take(2, 0), 2);
  uint32_t granted = 0;
  for (Microseconds now = 1; now <= 1000 * kSecond; now += 997) granted += bucket.take(1, now);
  assert_in_range(granted, 2'999, 3'000);
}

void time_does_not_go_back(void**) {
  TokenBucket bucket(10, 5);
  assert_int_equal(bucket.take(5, 10 * kSecond), 5);
  assert_int_equal(bucket.take(1, 0), 0);
  assert_int_equal(bucket.take(5, 10 * kSecond + kSecond / 10), 1);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(grants_what_there_is),
      cmocka_unit_test(loses_no_fraction_of_a_token),
      cmocka_unit_test(time_does_not_go_back),
  };
  return cmocka_run_group_tests_name("base/token_bucket", tests, nullptr, nullptr);
}
