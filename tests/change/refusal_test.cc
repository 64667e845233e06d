#include "firmware/change/refusal.h"

#include <set>
#include <string>
#include <string_view>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

void codes_have_names_that_stay(void** /*state*/) {
  struct Case {
    Code code;
    std::string_view name;
  };
  const Case cases[] = {
      {Code::stale_base, "stale-base"},
      {Code::not_owner, "not-owner"},
      {Code::pending_change, "pending-change"},
      {Code::no_change, "no-change"},
      {Code::wrong_state, "wrong-state"},
      {Code::wrong_id, "wrong-id"},
      {Code::bad_settings, "bad-settings"},
      {Code::bad_request, "bad-request"},
      {Code::nothing_to_commit, "nothing-to-commit"},
      {Code::needs_restart, "needs-restart"},
      {Code::needs_waiver, "needs-waiver"},
      {Code::wrong_waiver, "wrong-waiver"},
      {Code::latched, "latched"},
      {Code::awaiting_approval, "awaiting-approval"},
      {Code::own_change, "own-change"},
      {Code::role, "role"},
      {Code::no_generation, "no-generation"},
      {Code::no_override, "no-override"},
      {Code::last_backend, "last-backend"},
      {Code::storage, "storage"},
      {Code::not_published, "not-published"},
  };
  assert_int_equal(std::size(cases), kCodes);
  for (const Case& each : cases) assert_true(name_of(each.code) == each.name);
}

void an_answer_is_one_of_two(void** /*state*/) {
  Answer<std::string> good = std::string("done");
  assert_true(good.ok());
  good.value() += "!";
  assert_string_equal(good.value().c_str(), "done!");
  const Answer<std::string> bad =
      Refusal{.code = Code::latched, .message = "no", .advice = "do not"};
  assert_false(bad.ok());
  assert_true(bad.refusal().code == Code::latched);
  assert_true(bad.refusal().mistakes.empty() && bad.refusal().diff.empty());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(codes_have_names_that_stay),
      cmocka_unit_test(an_answer_is_one_of_two),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
