#include "firmware/appliance/log.h"

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

void test_lines(void**) {
  const struct {
    const char* description;
    bool is_for_journal;
    Level level;
    const char* text;
    const char* line;
  } rows[] = {
      {"for a person", false, Level::info, "ready", "12:00 info: ready\n"},
      {"level", false, Level::error, "no port", "12:00 error: no port\n"},
      {"journal", true, Level::warning, "slow", "<4>slow\n"},
      {"one line", true, Level::notice, "a\nb\x1b[31m", "<5>a b [31m\n"},
      {"UTF-8 stays", true, Level::info, "caf\xc3\xa9", "<6>caf\xc3\xa9\n"},
  };
  for (const auto& row : rows) {
    const std::string line = Log(row.is_for_journal).line(row.level, row.text, "12:00");
    if (line != row.line) fail_msg("%s: %s", row.description, line.c_str());
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  const CMUnitTest tests[] = {cmocka_unit_test(evenkeel::test_lines)};
  return cmocka_run_group_tests_name("appliance/log", tests, nullptr, nullptr);
}
