#include "firmware/appliance/causes.h"

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr Microseconds kSecond = kMicrosecondsPerTick;
constexpr Microseconds kStart = 1'000 * kSecond;

void the_latest_before_it_is_told(void** /*state*/) {
  Causes causes;
  assert_string_equal(causes.before("shop", kStart).c_str(), "");
  causes.note("", "a change went live", kStart);
  causes.note("shop", "shop/a was down", kStart + 5 * kSecond);
  causes.note("web", "web/a was down", kStart + 6 * kSecond);
  assert_string_equal(causes.before("shop", kStart - 1).c_str(), "");
  assert_string_equal(causes.before("shop", kStart).c_str(), ", 0 s after: a change went live");
  assert_string_equal(causes.before("shop", kStart + 7 * kSecond).c_str(),
                      ", 2 s after: shop/a was down");
  assert_string_equal(causes.before("mail", kStart + 7 * kSecond).c_str(),
                      ", 7 s after: a change went live");
}

void what_was_long_ago_explains_nothing(void** /*state*/) {
  Causes causes;
  causes.note("", "a change went live", kStart);
  assert_string_not_equal(causes.before("shop", kStart + Causes::kBefore).c_str(), "");
  assert_string_equal(causes.before("shop", kStart + Causes::kBefore + 1).c_str(), "");
}

void so_many_are_remembered(void** /*state*/) {
  Causes causes;
  causes.note("", "a change went live", kStart);
  for (size_t i = 1; i < Causes::kMost; ++i) causes.note("web", "web/a was down", kStart);
  assert_string_equal(causes.before("shop", kStart).c_str(), ", 0 s after: a change went live");
  causes.note("web", "web/a was down", kStart);
  assert_string_equal(causes.before("shop", kStart).c_str(), "");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_latest_before_it_is_told),
      cmocka_unit_test(what_was_long_ago_explains_nothing),
      cmocka_unit_test(so_many_are_remembered),
  };
  return cmocka_run_group_tests_name("appliance/causes", tests, nullptr, nullptr);
}
