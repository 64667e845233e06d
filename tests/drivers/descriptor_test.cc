#include "drivers/descriptor.h"

#include <fcntl.h>

#include <utility>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

bool is_open(int number) { return ::fcntl(number, F_GETFD) >= 0; }

int open_null() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

void closes_with_its_owner(void**) {
  const int number = open_null();
  {
    const Descriptor owner(number);
    assert_true(owner.is_open());
    assert_int_equal(owner.get(), number);
    assert_true(is_open(number));
  }
  assert_false(is_open(number));
}

void a_failed_call_gives_none(void**) {
  assert_false(Descriptor(-1).is_open());
  assert_false(Descriptor().is_open());
}

void moving_leaves_one_owner(void**) {
  const int number = open_null();
  const int other = open_null();
  {
    Descriptor first(number);
    Descriptor second(std::move(first));
    assert_int_equal(second.get(), number);
    {
      Descriptor third(other);
      third = std::move(second);
      assert_int_equal(third.get(), number);
    }
    assert_false(is_open(number));
  }
  assert_false(is_open(other));
}

void what_is_released_stays_open(void**) {
  const int number = open_null();
  {
    Descriptor owner(number);
    assert_int_equal(owner.release(), number);
    assert_false(owner.is_open());
  }
  assert_true(is_open(number));
  ::close(number);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(closes_with_its_owner),
      cmocka_unit_test(a_failed_call_gives_none),
      cmocka_unit_test(moving_leaves_one_owner),
      cmocka_unit_test(what_is_released_stays_open),
  };
  return cmocka_run_group_tests_name("drivers/descriptor", tests, nullptr, nullptr);
}
