#include "firmware/exchange/counter.h"

#include <cstdint>
#include <limits>
#include <thread>
#include <type_traits>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

static_assert(std::is_trivially_destructible_v<Counter>);
static_assert(!std::is_copy_constructible_v<Counter>);

constexpr uint64_t kMost64 = std::numeric_limits<uint64_t>::max();
constexpr uint32_t kMost32 = std::numeric_limits<uint32_t>::max();

void adds_and_writes(void**) {
  Counter counter;
  assert_int_equal(counter.read(), 0);
  counter.add(1);
  counter.add(41);
  assert_int_equal(counter.read(), 42);
  counter.write(7);
  assert_int_equal(counter.read(), 7);
  counter.add(uint64_t{1} << 40);
  assert_true(counter.read() == (uint64_t{1} << 40) + 7);
}

void small_counter_wraps(void**) {
  SmallCounter counter;
  counter.write(kMost32);
  const uint32_t baseline = counter.read();
  counter.add(3);
  assert_int_equal(counter.read(), 2);
  assert_int_equal(since(counter.read(), baseline), 3);
}

void since_counts_across_one_wrap(void**) {
  const struct {
    const char* description;
    uint32_t now, baseline, expected;
  } cases[] = {
      {"nothing happened", 5, 5, 0},          {"no wrap", 9, 5, 4},
      {"from the last value", 0, kMost32, 1}, {"across the wrap", 3, kMost32 - 1, 5},
      {"the longest way", 4, 5, kMost32},
  };
  for (const auto& example : cases) {
    print_message("  %s\n", example.description);
    assert_int_equal(since(example.now, example.baseline), example.expected);
  }
  assert_int_equal(since(uint64_t{1}, kMost64), 2);
  // Without a cast back, 16 bits would be subtracted as int.
  assert_int_equal(since(uint16_t{1}, uint16_t{0xffff}), 2);
}

// A reader meets neither half a store (each value's halves agree) nor an older value after a newer.
void another_thread_reads_whole_and_growing_values(void**) {
  constexpr uint64_t kStep = 0x1'0000'0001;
  constexpr uint64_t kSteps = 200'000;
  Counter counter;
  std::thread writer([&counter] {
    for (uint64_t i = 0; i < kSteps; ++i) counter.add(kStep);
  });
  uint64_t last = 0;
  bool whole = true;
  bool growing = true;
  while (last != kSteps * kStep) {
    const uint64_t value = counter.read();
    whole = whole && value % kStep == 0;
    growing = growing && value >= last;
    last = value;
  }
  writer.join();
  assert_true(whole);
  assert_true(growing);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(adds_and_writes),
      cmocka_unit_test(small_counter_wraps),
      cmocka_unit_test(since_counts_across_one_wrap),
      cmocka_unit_test(another_thread_reads_whole_and_growing_values),
  };
  return cmocka_run_group_tests_name("exchange/counter", tests, nullptr, nullptr);
}
