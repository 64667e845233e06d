#include "firmware/health/outcomes.h"

#include <limits>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();

void sums_never_wrap(void**) {
  const struct {
    const char* description;
    Outcomes left, right, sum;
    uint64_t all;
  } cases[] = {
      {"nothing", {}, {}, {}, 0},
      {"some", {1, 2}, {10, 20}, {11, 22}, 33},
      {"the most there is", {kMost, 0}, {0, 0}, {kMost, 0}, kMost},
      {"more good than can be counted", {kMost - 1, 5}, {2, 5}, {kMost, 10}, kMost},
      {"more bad than can be counted", {0, kMost}, {0, kMost}, {0, kMost}, kMost},
      {"together more than can be counted", {1, kMost - 1}, {1, 0}, {2, kMost - 1}, kMost},
  };
  for (const auto& row : cases) {
    Outcomes sum = row.left;
    sum += row.right;
    if (!(sum == row.sum)) print_error("%s\n", row.description);
    assert_true(sum == row.sum);
    assert_true(sum.all() == row.all);
  }
}

void are_told_in_words(void**) {
  assert_string_equal(in_words(0).c_str(), "0");
  assert_string_equal(in_words(999).c_str(), "999");
  assert_string_equal(in_words(1'000).c_str(), "1,000");
  assert_string_equal(in_words(123'456).c_str(), "123,456");
  assert_string_equal(in_words(kMost).c_str(), "18,446,744,073,709,551,615");
  assert_string_equal(in_words({9'000, 1'000}, "new flows", "failed").c_str(),
                      "of 10,000 new flows 1,000 failed");
  assert_string_equal(in_words({0, 0}, "old ones", "").c_str(), "of 0 old ones none");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(sums_never_wrap),
      cmocka_unit_test(are_told_in_words),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
