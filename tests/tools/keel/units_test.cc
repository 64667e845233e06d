#include "tools/keel/units.h"

#include "tests/cmocka.h"

namespace evenkeel::keel {
namespace {

void test_times(void**) {
  const struct {
    const char* text;
    uint64_t seconds;  // 0: refused
  } rows[] = {{"1s", 1},
              {"90s", 90},
              {"5m", 300},
              {"5min", 300},
              {"1h30m", 5'400},
              {"2d", 172'800},
              {"30d", 2'592'000},
              {"30d1s", 0},
              {"", 0},
              {"5", 0},
              {"m", 0},
              {"5x", 0},
              {"-5m", 0},
              {"0s", 0},
              {"5 m", 0},
              {"1.5h", 0},
              {"99999999999999999999s", 0},
              {"18446744073709551615s", 0},
              {"500ms", 0},
              {"5m3", 0}};
  for (const auto& row : rows) {
    const Result<uint64_t> seconds = parse_seconds(row.text);
    assert_int_equal(seconds.ok(), row.seconds != 0);
    if (seconds.ok()) assert_int_equal(seconds.value(), row.seconds);
  }
  assert_string_equal(parse_seconds("x").message().c_str(),
                      "'x' is no time; write it like 90s, 5m, 1h30m or 2d, from 1s to 30d");
}

void test_times_told(void**) {
  const struct {
    uint64_t seconds;
    const char* countdown;
    const char* how_long;
  } rows[] = {{0, "0:00", "0s"},           {59, "0:59", "59s"},          {60, "1:00", "1m"},
              {271, "4:31", "4m 31s"},     {3'599, "59:59", "59m 59s"},  {3'600, "1:00:00", "1h"},
              {7'505, "2:05:05", "2h 5m"}, {90'061, "25:01:01", "1d 1h"}};
  for (const auto& row : rows) {
    assert_string_equal(countdown(row.seconds).c_str(), row.countdown);
    assert_string_equal(how_long(row.seconds).c_str(), row.how_long);
  }
  assert_string_equal(utc(0).c_str(), "1970-01-01 00:00:00");
  assert_string_equal(utc(1'772'366'405).c_str(), "2026-03-01 12:00:05");
  assert_string_equal(utc(~uint64_t{0}).c_str(), "9999-12-31 23:59:59");
}

void test_numbers(void**) {
  const struct {
    uint64_t number;
    const char* grouped;
    const char* shortened;
  } rows[] = {{0, "0", "0"},
              {7, "7", "7"},
              {999, "999", "999"},
              {1'000, "1,000", "1.00k"},
              {12'345, "12,345", "12.3k"},
              {999'499, "999,499", "999k"},
              {999'500, "999,500", "1.00M"},
              {123'456'789, "123,456,789", "123M"},
              {~uint64_t{0}, "18,446,744,073,709,551,615", "18447P"}};
  for (const auto& row : rows) {
    assert_string_equal(grouped(row.number).c_str(), row.grouped);
    assert_string_equal(shortened(static_cast<double>(row.number)).c_str(), row.shortened);
  }
  assert_string_equal(shortened(0.5).c_str(), "0.5");
  assert_string_equal(shortened(120.5).c_str(), "120");
}

void test_percentages(void**) {
  const struct {
    double in;
    const char* expected;
  } rows[] = {{0, "0 %"},       {0.001, "<0.01 %"}, {0.04, "0.04 %"},  {0.994, "0.99 %"},
              {0.996, "1.0 %"}, {3.2, "3.2 %"},     {33.33, "33.3 %"}, {99.94, "99.9 %"},
              {100, "100 %"},   {120.5, "120.5 %"}, {-5, "-5.0 %"}};
  for (const auto& row : rows) assert_string_equal(percent(row.in).c_str(), row.expected);
}

void test_numbers_of_things(void**) {
  assert_int_equal(parse_id("7").value_or(0), 7);
  for (const char* wrong : {"", "0", "-1", "7x", " 7", "7.0", "18446744073709551616"}) {
    assert_false(parse_id(wrong).has_value());
  }
}

}  // namespace
}  // namespace evenkeel::keel

int main() {
  using namespace evenkeel::keel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_times),
      cmocka_unit_test(test_times_told),
      cmocka_unit_test(test_numbers),
      cmocka_unit_test(test_percentages),
      cmocka_unit_test(test_numbers_of_things),
  };
  return cmocka_run_group_tests_name("tools/keel/units", tests, nullptr, nullptr);
}
