#include "firmware/health/slow_start.h"

#include <limits>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr Microseconds kSecond = 1'000'000;

void who_comes_back_grows_in_ten_steps(void**) {
  const struct {
    const char* description;
    Microseconds back, slow_start, now;
    SlowStart expected;
  } cases[] = {
      {"none is wanted", kSecond, 0, kSecond, {}},
      {"never away", 0, 10 * kSecond, kSecond, {}},
      {"just back", kSecond, 10 * kSecond, kSecond, {0.1, 2 * kSecond}},
      {"before a step", kSecond, 10 * kSecond, 2 * kSecond - 1, {0.1, 2 * kSecond}},
      {"at a step", kSecond, 10 * kSecond, 2 * kSecond, {0.2, 3 * kSecond}},
      {"the last but one", kSecond, 10 * kSecond, 10 * kSecond - 1, {0.9, 10 * kSecond}},
      {"the whole", kSecond, 10 * kSecond, 10 * kSecond, {}},
      {"long ago", 1, 10 * kSecond, std::numeric_limits<int64_t>::max(), {}},
      {"shorter than its steps", 100, 5, 100, {0.1, 101}},
  };
  for (const auto& row : cases) {
    CheckSettings check;
    check.slow_start = row.slow_start;
    const SlowStart is = slow_start(row.back, check, row.now);
    if (is != row.expected) print_error("%s\n", row.description);
    assert_true(is == row.expected);
  }
}

// From step to step: ten values, each larger, and then no next one.
void next_is_when_it_grows(void**) {
  CheckSettings check;
  check.slow_start = 3'333'333;
  Microseconds now = 7;
  double part = 0;
  size_t steps = 0;
  for (SlowStart is = slow_start(7, check, now);; is = slow_start(7, check, now)) {
    assert_true(is.part > part && is.part <= 1);
    part = is.part;
    ++steps;
    if (is.next == 0) break;
    assert_true(slow_start(7, check, is.next - 1) == is);
    now = is.next;
  }
  assert_int_equal(steps, 10);
  assert_true(part == 1 && now - 7 <= check.slow_start);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {cmocka_unit_test(who_comes_back_grows_in_ten_steps),
                              cmocka_unit_test(next_is_when_it_grows)};
  return cmocka_run_group_tests_name("health/slow_start", tests, nullptr, nullptr);
}
