// The prompt; what is typed at it, tests/tools/keel/terminal.py types.
#include "tools/keel/interactive.h"

#include <boost/json/parse.hpp>
#include <sstream>
#include <string>

#include "tests/cmocka.h"

namespace evenkeel::keel {
namespace {

void test_prompts(void**) {
  const struct {
    const char* status;
    uint64_t since;
    const char* expected;
  } rows[] = {
      {"null", 0, "keel [no keeld]> "},
      {R"({"name":"lb1","change":null})", 5, "lb1> "},
      {R"({"name":"lb1","change":{"id":7,"deadline_s":null}})", 5, "lb1 [change 7]> "},
      {R"({"name":"lb1","change":{"id":7,"deadline_s":271}})", 0, "lb1 [change 7, 4:31 left]> "},
      {R"({"name":"lb1","change":{"id":7,"deadline_s":271}})", 31, "lb1 [change 7, 4:00 left]> "},
      {R"({"name":"lb1","change":{"id":7,"deadline_s":5}})", 99, "lb1 [change 7, 0:00 left]> "},
      {R"({"name":"a\u001b[2J"})", 0, "a\\x1b[2J> "},
      {"{}", 0, "keel> "},
  };
  for (const auto& row : rows) {
    assert_string_equal(prompt_of(boost::json::parse(row.status), row.since, {}).c_str(),
                        row.expected);
  }
}

void test_without_a_box(void**) {
  Session session({.socket_path = "/nowhere/api.sock"});
  const Result<Line> line = parse_line(std::vector<std::string>{"status"}, true);
  assert_true(run_line(session, line.value()) == Exit::unreachable);
  assert_string_equal(session.take_output().c_str(), "");
  std::istringstream script("# a comment\n\nhelp status\nfrobnicate\nhelp\n");
  assert_true(run_script(session, script) == Exit::usage);
  std::string next;
  std::getline(script, next);
  assert_string_equal(next.c_str(), "help");  // nothing after the line that fails is read
  Session last({.socket_path = "/nowhere/api.sock"});
  std::istringstream leaves("exit\nfrobnicate\n");
  assert_true(run_script(last, leaves) == Exit::done);
}

}  // namespace
}  // namespace evenkeel::keel

int main() {
  using namespace evenkeel::keel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_prompts),
      cmocka_unit_test(test_without_a_box),
  };
  return cmocka_run_group_tests_name("tools/keel/interactive", tests, nullptr, nullptr);
}
