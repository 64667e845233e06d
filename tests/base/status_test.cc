// Operating errors as values.
#include "firmware/base/status.h"

#include <memory>
#include <string>

#include "tests/base/death.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

Status status_of(int number) {
  if (number < 0) return Error{"number: is negative; give 0 or more"};
  return {};
}

Result<int> half_of(int number) {
  if (number % 2 != 0) return Error{std::to_string(number) + " is odd"};
  return number / 2;
}

void a_status_is_good_or_says_why(void** /*state*/) {
  assert_true(status_of(0).ok());
  const Status bad = status_of(-1);
  assert_false(bad.ok());
  assert_string_equal(bad.message().c_str(), "number: is negative; give 0 or more");
}

void a_result_has_a_value_or_says_why(void** /*state*/) {
  Result<int> good = half_of(8);
  assert_true(good.ok());
  assert_int_equal(good.value(), 4);
  good.value() = 5;
  assert_int_equal(static_cast<const Result<int>&>(good).value(), 5);

  const Result<int> bad = half_of(7);
  assert_false(bad.ok());
  assert_string_equal(bad.message().c_str(), "7 is odd");
}

void a_message_may_be_empty_and_still_is_an_error(void** /*state*/) {
  assert_false(Status(Error{}).ok());
  assert_string_equal(Status(Error{}).message().c_str(), "");
  assert_false(Result<int>(Error{}).ok());
}

void a_value_that_only_moves(void** /*state*/) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(3);
  const std::unique_ptr<int> taken = std::move(result.value());
  assert_int_equal(*taken, 3);
  assert_true(result.ok());
  assert_null(result.value().get());
}

void asking_the_wrong_question_stops_the_process(void** /*state*/) {
  assert_true(dies_saying("error_.has_value()", [] { (void)Status().message(); }));
  assert_true(dies_saying("ok()", [] { (void)half_of(7).value(); }));
  assert_true(dies_saying("!ok()", [] { (void)half_of(8).message(); }));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_status_is_good_or_says_why),
      cmocka_unit_test(a_result_has_a_value_or_says_why),
      cmocka_unit_test(a_message_may_be_empty_and_still_is_an_error),
      cmocka_unit_test(a_value_that_only_moves),
      cmocka_unit_test(asking_the_wrong_question_stops_the_process),
  };
  return cmocka_run_group_tests_name("base/status", tests, nullptr, nullptr);
}
