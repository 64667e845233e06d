#include "firmware/manage/exposition.h"

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

void test_writes_families(void**) {
  Exposition page;
  page.gauge("box_size", "How large it is", uint64_t{3});
  page.counter("box_seen_total", "What was seen");
  page.sample({{"what", "a \"b\"\\c\nd"}, {"who", ""}}, uint64_t{18'446'744'073'709'551'615u});
  page.sample({}, 0.5);
  page.sample_of(Exposition::written({{"x", "1"}}), uint64_t{7});
  page.sample_of(Exposition::written({{"x", "2"}}), 0.25);
  assert_string_equal(page.text().c_str(),
                      "# HELP box_size How large it is\n"
                      "# TYPE box_size gauge\n"
                      "box_size 3\n"
                      "# HELP box_seen_total What was seen\n"
                      "# TYPE box_seen_total counter\n"
                      "box_seen_total{what=\"a \\\"b\\\"\\\\c\\nd\",who=\"\"} "
                      "18446744073709551615\n"
                      "box_seen_total 0.5\n"
                      "box_seen_total{x=\"1\"} 7\n"
                      "box_seen_total{x=\"2\"} 0.25\n");
}

void test_histograms_are_cumulative(void**) {
  constexpr HistogramBucket kBuckets[] = {{.bound = 6.4e-05, .count = 1},
                                          {.bound = 0.001024, .count = 0},
                                          {.bound = 1.048576, .count = 5}};
  Exposition page;
  page.histogram("wait_seconds", "Waiting");
  page.sample({{"service", "shop"}}, kBuckets, 2, 9.25);
  page.sample({}, {}, 0, 0.0);
  assert_string_equal(page.text().c_str(),
                      "# HELP wait_seconds Waiting\n"
                      "# TYPE wait_seconds histogram\n"
                      "wait_seconds_bucket{service=\"shop\",le=\"6.4e-05\"} 1\n"
                      "wait_seconds_bucket{service=\"shop\",le=\"0.001024\"} 1\n"
                      "wait_seconds_bucket{service=\"shop\",le=\"1.048576\"} 6\n"
                      "wait_seconds_bucket{service=\"shop\",le=\"+Inf\"} 8\n"
                      "wait_seconds_sum{service=\"shop\"} 9.25\n"
                      "wait_seconds_count{service=\"shop\"} 8\n"
                      "wait_seconds_bucket{le=\"+Inf\"} 0\n"
                      "wait_seconds_sum 0\n"
                      "wait_seconds_count 0\n");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_writes_families),
      cmocka_unit_test(test_histograms_are_cumulative),
  };
  return cmocka_run_group_tests_name("manage/exposition", tests, nullptr, nullptr);
}
