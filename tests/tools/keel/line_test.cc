#include "tools/keel/line.h"

#include <string>
#include <vector>

#include "tests/cmocka.h"

namespace evenkeel::keel {
namespace {

using Words = std::vector<std::string>;

Line parsed(const Words& words) {
  Result<Line> line = parse_line(words, false);
  if (!line.ok()) print_message("%s\n", line.message().c_str());
  assert_true(line.ok());
  return line.value();
}

void test_what_is_asked_for(void**) {
  const struct {
    Words words;
    Line::What what;
    const char* command;  // null: none
  } rows[] = {
      {{}, Line::What::interactive, nullptr},
      {{"--socket", "x"}, Line::What::interactive, nullptr},
      {{"--help"}, Line::What::help, nullptr},
      {{"-h"}, Line::What::help, nullptr},
      {{"--version"}, Line::What::version, nullptr},
      {{"--man"}, Line::What::man, nullptr},
      {{"status"}, Line::What::run, "status"},
      {{"--json", "status"}, Line::What::run, "status"},
      {{"commit", "--help"}, Line::What::help, "commit"},
      {{"set", "-h"}, Line::What::help, "set"},
      {{"help", "commit"}, Line::What::run, "help"},
  };
  for (const auto& row : rows) {
    const Line line = parsed(row.words);
    assert_true(line.what == row.what);
    if (row.command == nullptr) assert_null(line.command);
    if (row.command != nullptr) assert_true(line.command->name == row.command);
  }
}

void test_options_of_every_command_stand_anywhere(void**) {
  for (const Words& words : {Words{"--json", "--socket", "/s", "show", "ports"},
                             Words{"show", "--json", "--socket", "/s", "ports"},
                             Words{"show", "ports", "--socket=/s", "--json"}}) {
    const Line line = parsed(words);
    assert_true(line.json);
    assert_string_equal(line.socket_path.c_str(), "/s");
    assert_true(line.given.arguments == Words{"ports"});
  }
  assert_false(parsed({"status"}).json);
}

void test_options_of_one(void**) {
  const Line line = parsed({"commit", "--waive", "a", "--reason", "one", "--confirm", "5m",
                            "--waive", "b", "--reason=two words", "--confirm", "6m"});
  assert_true(line.given.values("--waive") == (Words{"a", "b"}));
  assert_true(line.given.values("--reason") == (Words{"one", "two words"}));
  assert_string_equal(line.given.value("--confirm").c_str(), "6m");
  assert_false(line.given.has("--why"));
  assert_string_equal(line.given.value("--why").c_str(), "");

  const Line set = parsed({"set", "--", "services.a.weight", "-1"});
  assert_true(set.given.arguments == (Words{"services.a.weight", "-1"}));
  const Line list = parsed({"set", "services.a.vips", R"([ "192.0.2.1", "192.0.2.2" ])"});
  assert_true(list.given.arguments ==
              (Words{"services.a.vips", R"([ "192.0.2.1", "192.0.2.2" ])"}));
  const Line words = parsed({"completion", "words", "--", "commit", "--wai"});
  assert_true(words.given.arguments == (Words{"words", "commit", "--wai"}));
}

void test_what_is_refused(void**) {
  const struct {
    Words words;
    const char* message;
  } rows[] = {
      {{"comit"}, "there is no command 'comit'; did you mean commit?"},
      {{"frobnicate"}, "there is no command 'frobnicate'; see keel help"},
      {{"exit"}, "there is no command 'exit'; did you mean edit?"},
      {{"--jsn", "status"}, "keel has no option '--jsn'; did you mean --json?"},
      {{"commit", "--wave", "x"}, "keel commit has no option '--wave'; did you mean --waive?"},
      {{"commit", "--frobnicate"},
       "keel commit has no option '--frobnicate'; see keel help commit"},
      {{"set", "a"}, "set needs VALUE; the form is: set PATH VALUE"},
      {{"set", "a", "b", "c"},
       "set has no use for 'c'; the form is: set PATH VALUE; quote what has blanks in it"},
      {{"stat"}, "there is no command 'stat'; did you mean status?"},
      {{"quit"}, "there is no command 'quit'; see keel help"},
      {{"journal", "--kind", "chnage"},
       "'chnage' is no KIND of journal; it can be change, rollout, rule, override, command, "
       "backend, "
       "port, alert, archive or journal"},
      {{"show", "servces"}, "'servces' is no WHAT of show; did you mean services?"},
      {{"why", "gre47", "a", "b"}, "'gre47' is no PROTO of why; it can be tcp, udp, sctp or icmp"},
      {{"drain", "web1", "--for", "5m"},
       "drain needs --reason TEXT; the form is: drain BACKEND --for TIME --reason TEXT"},
  };
  for (const auto& row : rows) {
    const Result<Line> line = parse_line(row.words, false);
    assert_false(line.ok());
    assert_string_equal(line.message().c_str(), row.message);
  }
  for (const Words& words :
       {Words{"commit", "--why"}, Words{"--socket"}, Words{"status", "--json=x"}, Words{""},
        Words{"commit", "--confirm="}}) {
    assert_false(parse_line(words, false).ok());
  }
}

void test_what_only_the_prompt_knows(void**) {
  assert_string_equal(parse_line(Words{"quit"}, true).message().c_str(),
                      "there is no command 'quit'; did you mean exit?");
  const Result<Line> line = parse_line(Words{"exit"}, true);
  assert_true(line.ok());
  assert_true(line.value().command->name == "exit");
}

}  // namespace
}  // namespace evenkeel::keel

int main() {
  using namespace evenkeel::keel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_what_is_asked_for),
      cmocka_unit_test(test_options_of_every_command_stand_anywhere),
      cmocka_unit_test(test_options_of_one),
      cmocka_unit_test(test_what_is_refused),
      cmocka_unit_test(test_what_only_the_prompt_knows),
  };
  return cmocka_run_group_tests_name("tools/keel/line", tests, nullptr, nullptr);
}
