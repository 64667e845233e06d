#include "firmware/appliance/options.h"

#include <string>
#include <vector>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

void test_command_lines(void**) {
  const struct {
    std::vector<const char*> arguments;
    Command command;
    const char* path;
    const char* state;
  } rows[] = {
      {{}, Command::manage, "/etc/evenkeel/evenkeel.conf", "/var/lib/evenkeel"},
      {{"--state", "s"}, Command::manage, "/etc/evenkeel/evenkeel.conf", "s"},
      {{"--seed", "a.conf", "--state", "s"}, Command::manage, "a.conf", "s"},
      {{"--import", "a.conf"}, Command::import_file, "a.conf", "/var/lib/evenkeel"},
      {{"--state", "s", "--import", "a.conf"}, Command::import_file, "a.conf", "s"},
      {{"--config", "a.conf"}, Command::run, "a.conf", "/var/lib/evenkeel"},
      {{"--check", "a.conf"}, Command::check, "a.conf", "/var/lib/evenkeel"},
      {{"--config", "--check"}, Command::run, "--check", "/var/lib/evenkeel"},
      {{"--version"}, Command::version, "/etc/evenkeel/evenkeel.conf", "/var/lib/evenkeel"},
      {{"--config", "a", "-h"}, Command::help, "/etc/evenkeel/evenkeel.conf", "/var/lib/evenkeel"},
  };
  for (const auto& row : rows) {
    const Result<Options> options = parse_options(row.arguments);
    assert_true(options.ok());
    assert_true(options.value().command == row.command);
    assert_string_equal(options.value().settings_path.c_str(), row.path);
    assert_string_equal(options.value().state.c_str(), row.state);
  }
}

void test_what_is_refused(void**) {
  const struct {
    std::vector<const char*> arguments;
    const char* message;
  } rows[] = {
      {{"--confg", "a"}, "'--confg' is no option of keeld; see keeld --help"},
      {{"a.conf"}, "'a.conf' is no option of keeld; see keeld --help"},
      {{"--config"}, "--config needs the name of a settings file after it"},
      {{"--state"}, "--state needs the name of a folder after it"},
      {{"--config", "a", "--check", "b"},
       "--config and --check exclude each other; see keeld --help"},
      {{"--config", "a", "--state", "s"}, "--config does not take --state; see keeld --help"},
      {{"--check", "a", "--seed", "b"}, "--check does not take --seed; see keeld --help"},
      {{"--import", "a", "--seed", "b"}, "--import does not take --seed; see keeld --help"},
      {{"--check"}, "--check needs the name of a settings file after it"},
  };
  for (const auto& row : rows) {
    const Result<Options> options = parse_options(row.arguments);
    assert_false(options.ok());
    assert_string_equal(options.message().c_str(), row.message);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_command_lines),
      cmocka_unit_test(test_what_is_refused),
  };
  return cmocka_run_group_tests_name("appliance/options", tests, nullptr, nullptr);
}
