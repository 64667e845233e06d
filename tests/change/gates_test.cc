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
  return assess(text, *machine.overrides, settings_of(text_of({})), machine.box->in_force(),
                *machine.box);
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
    const Settings confirmed = settings_of(text_of({.more = old_ones + " );\n"}));
    return assess(text_of({.more = more}), *machine.overrides, confirmed, machine.box->in_force(),
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

// Of shop, web1 weighs 1 and web2 what is said; blog is as it is.
std::string two_servers(const std::string& web2, const std::string& more = {}) {
  const auto service = [](const char* name, const char* vip, const std::string& servers) {
    return std::string("  { name = \"") + name + "\"; vips = [\"" + vip +
           "\"]; ports = \"80\"; buckets = 4099; mss = 1400; backends = (" + servers + "); }";
  };
  const std::string web1 = "{ name = \"web1\"; address = \"10.0.0.1\"; }";
  return "ports = ( { name = \"wan\"; device = \"net_null0\"; addresses = [\"10.0.0.254/24\"]; } "
         ");\nservices = (\n" +
         service("shop", "192.0.2.10", web1 + (web2.empty() ? "" : ", " + web2) + more) + ",\n" +
         service("blog", "192.0.2.11",
                 "{ name = \"a\"; address = \"10.0.0.8\"; }, "
                 "{ name = \"b\"; address = \"10.0.0.9\"; }") +
         " );\n";
}
std::string weighing(unsigned weight) {
  return "{ name = \"web2\"; address = \"10.0.0.2\"; weight = " + std::to_string(weight) + "; }";
}

std::string found_by(const std::vector<Hit>& hits, std::string_view rule) {
  std::string text;
  for (const Hit& hit : hits) {
    if (hit.rule == rule) text += std::string(name_of(hit.severity)) + " " + hit.where + "\n";
  }
  return text;
}

// With web1 drained, web2 has everything, before and after: of that the change is innocent.
void what_overrides_hide_is_judged(void** /*state*/) {
  struct Case {
    const char* description;
    std::string before;
    std::string after;
    const char* overridden;  // drained; empty: nobody
    const char* single_node;
    std::vector<std::string> looked_at;
  };
  const std::vector<std::string> shop = {"shop", "shop"};
  const Case cases[] = {
      {"no override",
       two_servers(weighing(1)),
       two_servers(weighing(1'000)),
       "",
       "refuse services.shop.backends.web2\n",
       {}},
      {"hidden", two_servers(weighing(1)), two_servers(weighing(1'000)), "shop/web1",
       "refuse services.shop.backends.web2\n", shop},
      {"hidden by a drain of all services", two_servers(weighing(1)), two_servers(weighing(1'000)),
       "web1", "refuse services.shop.backends.web2\n", shop},
      {"so already, without overrides too", two_servers(weighing(1'000)),
       two_servers(weighing(1'001)), "shop/web1", "warn services.shop.backends.web2\n", shop},
      {"nothing is hidden", two_servers(weighing(1)),
       two_servers("{ name = \"web2\"; address = \"10.0.0.3\"; }"), "shop/web1",
       "warn services.shop.backends.web2\n", shop},
      {"another service's",
       two_servers(weighing(1)),
       two_servers(weighing(1'000)),
       "blog/a",
       "refuse services.shop.backends.web2\nwarn services.blog.backends.b\n",
       {}},
      {"the same",
       two_servers(weighing(1)),
       two_servers(weighing(1)),
       "shop/web1",
       "warn services.shop.backends.web2\n",
       {}},
  };
  for (const Case& each : cases) {
    Machine machine(each.before);
    if (*each.overridden != 0) {
      const auto set = machine.transaction->set_override(
          machine.caller("anna"),
          {.backend = each.overridden, .lasts = 60 * kMicrosecondsPerTick, .reason = "x"});
      assert_true(set.ok());
    }
    const Assessment found = assess(each.after, *machine.overrides, settings_of(each.before),
                                    machine.box->in_force(), *machine.box);
    const std::string single_node = found_by(found.checked.hits, "single-node");
    if (single_node != each.single_node) {
      print_message("%s: %s\n", each.description, single_node.c_str());
    }
    assert_string_equal(single_node.c_str(), each.single_node);
    assert_true(found.checked.hits == found.impact.hits);
    assert_true(machine.box->looked_at == each.looked_at);
  }
}

// What comes into force at once is what it is with the overrides: who is drained may leave.
void who_is_drained_may_leave(void** /*state*/) {
  const std::string third = ", { name = \"web3\"; address = \"10.0.0.3\"; }";
  const std::string fourth = ", { name = \"web4\"; address = \"10.0.0.4\"; }";
  const std::string before = two_servers(weighing(1), third + fourth);
  Machine machine(before);
  assert_true(machine.transaction
                  ->set_override(
                      machine.caller("anna"),
                      {.backend = "shop/web2", .lasts = 60 * kMicrosecondsPerTick, .reason = "x"})
                  .ok());
  const Assessment found = assess(two_servers("", third + fourth), *machine.overrides,
                                  settings_of(before), machine.box->in_force(), *machine.box);
  assert_true(found.checked.ok());
  assert_string_equal(found_by(found.checked.hits, "mass-change").c_str(), "");
  assert_int_equal(found.impact.services.size(), 1);
  assert_true(found.impact.services.front().moved == 0);
}

// A waiver is for each rule; what is waived is told of each subject.
void the_worse_of_two_is_told(void** /*state*/) {
  const auto hit = [](std::string_view rule, Severity severity, const char* subject) {
    return Hit{.rule = rule, .severity = severity, .where = "x", .what = {}, .subject = subject};
  };
  std::vector<Hit> hits = {hit("single-node", Severity::warn, "a"),
                           hit("n-minus-1", Severity::refuse, "a")};
  add_worse({hit("drained-to-zero", Severity::warn, "a"), hit("n-minus-1", Severity::warn, "a"),
             hit("single-node", Severity::refuse, "a"), hit("single-node", Severity::warn, "b")},
            hits);
  const std::vector<Hit> expected = {
      hit("single-node", Severity::refuse, "a"), hit("single-node", Severity::warn, "b"),
      hit("drained-to-zero", Severity::warn, "a"), hit("n-minus-1", Severity::refuse, "a")};
  assert_true(hits == expected);
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
      cmocka_unit_test(what_overrides_hide_is_judged),
      cmocka_unit_test(who_is_drained_may_leave),
      cmocka_unit_test(the_worse_of_two_is_told),
      cmocka_unit_test(waivers_fit_exactly),
      cmocka_unit_test(reasons_are_a_line),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
