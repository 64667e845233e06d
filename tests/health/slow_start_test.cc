#include "firmware/health/slow_start.h"

#include <limits>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr Microseconds kSecond = 1'000'000;

Verdict verdict_of(Health decided, Microseconds recovered) {
  return Verdict({.decided = decided, .is_first = false, .since = 5, .recovered = recovered});
}

void who_comes_back_grows_in_ten_steps(void**) {
  const struct {
    const char* description;
    Health decided;
    Microseconds recovered, slow_start, now;
    SlowStart expected;
  } cases[] = {
      {"none is wanted", Health::up, kSecond, 0, kSecond, {}},
      {"never down", Health::up, 0, 10 * kSecond, kSecond, {}},
      {"down", Health::down, kSecond, 10 * kSecond, kSecond, {}},
      {"unknown", Health::unknown, 0, 10 * kSecond, kSecond, {}},
      {"just back", Health::up, kSecond, 10 * kSecond, kSecond, {0.1, 2 * kSecond}},
      {"before a step", Health::up, kSecond, 10 * kSecond, 2 * kSecond - 1, {0.1, 2 * kSecond}},
      {"at a step", Health::up, kSecond, 10 * kSecond, 2 * kSecond, {0.2, 3 * kSecond}},
      {"the last but one",
       Health::up,
       kSecond,
       10 * kSecond,
       10 * kSecond - 1,
       {0.9, 10 * kSecond}},
      {"the whole", Health::up, kSecond, 10 * kSecond, 10 * kSecond, {}},
      {"long ago", Health::up, 1, 10 * kSecond, std::numeric_limits<int64_t>::max(), {}},
      {"shorter than its steps", Health::up, 100, 5, 100, {0.1, 101}},
  };
  for (const auto& row : cases) {
    CheckSettings check;
    check.slow_start = row.slow_start;
    const SlowStart is = slow_start(verdict_of(row.decided, row.recovered), check, row.now);
    if (is != row.expected) print_error("%s\n", row.description);
    assert_true(is == row.expected);
  }
}

// From step to step: ten values, each larger, and then no next one.
void next_is_when_it_grows(void**) {
  CheckSettings check;
  check.slow_start = 3'333'333;
  const Verdict verdict = verdict_of(Health::up, 7);
  Microseconds now = 7;
  double part = 0;
  size_t steps = 0;
  for (SlowStart is = slow_start(verdict, check, now);; is = slow_start(verdict, check, now)) {
    assert_true(is.part > part && is.part <= 1);
    part = is.part;
    ++steps;
    if (is.next == 0) break;
    assert_true(slow_start(verdict, check, is.next - 1) == is);
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
