// Ticks are whole seconds of the microsecond clock, and wrap as 32 bits do.
#include "firmware/base/clock.h"

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

void ticks_of_times(void** /*state*/) {
  struct Case {
    Microseconds in;
    Tick expected;
  };
  static constexpr Case kCases[] = {
      {0, 0},
      {999'999, 0},
      {1'000'000, 1},
      {1'999'999, 1},
      {86'400'000'000, 86'400},
      {0xffff'ffffULL * 1'000'000, 0xffff'ffff},
      {0x1'0000'0000ULL * 1'000'000, 0},  // 136 years of uptime: ages are differences, so it holds
  };
  for (const Case& c : kCases) assert_int_equal(tick_of(c.in), c.expected);
}

void an_age_survives_the_wrap(void** /*state*/) {
  const Tick before = tick_of(0xffff'ffffULL * 1'000'000);
  const Tick after = tick_of(0x1'0000'0002ULL * 1'000'000);
  assert_int_equal(static_cast<Tick>(after - before), 3);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(ticks_of_times),
      cmocka_unit_test(an_age_survives_the_wrap),
  };
  return cmocka_run_group_tests_name("base/clock", tests, nullptr, nullptr);
}
