// Every reason for a drop has a stable name of its own: counters and scripts depend on them.
#include "firmware/base/reason.h"

#include <cstring>

#include "tests/base/death.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

void names_belong_to_their_reasons(void** /*state*/) {
  struct Case {
    Reason in;
    const char* expected;
  };
  // First, last, and around each place where a new reason is likely to be added.
  static constexpr Case kCases[] = {
      {Reason::none, "none"},
      {Reason::truncated, "truncated"},
      {Reason::fragment_later, "fragment_later"},
      {Reason::bad_address, "bad_address"},
      {Reason::no_service, "no_service"},
      {Reason::no_backend, "no_backend"},
      {Reason::denied, "denied"},
      {Reason::over_limit, "over_limit"},
      {Reason::ttl_expired, "ttl_expired"},
      {Reason::no_headroom, "no_headroom"},
      {Reason::untranslatable, "untranslatable"},
  };
  for (const Case& c : kCases) assert_string_equal(to_string(c.in), c.expected);
}

void names_can_be_metric_labels_and_differ(void** /*state*/) {
  for (size_t i = 0; i < kReasons; ++i) {
    const char* name = to_string(static_cast<Reason>(i));
    assert_true(std::strlen(name) > 0);
    assert_int_equal(std::strspn(name, "abcdefghijklmnopqrstuvwxyz_"), std::strlen(name));
    for (size_t j = 0; j < i; ++j) {
      assert_string_not_equal(name, to_string(static_cast<Reason>(j)));
    }
  }
}

void what_is_no_reason_has_no_name(void** /*state*/) {
  assert_true(dies_saying("index < kReasons", [] { to_string(Reason::count_); }));
  assert_true(dies_saying("index < kReasons", [] { to_string(static_cast<Reason>(255)); }));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(names_belong_to_their_reasons),
      cmocka_unit_test(names_can_be_metric_labels_and_differ),
      cmocka_unit_test(what_is_no_reason_has_no_name),
  };
  return cmocka_run_group_tests_name("base/reason", tests, nullptr, nullptr);
}
