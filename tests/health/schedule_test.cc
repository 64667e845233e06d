#include "firmware/health/schedule.h"

#include <algorithm>
#include <random>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr ProbeAnswer::Kind kGood = ProbeAnswer::Kind::good;
constexpr ProbeAnswer::Kind kBad = ProbeAnswer::Kind::bad;

CheckSettings check_of(Microseconds interval, uint32_t jitter) {
  CheckSettings check;
  check.type = CheckType::tcp;
  check.interval = interval;
  check.jitter = jitter;
  return check;
}

void chance_shortens_by_no_more_than_the_jitter(void**) {
  const struct {
    Microseconds interval;
    uint32_t jitter;
    Microseconds least;
  } rows[] = {{1'000'000, 10, 900'000},
              {1'000'000, 0, 1'000'000},
              {1'000'000, 50, 500'000},
              {1'000, 1, 990},
              {1, 50, 1},
              {3'600'000'000, 50, 1'800'000'000}};
  std::mt19937_64 random{1};
  for (const auto& row : rows) {
    const CheckSettings check = check_of(row.interval, row.jitter);
    Microseconds least = row.interval;
    Microseconds most = 0;
    for (int i = 0; i < 20'000; ++i) {
      const Microseconds interval = next_interval(check, Verdict(), random());
      least = std::min(least, interval);
      most = std::max(most, interval);
    }
    assert_in_range(least, row.least, row.least + (row.interval - row.least) / 100);
    assert_in_range(most, row.interval - (row.interval - row.least) / 100, row.interval);
  }
}

// As long as the answers do not yet outweigh what is held.
void doubt_is_fast(void**) {
  CheckSettings check = check_of(1'000'000, 0);
  Verdict verdict;
  Microseconds now = 0;
  const auto after = [&](ProbeAnswer::Kind kind) {
    now += 1'000'000;
    verdict.take({kind, "x"}, check, now, now);
    return next_interval(check, verdict, 0);
  };
  assert_int_equal(next_interval(check, verdict, 0), 1'000'000);
  assert_int_equal(after(kGood), 1'000'000);
  assert_int_equal(after(kBad), 500'000);
  assert_int_equal(after(kBad), 500'000);
  assert_int_equal(after(kBad), 1'000'000);
  assert_int_equal(after(kGood), 500'000);
  assert_int_equal(after(kBad), 1'000'000);
  check.fast_interval = 50'000;
  assert_int_equal(after(kGood), 50'000);
  assert_int_equal(after(kGood), 1'000'000);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(chance_shortens_by_no_more_than_the_jitter),
      cmocka_unit_test(doubt_is_fast),
  };
  return cmocka_run_group_tests_name("health/schedule", tests, nullptr, nullptr);
}
