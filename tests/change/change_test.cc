#include "firmware/change/change.h"

#include <set>
#include <string>
#include <string_view>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

void states_have_names_that_stay(void** /*state*/) {
  const std::string_view expected[] = {"candidate",         "checked",      "planned",
                                       "awaiting-approval", "on-probation", "going-back",
                                       "confirmed",         "rolled-back",  "discarded"};
  size_t number = 0;
  for (const std::string_view name : expected) {
    assert_true(name_of(static_cast<ChangeState>(number++)) == name);
  }
  assert_int_equal(number, kChangeStates);
}

void any_finding_is_enough(void** /*state*/) {
  Checked checked;
  assert_true(checked.ok());
  checked.hits.emplace_back();  // rules are judged by whoever commits
  assert_true(checked.ok());
  checked.no_plan = "x";
  assert_false(checked.ok());
  checked = {};
  checked.needs_restart.emplace_back("cpu");
  assert_false(checked.ok());
  checked = {};
  checked.mistakes.emplace_back();
  assert_false(checked.ok());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(states_have_names_that_stay),
      cmocka_unit_test(any_finding_is_enough),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
