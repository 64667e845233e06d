// A broken invariant stops the process and says where; a kept one costs nothing else.
#include "firmware/base/check.h"

#include <string>

#include "tests/base/death.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

void a_kept_invariant_is_evaluated_once(void** /*state*/) {
  int evaluations = 0;
  CHECK(++evaluations == 1);
  REQUIRE(++evaluations == 2);
  assert_int_equal(evaluations, 2);
}

void a_broken_invariant_names_its_place(void** /*state*/) {
  const int line = __LINE__ + 1;
  const bool died = dies_saying("check_test.cc:" + std::to_string(line), [] { CHECK(2 < 1); });
  assert_true(died);
  assert_true(dies_saying("invariant broken: 2 < 1\n", [] { CHECK(2 < 1); }));
  assert_true(dies_saying("invariant broken: 4 < 3\n", [] { REQUIRE(4 < 3); }));
}

void only_a_broken_invariant_dies(void** /*state*/) {
  assert_false(dies_saying("", [] { CHECK(1 < 2); }));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_kept_invariant_is_evaluated_once),
      cmocka_unit_test(a_broken_invariant_names_its_place),
      cmocka_unit_test(only_a_broken_invariant_dies),
  };
  return cmocka_run_group_tests_name("base/check", tests, nullptr, nullptr);
}
