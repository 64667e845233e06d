#include "firmware/change/identity.h"

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

void a_person_is_a_person_under_any_name(void** /*state*/) {
  const Identity anna = {.user = "anna", .uid = 1, .role = Role::changer};
  assert_true(is_same_person(anna, {.user = "anna", .uid = 1, .role = Role::approver}));
  assert_true(is_same_person(anna, {.user = "anna-too", .uid = 1}));
  assert_true(is_same_person(anna, {.user = "anna", .uid = 2}));
  assert_false(is_same_person(anna, {.user = "bert", .uid = 2}));
}

void roles_rise(void** /*state*/) {
  assert_true(Role::viewer < Role::changer);
  assert_true(Role::changer < Role::approver);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_person_is_a_person_under_any_name),
      cmocka_unit_test(roles_rise),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
