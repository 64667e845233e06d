#include "tools/keel/show.h"

#include <boost/json/parse.hpp>
#include <span>
#include <string>

#include "tests/cmocka.h"

namespace evenkeel::keel {
namespace {

boost::json::value json(const std::string& text) { return boost::json::parse(text); }

void assert_text(const std::string& text, const char* expected) {
  if (text != expected) print_message("%s", text.c_str());
  assert_string_equal(text.c_str(), expected);
}

void test_changes(void**) {
  assert_text(render_change(nullptr, {}), "No change is pending.\n");
  assert_text(render_change(json(R"({"id":7,"owner":"ann","state":"on-probation","base":12,
                                    "deadline_s":271,"why":"web4 joins",
                                    "waivers":[{"rule":"mass-change","reason":"new rack"}]})"),
                            {}),
              "Change 7 by ann, from generation 12: on-probation, 4:31 left\n"
              "  why: web4 joins\n"
              "  waived: mass-change (new rack)\n");
  const boost::json::value wrapped = json(R"({"change":{"id":8}})");
  assert_true(&change_in(wrapped) == &wrapped.at("change"));
  const boost::json::value bare = json(R"({"id":8})");
  assert_true(&change_in(bare) == &bare);
}

void test_status(void**) {
  assert_text(render_status(json(R"({"name":"lb1","version":"0.1","uptime_s":90061,"confirmed":12,
                                    "in_force":12,"change":null,"overrides":0,"troubles":[],
                                    "you":{"user":"ann","role":"viewer"}})"),
                            {}),
              "lb1   keeld 0.1, up 1d 1h\n"
              "In force: generation 12, confirmed\n"
              "No change is pending.\n"
              "You are ann, viewer.\n"
              "✓ no troubles\n");
  assert_text(render_status(json(R"({"name":"lb1","version":"0.1","uptime_s":5,"confirmed":12,
                                    "in_force":13,"overrides":2,"troubles":["port wan is down"],
                                    "change":{"id":13,"owner":"bob","state":"on-probation",
                                              "base":12,"deadline_s":59}})"),
                            {}),
              "lb1   keeld 0.1, up 5s\n"
              "In force: generation 13; confirmed is 12\n"
              "Change 13 by bob, from generation 12: on-probation, 0:59 left\n"
              "→ keel confirm 13\n"
              "2 set aside at run time; keel overrides lists them\n"
              "✗ port wan is down\n");
}

void test_history_and_journal(void**) {
  assert_text(render_history(json(R"({"history":[
      {"generation":13,"who":"ann","why":"web4","when":"2026-03-01 12:00:05","waivers":[],
       "confirmed":false,
       "outcome":"2026-03-01T12:00:05Z a: on probation\n2026-03-01T12:09:00Z keeld: rolled back\n"},
      {"generation":12,"who":"bob","why":"","when":"2026-02-01 12:00:05","outcome":"",
       "waivers":[{"rule":"r","reason":"x"}],"confirmed":true}]})"),
                             {}),
              "   generation  when (UTC)           who  why            outcome\n"
              "           13  2026-03-01 12:00:05  ann  web4           keeld: rolled back\n"
              "*          12  2026-02-01 12:00:05  bob  waived: r (x)\n");
  // Whatever else the archive says is told as it is.
  for (const char* note : {"confirmed", "Z x", "12 x", "12Zx", ""}) {
    const std::string text =
        render_history(json(R"({"history":[{"outcome":"TIME)" + std::string(note) + "\"}]}"), {});
    assert_true(text.find("TIME" + std::string(note)) != std::string::npos);
  }
  assert_text(render_history(nullptr, {}), "There is no generation yet.\n");
  assert_text(render_journal(json(R"({"events":[
      {"when":"2026-03-01 12:00:06","kind":"change","who":"ann","what":"two"},
      {"when":"2026-03-01 12:00:05","kind":"port","who":"keeld","what":"one"}],
      "alarm":"the disk is full"})"),
                             {}),
              "when (UTC)           kind    who    what\n"
              "2026-03-01 12:00:05  port    keeld  one\n"
              "2026-03-01 12:00:06  change  ann    two\n"
              "the disk is full\n");
}

// The widest that people still have: nothing of what counts is lost there.
void test_eighty_columns_tell_all(void**) {
  constexpr Style kNarrow = {.width = 80};
  assert_text(render_history(
                  json(R"({"history":[
      {"generation":13,"who":"daemon","why":"web4 joins","when":"2026-03-01T12:00:05.123Z",
       "outcome":"2026-03-01T12:09:00Z keeld: rolled back by itself: shop: )"
                       R"(18 of 97 flows that followed the change failed, 0 of 403 others\n"}]})"),
                  kNarrow),
              "  generation  when (UTC)                who     why\n"
              "          13  2026-03-01T12:00:05.123Z  daemon  web4 joins\n"
              "    outcome: keeld: rolled back by itself: shop: 18 of 97 flows that followed\n"
              "    the change failed, 0 of 403 others\n");
  assert_text(
      render_view("backends",
                  R"({"rows":[["shop","web3","down","2001:db8:1:2:3:4:5:6",1,0,0,0,0,0,0,0,0,0,
                      "drain",271,"its check fails: connection refused, for 70 seconds"]]})",
                  kNarrow)
          .value(),
      "service  backend        address               weight  share  flows/s  packets/s\n"
      "shop     web3     down  2001:db8:1:2:3:4:5:6  1         0 %        0          0\n"
      "    bit/s 0, override drain, left 4:31\n"
      "    its check fails: connection refused, for 70 seconds\n");
  assert_text(render_view("alerts",
                          R"({"alerts":[{"id":"evenkeel_link_down{port=\"wan\"}","state":"firing",
                              "severity":"critical","what":"no link","over":null,
                              "since":"2026-11-21T16:34:39.250Z","advice":"Check cable."}]})",
                          kNarrow)
                  .value(),
              "        severity  alert                           since (UTC)\n"
              "firing  critical  evenkeel_link_down{port=\"wan\"}  2026-11-21T16:34:39.250Z\n"
              "    no link\n"
              "    what to do: Check cable.\n");
}

struct ListRow {
  const char* what;
  const char* answer;
  const char* expected;
};

void assert_lists(std::span<const ListRow> rows) {
  for (const ListRow& row : rows) {
    assert_text(render_view(row.what, row.answer, {}).value(), row.expected);
  }
}

void test_lists(void**) {
  const ListRow rows[] = {
      {"services",
       R"({"services":[{"name":"shop","state":"open","why":"","protocol":"tcp",
           "vips":["203.0.113.10/32","2001:db8::1/128"],"ports":"443","mode":"gue","backends":3,
           "usable":2,"packets_per_s":12345.6,"bytes_per_s":1e6,"new_flows_per_s":120.5}]})",
       "service        protocol  vips                              ports  mode  backends  usable  "
       "flows/s  packets/s  bit/s\n"
       "shop     open  tcp       203.0.113.10/32, 2001:db8::1/128  443    gue   3         2       "
       "    120      12.3k  8.00M\n"},
      {"backends",
       R"({"rows":[["shop","web1","drain","10.0.0.1",0,0.25,null,null,null,0,0,0,0,0,"drain",271,
                    "by ann"]]})",
       "service  backend         address   weight   share  override  left\n"
       "shop     web1     drain  10.0.0.1  0       25.0 %  drain     4:31  by ann\n"},
      {"backends",
       R"({"columns":[],"rows":[
           ["shop","web1",null,null,null,null,null,null,null,0,0,0,0],
           ["shop","web2",null,null,null,null,null,null,null,1234,4,7,0,null,null,null,null,1]]})",
       "service  backend  bad flows  lost  unanswered\n"
       "shop     web1\n"
       "shop     web2         1,234     4           7\n"},
      {"health",
       R"({"rows":[["shop","web1","up",4000,null,1,"-++++","HTTP 200",1,0.246,"",""],
                   ["shop","web2","unknown",null,80,0.1,"","",null,null,"not checked yet",""]]})",
       "service  backend             for  load %  weight  lately  last answer  ago     took  "
       "why\n"
       "shop     web1     up       1h 6m           100 %  -++++   HTTP 200      1s  0.25 ms\n"
       "shop     web2     unknown             80  10.0 %                                     "
       "not checked yet\n"},
      {"drops", R"({"drops":[{"reason":"too_big","packets":12345,"per_s":0},
                             {"reason":"denied","packets":0,"per_s":0}]})",
       "reason   packets  packets/s\ntoo_big   12,345          0\n"},
      {"neighbours", R"({"neighbours":[{"address":"10.0.0.1","port":"","mac":"","state":"down",
                                        "used_by":["a/b","a/c"]}]})",
       "address         next hop of\n10.0.0.1  down  a/b, a/c\n"},
      {"ports", R"({"ports":[{"name":"wan","link":"up","received":1000,"missed":0}]})",
       "port  link  received\nwan   up       1,000\n"},
      {"workers", R"({"workers":[{"worker":0,"core":1,"running":"no","busy":0.5}]})",
       "worker  core        busy\n0       1     no  50.0 %\n"},
      {"alerts", R"({"alerts":[{"id":"evenkeel_link_down{port=\"wan\"}","state":"firing",
                    "severity":"critical","what":"no link","since":"2026-11-21T16:34:39.250Z",
                    "over":null,"advice":"Check cable."}]})",
       "        severity  alert                           since (UTC)                        what "
       "to do\n"
       "firing  critical  evenkeel_link_down{port=\"wan\"}  2026-11-21T16:34:39.250Z  no link  "
       "Check cable.\n"},
      {"queries", R"({"queries":[{"service":"shop","name":"errors","query":"e","state":"outside",
                     "value":0.31,"at_most":0.02,"at_least":null,"judges":true,
                     "what":"is 0.31, where at_most is 0.02"}]})",
       "service  query            value  at most  judges                                  PromQL\n"
       "shop     errors  outside  0.31   0.02     yes     is 0.31, where at_most is 0.02  e\n"},
  };
  assert_lists(rows);
}

void test_lists_with_nothing_in_them(void**) {
  const ListRow rows[] = {
      {"drops", R"({"drops":[{"reason":"denied","packets":0}]})", "Nothing was dropped.\n"},
      {"alerts", R"({"alerts":[]})",
       "Nothing is wrong, and nothing has been since keeld was started.\n"},
      {"overrides", R"({"overrides":[]})", "Nothing is set at run time; the settings count.\n"},
      {"services", "7", "There are no services.\n"},
      {"services", R"([{"name":"shop"}])", "There are no services.\n"},
      {"services", R"({"other":[{"name":"shop"}]})", "There are no services.\n"},
      {"services", R"({"services":[7,null]})", "There are no services.\n"},
  };
  assert_lists(rows);
}

// As many as a box can have, and one that is wider than all others.
void test_the_longest_list(void**) {
  constexpr size_t kRows = 65'535;
  std::string answer = R"({"rows":[["shop","a\u001bb",null,null,12345])";
  for (size_t i = 1; i < kRows; ++i) answer += R"(,["shop","b",null,null,1])";
  std::string expected = "service  backend  weight\nshop     a\\x1bb   12345\n";
  for (size_t i = 1; i < kRows; ++i) expected += "shop     b        1\n";
  const Result<std::string> text = render_view("backends", answer + "]}", {});
  assert_true(text.value() == expected);
  assert_false(render_view("backends", answer, {}).ok());
}

void test_long_lists_are_asked_for_by_columns(void**) {
  assert_text(columns_of_view("health"),
              "service,name,state,for_s,load,part,marks,answer,answered_s,took_ms,why,note");
  assert_true(columns_of_view("backends").find("responses/unanswered,") != std::string::npos);
  assert_text(columns_of_view("ports"), "");
}

void test_every_list_has_a_view(void**) {
  for (const char* what : {"services", "backends", "health", "workers", "ports", "neighbours",
                           "drops", "queries", "alerts", "overrides"}) {
    const std::string list = columns_of_view(what).empty() ? what : "rows";
    const std::string answer = "{\"" + list +
                               R"(":[{"name":"\u001b[2J","address":"\u001b[2J",
                                  "reason":"\u001b[2J","packets":1,"worker":"\u001b[2J",
                                  "kind":"\u001b[2J","state":"\u001b[2J"}]})";
    const std::string text = render_view(what, answer, {}).value();
    assert_true(text.find("\\x1b[2J") != std::string::npos);
    assert_true(text.find('\x1b') == std::string::npos);
  }
}

}  // namespace
}  // namespace evenkeel::keel

int main() {
  using namespace evenkeel::keel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_changes),
      cmocka_unit_test(test_status),
      cmocka_unit_test(test_history_and_journal),
      cmocka_unit_test(test_eighty_columns_tell_all),
      cmocka_unit_test(test_lists),
      cmocka_unit_test(test_long_lists_are_asked_for_by_columns),
      cmocka_unit_test(test_lists_with_nothing_in_them),
      cmocka_unit_test(test_the_longest_list),
      cmocka_unit_test(test_every_list_has_a_view),
  };
  return cmocka_run_group_tests_name("tools/keel/show", tests, nullptr, nullptr);
}
