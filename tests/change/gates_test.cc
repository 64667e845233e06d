#include "firmware/change/gates.h"

#include <string>
#include <vector>

#include "firmware/base/limits.h"
#include "tests/change/small_box.h"
#include "tests/change/small_texts.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

Assessment judge_text(const std::string& text) {
  Machine machine(text_of({}));
  return assess(text, *machine.overrides, machine.box->in_force(), *machine.box);
}

void a_change_is_one_text(void** /*state*/) {
  struct Case {
    const char* description;
    std::string more;
    uint32_t line;  // of the @ that is refused; 0: none is
  };
  const Case cases[] = {
      {"none", "", 0},
      {"by itself", "@include \"/etc/shadow\"\n", 2},
      {"behind other keys", "\nname = \"x\"; @include \"y\"\n", 3},
      {"behind a comment", "/* a\nb */ @include \"y\"\n", 3},
      {"behind an empty comment", "/**/@include \"y\"\n", 2},
      {"behind a text with quotes", "name = \"x\\\"\"; @include \"y\"\n", 2},
      {"in a line comment", "# @include \"y\"\n// @include \"y\"\n", 0},
      {"in a comment", "/* @include \"y\" */\n", 0},
      {"on the line after a comment", "# x\n@include \"y\"\n", 3},
      {"of a text that is not closed", "name = \"x\n@include \"y\"\n", 3},
      {"at the very end", "@", 2},
  };
  for (const Case& each : cases) {
    const std::string text = each.more == "@" ? "name = \"x\";\n@" : text_of({.more = each.more});
    const Checked checked = judge_text(text).checked;
    const bool is_refused =
        checked.mistakes.size() == 1 && checked.mistakes.front().what.starts_with("found @");
    const uint32_t line = is_refused ? checked.mistakes.front().line : 0;
    if (line != each.line) print_message("%s: line %u\n", each.description, line);
    assert_int_equal(line, each.line);
  }
}

void no_comment_goes_beyond_the_text(void** /*state*/) {
  for (const char* const text : {"#", "/*", "/*@", "\"", "\"\\", "\"@", "//@", "/"}) {
    for (const Mistake& each : judge_text(text).checked.mistakes) {
      assert_false(each.what.starts_with("found @;"));
    }
  }
}

void what_is_found_first_is_told(void** /*state*/) {
  assert_false(refusal_of(Checked{}).has_value());
  Checked checked;
  checked.no_plan = "too many";
  assert_true(refusal_of(checked)->code == Code::bad_settings);
  checked.needs_restart = {"cpu", "ports"};
  assert_true(refusal_of(checked)->code == Code::needs_restart);
  assert_true(refusal_of(checked)->message.ends_with("cpu, ports"));
  checked.mistakes = {{.file = "x", .line = 1, .path = "a", .what = "b"}};
  assert_true(refusal_of(checked)->code == Code::bad_settings);
  assert_string_equal(refusal_of(checked)->message.c_str(), "x:1: a: b");
  checked.mistakes.push_back(checked.mistakes.front());
  assert_int_equal(refusal_of(checked)->mistakes.size(), 2);
}

// Only those that it brings: what has gone bad meanwhile is to keep nobody from a change.
void files_of_new_credentials_are_read(void** /*state*/) {
  const std::string old_ones =
      "alerts = { webhooks = [\"https://a/x\", \"https://b/x\"]; };\n"
      "credentials = ( { name = \"a\"; url = \"https://a\"; ca_file = \"/ca\"; }";
  const std::string new_ones =
      old_ones + ",\n{ name = \"b\"; url = \"https://b\"; ca_file = \"/ca\"; }";
  Machine machine(text_of({.more = old_ones + " );\n"}));
  machine.box->bad_files = {
      {.file = {}, .line = 0, .path = "credentials[b].ca_file", .what = "is not there"}};
  const auto checked = [&](const std::string& more) {
    return assess(text_of({.more = more}), *machine.overrides, machine.box->in_force(),
                  *machine.box)
        .checked;
  };
  assert_true(checked(old_ones + " );\n").mistakes.empty());
  assert_true(machine.box->asked_of.empty());
  const std::optional<Refusal> refusal = refusal_of(checked(new_ones + " );\n"));
  assert_true(refusal.has_value() && refusal->code == Code::bad_settings);
  assert_string_equal(refusal->message.c_str(), "candidate: credentials[b].ca_file: is not there");
  assert_int_equal(machine.box->asked_of.size(), 1);
  assert_string_equal(machine.box->asked_of[0].name.c_str(), "b");
}

void waivers_fit_exactly(void** /*state*/) {
  const Hit refused = {
      .rule = "single-node", .severity = Severity::refuse, .where = {}, .what = {}};
  const Hit warned = {.rule = "mass-change", .severity = Severity::warn, .where = {}, .what = {}};
  const std::vector<Hit> hits = {refused, refused, warned};
  const std::vector<Waiver> right = {{.rule = "single-node", .reason = "x"}};
  assert_false(refusal_of_unwaived(hits, right).has_value());
  assert_false(refusal_of_waivers(hits, right, false).has_value());
  assert_false(refusal_of_unwaived({warned}, {}).has_value());
  const std::optional<Refusal> open = refusal_of_unwaived(hits, {});
  assert_true(open->code == Code::needs_waiver);
  assert_int_equal(open->hits.size(), 2);
  assert_true(open->message.starts_with("refused by single-node: "));
  struct Case {
    Waiver waiver;
    bool is_latched;
    std::optional<Code> code;
  };
  const Case cases[] = {
      {{.rule = "mass-change", .reason = "x"}, false, Code::wrong_waiver},
      {{.rule = "", .reason = "x"}, false, Code::wrong_waiver},
      {{.rule = "single-node", .reason = ""}, false, Code::bad_request},
      {{.rule = "latched", .reason = "x"}, false, Code::wrong_waiver},
      {{.rule = "latched", .reason = "x"}, true, std::nullopt},
  };
  for (const Case& each : cases) {
    const std::optional<Refusal> found =
        refusal_of_waivers(hits, std::span(&each.waiver, 1), each.is_latched);
    assert_true(each.code.has_value() == found.has_value());
    assert_true(!found.has_value() || found->code == *each.code);
  }
}

void reasons_are_a_line(void** /*state*/) {
  for (const std::string& good :
       {std::string("x"), std::string(kMaxWhy, 'x'), std::string("für Übermorgen")}) {
    assert_false(refusal_of_reason(good, "to test").has_value());
  }
  for (const std::string& bad :
       {std::string(), std::string("   "), std::string(kMaxWhy + 1, 'x'), std::string("a\nb"),
        std::string("a\0b", 3), std::string("\x7f")}) {
    assert_true(refusal_of_reason(bad, "to test")->code == Code::bad_request);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_change_is_one_text),
      cmocka_unit_test(no_comment_goes_beyond_the_text),
      cmocka_unit_test(what_is_found_first_is_told),
      cmocka_unit_test(files_of_new_credentials_are_read),
      cmocka_unit_test(waivers_fit_exactly),
      cmocka_unit_test(reasons_are_a_line),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
