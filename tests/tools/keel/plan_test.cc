// What people read every day, as text: a change told as a whole, and its odd cases.
#include "tools/keel/plan.h"

#include <boost/json/parse.hpp>
#include <string>

#include "tests/cmocka.h"
#include "tools/keel/words.h"

namespace evenkeel::keel {
namespace {

boost::json::value json(const char* text) { return boost::json::parse(text); }

void assert_text(const std::string& text, const char* expected) {
  if (text != expected) print_message("%s", text.c_str());
  assert_string_equal(text.c_str(), expected);
}

constexpr const char* kService = R"({"name":"shop","family":null,"fate":"changed",
  "open":{"before":true,"after":true},"buckets":{"before":65537,"after":65537},
  "moved":0.5,"moved_flows":0.42,"flows":200.0,
  "backends":[
    {"name":"web1","fate":"changed","share":{"before":0.5,"after":0.75},
     "flows":{"before":100.0,"after":150.0},"capacity":100,"moved":0,"trouble":""},
    {"name":"web2","fate":"same","share":{"before":0.25,"after":0.125},
     "flows":{"before":50,"after":25},"capacity":null,"moved":0.5,"trouble":"no next hop"},
    {"name":"web3","fate":"added","share":{"before":0,"after":0.125},
     "flows":{"before":0,"after":25},"capacity":null,"moved":0,"trouble":""},
    {"name":"web4","fate":"removed","share":{"before":0.25,"after":0},
     "flows":{"before":50,"after":0},"capacity":null,"moved":1,"trouble":""}],
  "check":[{"name":"type","before":"http","after":"http"},
           {"name":"interval","before":"2s","after":"5s"},
           {"name":"host","before":"","after":"shop.example"},
           {"name":"path","before":"/health","after":""}],
  "headroom":{"before":null,"after":{"without":"web2","fullest":"web1","load":1.25,
                                     "by_traffic":false}}})";

void test_a_service(void**) {
  assert_text(
      render_service_impact(json(kService), {}),
      "~ shop   200 new flows/s in the last minute\n"
      "     flows that move: 42.0 % of the last minute's, 50.0 % of the hash space\n"
      "     backend  before                    after                  flows/s     load   leave\n"
      "  ~  web1     50.0 %  ████████      →  75.0 %  ████████████  100 → 150  150.0 %\n"
      "     web2     25.0 %  ████          →  12.5 %  ██              50 → 25           50.0 %\n"
      "  +  web3        0 %                →  12.5 %  ██               0 → 25\n"
      "  -  web4     25.0 %  ████          →     0 %                   50 → 0            100 %\n"
      "     web2 takes no flows: no next hop\n"
      "\n"
      "     health check  before   after\n"
      "     type          http     http\n"
      "  ~  interval      2s       5s\n"
      "  +  host          –        shop.example\n"
      "  -  path          /health  –\n"
      "\n"
      "     headroom  if one backend fails\n"
      "     before    no capacity is declared\n"
      "     after     without web2, web1 is at 125.0 % (as if half of all capacity were used)\n");
}

constexpr const char* kImpact = R"({"summary":{"added":1,"changed":0,"removed":2,"unchanged":3},
  "services":[],
  "differences":[{"path":"services.shop.mss","before":"","after":"1400"},
                 {"path":"services.a","before":"vips ...","after":""},
                 {"path":"name","before":"lb1","after":"lb2"}],
  "hits":[{"rule":"single-node","severity":"refuse","where":"services.shop",
           "what":"web1 would get 75 %.","reason":"one backend gets too much",
           "outage":"single-node"},
          {"rule":"tunnel-mtu","severity":"warn","where":"","what":"1480 is left.","reason":"",
           "outage":""}],
  "refusals":["single-node"],"checklist":["Is web1 ready?"]})";

void test_a_change(void**) {
  const char* change = R"({"id":7,"owner":"ann","state":"planned","base":12,"deadline_s":null,
                           "why":"","waivers":[],"needs_approval":false})";
  assert_text(render_plan(json(kImpact), json(change), {}),
              "Change 7 by ann, from generation 12\n"
              "\n"
              "Services   + 1 added   ~ 0 changed   - 2 removed   3 unchanged\n"
              "Rules      ✗ 1 refuse it\n"
              "\n"
              "Settings\n"
              "  +  services.shop.mss  1400\n"
              "  -  services.a         vips ...\n"
              "  ~  name               lb1       →  lb2\n"
              "\n"
              "Rules\n"
              "  ✗ refuse  single-node  services.shop\n"
              "    web1 would get 75 %.\n"
              "    why: one backend gets too much (outage: single-node)\n"
              "    waive: --waive single-node --reason '...'\n"
              "  ! warn    tunnel-mtu\n"
              "    1480 is left.\n"
              "\n"
              "Before you commit\n"
              "  ☐   Is web1 ready?\n"
              "\n"
              "→ keel edit   to mend what is refused\n"
              "→ keel commit --why '...' --waive single-node --reason '...'   if it has to be, for "
              "this change "
              "only\n");
}

std::string next_of(const char* change, const char* impact) {
  const std::string text = render_plan(json(impact), json(change), {});
  return text.substr(text.rfind("\n\n") + 2);
}

void test_what_comes_next(void**) {
  constexpr const char* kFine = R"({"summary":{},"refusals":[]})";
  const struct {
    const char* change;
    const char* impact;
    const char* expected;
  } rows[] = {
      {R"({"id":7,"state":"planned","needs_approval":false})", kFine,
       "→ keel commit --confirm 5m --why '...'   makes it live, on probation for five minutes\n"},
      {R"({"id":7,"state":"planned","needs_approval":true})", kFine,
       "→ keel commit --confirm 5m --why '...'   asks for somebody else's approval\n"},
      {R"({"id":7,"state":"awaiting-approval"})", kImpact,
       "→ keel approve 7   by somebody else, makes it live\n"},
      {R"({"id":7,"state":"on-probation","deadline_s":271})", kImpact,
       "→ keel confirm 7   keeps it; it is live, and goes back by itself in 4:31\n"
       "→ keel rollback 7   takes it back now\n"},
      {R"({"id":7,"state":"planned","waivers":[{"rule":"single-node","reason":"x"}]})", kImpact,
       "→ keel commit --confirm 5m --why '...'   makes it live, on probation for five minutes\n"},
  };
  for (const auto& row : rows) assert_text(next_of(row.change, row.impact), row.expected);
  assert_text(next_step({.is_prompt = true}, "keel plan"), "→ plan\n");
}

// A service of many backends, of which `touched` get another share.
boost::json::value large(size_t backends, size_t touched) {
  boost::json::value service = json(R"({"name":"big","fate":"changed","backends":[]})");
  for (size_t i = 0; i < backends; ++i) {
    const double share = 1.0 / static_cast<double>(backends);
    const double after = i < touched ? share * 2 : share;
    boost::json::object backend;
    backend["name"] = "web" + std::to_string(i);
    backend["fate"] = "same";
    backend["share"] = {{"before", share}, {"after", after}};
    service.at("backends").as_array().push_back(std::move(backend));
  }
  return service;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

void test_of_many_backends_the_touched_are_told(void**) {
  const std::string few = render_service_impact(large(200, 2), {});
  assert_true(has(few, "web0 ") && has(few, "web1 ") && !has(few, "web2 "));
  assert_true(has(few, "198 others stay as they are"));
  const std::string many = render_service_impact(large(200, 150), {});
  assert_true(has(many, "110 more change less; keel plan --json has all of them"));
  assert_true(has(many, "50 others stay as they are"));
}

void test_it_fits_a_narrow_terminal(void**) {
  for (const size_t width : {size_t{80}, size_t{100}, size_t{120}}) {
    const std::string text = render_service_impact(json(kService), {.width = width});
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      if (text.substr(at, end - at).find("takes no flows") == std::string::npos) {
        assert_true(columns_of(text.substr(at, end - at)) <= width);
      }
      at = end + 1;
    }
  }
}

void test_closed_services_and_strange_answers(void**) {
  const std::string closes = render_service_impact(
      json(R"({"name":"a","fate":"changed","open":{"before":true,"after":false}})"), {});
  assert_true(has(closes, "CLOSES: nobody is left to take its flows"));
  assert_true(has(closes, "no health check, before or after"));
  const std::string added = render_service_impact(
      json(R"({"name":"a","fate":"added","open":{"before":false,"after":true}})"), {});
  assert_false(has(added, "opens"));
  for (const char* strange : {"null", "[]", "7", R"({"services":[1,null,{}]})",
                              R"({"services":[{"backends":[{"share":7}],"check":[{}]}]})",
                              R"({"hits":[null],"refusals":7,"checklist":[{}]})"}) {
    assert_false(render_plan(json(strange), json(strange), {}).empty());
  }
}

void test_nothing_reaches_the_terminal_raw(void**) {
  constexpr const char* kEvil = R"("\u001b]0;x\u0007\u009b31m\u202e")";
  std::string text = kImpact;
  for (const char* name : {"\"ann\"", "\"web1 would get 75 %.\"", "\"services.shop\"",
                           "\"Is web1 ready?\"", "\"lb2\"", "\"single-node\""}) {
    for (size_t at = 0; (at = text.find(name, at)) != std::string::npos;) {
      text.replace(at, std::string_view(name).size(), kEvil);
    }
  }
  const std::string change =
      std::string(R"({"id":7,"owner":)") + kEvil + R"(,"why":)" + kEvil + "}";
  const std::string shown = render_plan(json(text.c_str()), json(change.c_str()), {});
  assert_true(has(shown, "\\x1b]0;x\\x07\\u009b31m\\u202e"));
  for (const char* part : {"\x1b", "\x07", "\xc2\x9b", "\u202e"}) assert_false(has(shown, part));
}

void test_diffs(void**) {
  assert_text(render_diff("--- a\n+++ b\n@@ -1 +1 @@\n-x\x1b[2J\n+\ty\n z", {.colours = true}),
              "\x1b[1m--- a\x1b[0m\n\x1b[1m+++ b\x1b[0m\n\x1b[36m@@ -1 +1 @@\x1b[0m\n"
              "\x1b[31m-x\\x1b[2J\x1b[0m\n\x1b[32m+    y\x1b[0m\n z\n");
  assert_text(render_diff("", {}), "");
  assert_text(
      render_mistake(json(R"({"file":"a.conf","line":7,"path":"x.y","what":"is \u001b"})"), {}),
      "  ✗ a.conf:7: x.y: is \\x1b\n");
  assert_text(render_mistake(json(R"({"file":"","line":0,"path":"","what":"w"})"), {}), "  ✗ w\n");
}

}  // namespace
}  // namespace evenkeel::keel

int main() {
  using namespace evenkeel::keel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_a_service),
      cmocka_unit_test(test_a_change),
      cmocka_unit_test(test_what_comes_next),
      cmocka_unit_test(test_of_many_backends_the_touched_are_told),
      cmocka_unit_test(test_it_fits_a_narrow_terminal),
      cmocka_unit_test(test_closed_services_and_strange_answers),
      cmocka_unit_test(test_nothing_reaches_the_terminal_raw),
      cmocka_unit_test(test_diffs),
  };
  return cmocka_run_group_tests_name("tools/keel/plan", tests, nullptr, nullptr);
}
