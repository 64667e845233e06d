// The counter's scale, for any processor and for centuries; and that it tells the time.
#include "drivers/clock.h"

#include <chrono>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

void counts_become_microseconds(void** /*state*/) {
  const struct {
    uint64_t hertz;
    uint64_t counts;
    Microseconds expected;
  } rows[] = {
      {2'600'000'000, 0, 0},
      {2'600'000'000, 2'600, 0},  // the scale is rounded down, so exact multiples are short
      {2'600'000'000, 2'601, 1},
      {1'000'001, 1'000'002, 1'000'000},
      {3'000'000'000, 3'000'000'000ULL * 86'400 * 365, 86'400ULL * 365 * 1'000'000 - 1},
      {5'000'000'000, UINT64_MAX, 3'689'348'814'741'909},
      {24'000'000, 24'000'001, 1'000'000},
  };
  for (const auto& row : rows) {
    const Microseconds got = TscClock(row.hertz).microseconds(row.counts);
    if (got != row.expected) {
      fail_msg("%lu counts at %lu Hz: %lu", row.counts, row.hertz, got);
    }
  }
}

// Against the kernel's clock, over a while that is long compared with reading either; of several
// tries the best, since others want the core too.
void it_goes_as_the_kernels_clock_does(void** /*state*/) {
  using std::chrono::steady_clock;
  const auto read = [](const TscClock& clock, int64_t& ret_kernel) {
    ret_kernel = std::chrono::duration_cast<std::chrono::microseconds>(
                     steady_clock::now().time_since_epoch())
                     .count();
    return static_cast<int64_t>(clock.now());
  };
  // Finds out how fast the counter is.
  const int64_t counted = static_cast<int64_t>(rte_rdtsc());
  const auto begin = steady_clock::now();
  while (steady_clock::now() - begin < std::chrono::milliseconds(100)) {
  }
  const std::chrono::duration<double> passed = steady_clock::now() - begin;
  const double hertz =
      static_cast<double>(static_cast<int64_t>(rte_rdtsc()) - counted) / passed.count();
  const TscClock clock(static_cast<uint64_t>(hertz));
  int64_t least = INT64_MAX;
  for (int i = 0; i < 5; ++i) {
    int64_t kernel_begin = 0;
    int64_t kernel_end = 0;
    const int64_t ours_begin = read(clock, kernel_begin);
    Microseconds last = clock.now();
    for (int j = 0; j < 100'000; ++j) {
      const Microseconds now = clock.now();
      assert_true(now >= last);
      last = now;
    }
    const int64_t ours_end = read(clock, kernel_end);
    const int64_t difference = (ours_end - ours_begin) - (kernel_end - kernel_begin);
    least = std::min(least, difference < 0 ? -difference : difference);
  }
  assert_true(least < 100);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(counts_become_microseconds),
      cmocka_unit_test(it_goes_as_the_kernels_clock_does),
  };
  return cmocka_run_group_tests_name("drivers/clock", tests, nullptr, nullptr);
}
