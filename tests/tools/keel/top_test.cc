#include "tools/keel/top.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <string>

#include "tests/cmocka.h"

namespace evenkeel::keel {
namespace {

constexpr const char* kLook = R"({
  "status":{"name":"lb1","in_force":13,"uptime_s":3600,"troubles":["port wan is down"],
            "change":{"id":13,"state":"on-probation","deadline_s":59}},
  "services":{"services":[
    {"name":"shop","state":"open","usable":2,"backends":2,"new_flows_per_s":100,
     "packets_per_s":1000,"bytes_per_s":1e6},
    {"name":"dns","state":"closed","usable":0,"backends":1}]},
  "backends":{"backends":[
    {"service":"shop","name":"web1","state":"usable","share":0.5,"new_flows_per_s":25,
     "packets_per_s":250,"bytes_per_s":250000},
    {"service":"shop","name":"web2","state":"usable","share":0.5,"new_flows_per_s":75,
     "packets_per_s":750,"bytes_per_s":750000},
    {"service":"dns","name":"ns1","state":"down","share":0}]}})";

void test_all_of_it(void**) {
  const std::string text = render_top(boost::json::parse(kLook), 0, {});
  constexpr const char* kExpected =
      "lb1   generation 13   up 1h   change 13 on-probation, 0:59 left\n"
      "✗ port wan is down\n"
      "\n"
      "service          usable  flows/s  packets/s  bit/s\n"
      "shop     open    2 of 2      100      1.00k  8.00M\n"
      "dns      closed  0 of 1        0          0      0\n"
      "\n"
      "backend            flows/s  packets/s  bit/s   share                    planned\n"
      "shop/web2  usable       75        750  6.00M  75.0 %  ████████████       50.0 %\n"
      "shop/web1  usable       25        250  2.00M  25.0 %  ████               50.0 %\n"
      "dns/ns1    down          0          0      0     0 %                        0 %\n";
  if (text != kExpected) print_message("%s", text.c_str());
  assert_string_equal(text.c_str(), kExpected);
}

void test_never_more_than_the_screen(void**) {
  boost::json::value look = boost::json::parse(kLook);
  boost::json::array& backends = look.at("backends").at("backends").as_array();
  for (int i = 0; i < 100; ++i) backends.push_back(backends[0]);
  for (size_t rows = 1; rows < 40; ++rows) {
    const std::string text = render_top(look, rows, {});
    assert_true(static_cast<size_t>(std::ranges::count(text, '\n')) <= rows);
    assert_true(text.starts_with("lb1"));
  }
  assert_true(render_top(look, 20, {}).find("with fewer flows") != std::string::npos);
  assert_false(render_top(nullptr, 5, {}).empty());
}

}  // namespace
}  // namespace evenkeel::keel

int main() {
  using namespace evenkeel::keel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_all_of_it),
      cmocka_unit_test(test_never_more_than_the_screen),
  };
  return cmocka_run_group_tests_name("tools/keel/top", tests, nullptr, nullptr);
}
