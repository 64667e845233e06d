// The table of commands holds together: every row is complete, and what its examples say works.
#include "tools/keel/commands.h"

#include <algorithm>
#include <set>
#include <string>

#include "firmware/manage/routes.h"
#include "tests/cmocka.h"
#include "tools/keel/line.h"
#include "tools/keel/words.h"

namespace evenkeel::keel {
namespace {

void test_rows_are_complete(void**) {
  std::set<std::string_view> names;
  for (const Command* command : all_commands()) {
    assert_true(names.insert(command->name).second);
    assert_true(find_command(command->name) == command);
    assert_false(command->summary.empty());
    assert_false(command->summary.ends_with('.'));
    assert_true(command->summary.size() <= 72);
    assert_non_null(reinterpret_cast<const void*>(command->run));
    assert_true(!command->examples.empty() || command->is_interactive_only);
    const std::set<std::string_view> roles = {"", "viewer", "operator", "approver"};
    assert_true(roles.contains(command->role));
    // Whatever changes something can be refused, and says when.
    if (command->role == "operator") assert_false(command->refused.empty());
  }
  assert_null(find_command(""));
  assert_null(find_command("com"));
}

void test_arguments_and_options_are_complete(void**) {
  for (const Command* command : all_commands()) {
    bool was_optional = false;
    for (const Argument& argument : command->arguments) {
      assert_true(argument.help.ends_with('.'));
      assert_true(argument.is_optional || !was_optional);
      was_optional = argument.is_optional;
      assert_int_equal(argument.names == Names::choices, !argument.choices.empty());
    }
    std::set<std::string_view> names;
    for (const Option& option : command->options) {
      assert_true(names.insert(option.name).second);
      assert_true(option.name.starts_with("--"));
      assert_false(option.help.empty());
      for (const Option& global : global_options()) assert_true(global.name != option.name);
    }
  }
}

void test_kinds_of_events_are_those_of_the_box(void**) {
  const std::span<const Route> all = routes();
  const auto route = std::ranges::find(all, "/v1/journal", &Route::path);
  assert_true(route != all.end());
  const auto kind = std::ranges::find(route->parameters, "kind", &Parameter::name);
  assert_true(kind != route->parameters.end());
  const Command* journal = find_command("journal");
  const auto option = std::ranges::find(journal->options, "--kind", &Option::name);
  assert_false(kind->choices.empty());
  assert_true(std::ranges::equal(kind->choices, option->choices));
}

void test_examples_are_command_lines(void**) {
  for (const Command* command : all_commands()) {
    for (const std::string_view example : command->examples) {
      const std::string_view line =
          example.substr(0, std::min(example.find(" | "), example.find(" > ")));
      std::vector<std::string> words = split_words(line).words;
      const auto keel = std::ranges::find_if(words, [](const std::string& word) {
        return word.ends_with("keel") || word == "<(keel";
      });
      assert_true(keel != words.end());
      words.erase(words.begin(), keel + 1);
      if (line.starts_with("source")) words.back().pop_back();
      const Result<Line> parsed = parse_line(words, false);
      if (!parsed.ok()) print_message("%s\n", parsed.message().c_str());
      assert_true(parsed.ok());
      assert_true(parsed.value().command == command);
    }
  }
}

// What keel lets somebody ask, the box answers.
void test_why_takes_what_the_api_takes(void**) {
  const std::span<const Route> all = routes();
  const auto route = std::ranges::find(all, "/v1/why", &Route::path);
  assert_true(route != all.end());
  const auto protocol = std::ranges::find(route->parameters, "protocol", &Parameter::name);
  assert_true(protocol != route->parameters.end());
  assert_true(std::ranges::equal(find_command("why")->arguments[0].choices, protocol->choices));
  for (const std::string_view needed : {"sctp", "icmp"}) {
    assert_true(std::ranges::find(protocol->choices, needed) != protocol->choices.end());
  }
}

void test_synopsis(void**) {
  assert_string_equal(synopsis(*find_command("show")).c_str(), "show WHAT [SERVICE|GENERATION]");
  assert_string_equal(synopsis(*find_command("drain")).c_str(),
                      "drain BACKEND --for TIME --reason TEXT");
  assert_string_equal(synopsis(*find_command("commit")).c_str(),
                      "commit [--confirm TIME] [--why TEXT] [--waive RULE]... [--reason TEXT]...");
}

void test_every_exit_has_a_meaning(void**) {
  int expected = 0;
  for (const ExitMeaning& row : exit_meanings()) {
    assert_int_equal(static_cast<int>(row.exit), expected++);
    assert_false(row.meaning.empty());
  }
  assert_int_equal(expected, static_cast<int>(Exit::local) + 1);
}

}  // namespace
}  // namespace evenkeel::keel

int main() {
  using namespace evenkeel::keel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_rows_are_complete),
      cmocka_unit_test(test_arguments_and_options_are_complete),
      cmocka_unit_test(test_kinds_of_events_are_those_of_the_box),
      cmocka_unit_test(test_examples_are_command_lines),
      cmocka_unit_test(test_why_takes_what_the_api_takes),
      cmocka_unit_test(test_synopsis),
      cmocka_unit_test(test_every_exit_has_a_meaning),
  };
  return cmocka_run_group_tests_name("tools/keel/commands", tests, nullptr, nullptr);
}
