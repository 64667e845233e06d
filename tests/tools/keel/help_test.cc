#include "tools/keel/help.h"

#include <string>

#include "tests/cmocka.h"
#include "tools/keel/words.h"

namespace evenkeel::keel {
namespace {

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

void assert_lines_fit(const std::string& text, size_t columns) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    assert_true(end != std::string::npos);
    if (columns_of(text.substr(at, end - at)) > columns) {
      print_message("%s\n", text.substr(at, end - at).c_str());
    }
    assert_true(columns_of(text.substr(at, end - at)) <= columns);
    at = end + 1;
  }
}

void test_help_names_everything(void**) {
  const std::string text = help_text({}, false);
  const std::string prompt = help_text({}, true);
  for (const Command* command : all_commands()) {
    const std::string line = "\n  " + padded(command->name, 14);
    assert_int_equal(has(text, line), !command->is_interactive_only);
    assert_true(has(prompt, line));
  }
  for (const Option& option : global_options()) assert_true(has(text, option.name));
  for (const ExitMeaning& row : exit_meanings()) {
    assert_true(has(text, "\n  " + std::to_string(static_cast<int>(row.exit)) + "   "));
  }
  assert_lines_fit(text, 80);
}

void test_help_of_one_says_all_of_it(void**) {
  for (const Command* command : all_commands()) {
    const std::string text = help_text(*command, {});
    assert_true(text.starts_with("usage: keel " + synopsis(*command) + "\n"));
    assert_true(has(text, command->summary));
    for (const Argument& argument : command->arguments) assert_true(has(text, argument.name));
    for (const Option& option : command->options) assert_true(has(text, option.name));
    for (const std::string_view example : command->examples) assert_true(has(text, example));
    assert_lines_fit(text, 100);
  }
}

void test_the_manual_says_the_same(void**) {
  const std::string page = man_page("1.2");
  assert_true(has(page, ".TH KEEL 8 \"\" \"Evenkeel 1.2\""));
  for (const Command* command : all_commands()) {
    assert_true(has(page, ".SS " + std::string(command->name)));
    const std::string_view first_words = command->summary.substr(0, command->summary.find('-'));
    assert_true(has(page, "\n" + std::string(first_words.substr(0, 20))));
  }
  for (const char* variable : {"KEEL_SOCKET", "NO_COLOR", "PAGER", "EDITOR"}) {
    assert_true(has(page, variable));
  }
}

void test_colours_only_if_asked(void**) {
  assert_false(has(help_text({}, false), "\x1b"));
  assert_true(has(help_text({.colours = true}, false), "\x1b[1m"));
  assert_false(has(man_page("1"), "\x1b"));
  assert_false(has(bash_completion(), "\x1b"));
}

}  // namespace
}  // namespace evenkeel::keel

int main() {
  using namespace evenkeel::keel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_help_names_everything),
      cmocka_unit_test(test_help_of_one_says_all_of_it),
      cmocka_unit_test(test_the_manual_says_the_same),
      cmocka_unit_test(test_colours_only_if_asked),
  };
  return cmocka_run_group_tests_name("tools/keel/help", tests, nullptr, nullptr);
}
