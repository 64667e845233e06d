#include "drivers/netns.h"

#include <sys/stat.h>

#include <cstring>

#include "tests/cmocka.h"
#include "tests/drivers/own_network.h"

namespace evenkeel {
namespace {

uint64_t here() {
  struct stat status{};
  CHECK(::stat("/proc/thread-self/ns/net", &status) == 0);
  return status.st_ino;
}

void runs_there_and_comes_back(void**) {
  const uint64_t home = here();
  uint64_t there = 0;
  const auto look = [&]() -> Status {
    there = here();
    return {};
  };
  assert_true(in_network_namespace("keel-far", look).ok());
  assert_int_not_equal(there, home);
  assert_int_equal(here(), home);
  assert_true(in_network_namespace("", look).ok());
  assert_int_equal(there, home);
}

void answers_what_the_work_answers_and_comes_back(void**) {
  const uint64_t home = here();
  const Status status =
      in_network_namespace("keel-far", []() -> Status { return Error{"It failed."}; });
  assert_false(status.ok());
  assert_string_equal(status.message().c_str(), "It failed.");
  assert_int_equal(here(), home);
}

void refuses_what_is_no_namespace(void**) {
  const struct {
    const char* name;
    const char* message;
  } cases[] = {
      {"keel-none", "make it with `ip netns add keel-none`"},
      {"../netns/keel-far", "must be a name as `ip netns` lists it"},
      {"keel-file", "cannot be entered"},
  };
  const uint64_t home = here();
  for (const auto& example : cases) {
    bool has_run = false;
    const Status status = in_network_namespace(example.name, [&]() -> Status {
      has_run = true;
      return {};
    });
    assert_false(has_run);
    assert_non_null(std::strstr(status.message().c_str(), example.message));
    assert_int_equal(here(), home);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  CHECK(shell("ip netns add keel-far && touch /run/netns/keel-file"));
  const CMUnitTest tests[] = {
      cmocka_unit_test(runs_there_and_comes_back),
      cmocka_unit_test(answers_what_the_work_answers_and_comes_back),
      cmocka_unit_test(refuses_what_is_no_namespace),
  };
  return cmocka_run_group_tests_name("drivers/netns", tests, nullptr, nullptr);
}
