#include "firmware/manage/values.h"

#include <boost/json/serialize.hpp>
#include <limits>
#include <string>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

constexpr Microseconds kSecond = kMicrosecondsPerTick;

void test_writes_utc(void**) {
  struct Row {
    WallTime time;
    const char* text;
  };
  for (const Row& row : {Row{0, "1970-01-01T00:00:00.000Z"}, Row{999, "1970-01-01T00:00:00.000Z"},
                         Row{86'399'999'999, "1970-01-01T23:59:59.999Z"},
                         Row{951'782'400'000'000, "2000-02-29T00:00:00.000Z"},
                         Row{951'868'800'000'000, "2000-03-01T00:00:00.000Z"},
                         Row{1'735'689'599'999'999, "2024-12-31T23:59:59.999Z"},
                         Row{1'735'689'600'000'000, "2025-01-01T00:00:00.000Z"},
                         Row{4'107'542'400'000'000, "2100-03-01T00:00:00.000Z"},
                         Row{253'402'300'799'000'000, "9999-12-31T23:59:59.000Z"}}) {
    assert_string_equal(utc_text(row.time).c_str(), row.text);
  }
  assert_true(utc_text(std::numeric_limits<WallTime>::max()).ends_with("Z"));
}

void test_counts_seconds_left(void**) {
  assert_int_equal(seconds_left(0, 0), 0);
  assert_int_equal(seconds_left(5, 6), 0);
  assert_int_equal(seconds_left(6, 5), 1);
  assert_int_equal(seconds_left(kSecond, 0), 1);
  assert_int_equal(seconds_left(kSecond + 1, 0), 2);
  assert_int_equal(seconds_left(100 * kSecond, 99 * kSecond), 1);
}

void test_shows_a_change(void**) {
  Change change = {.id = 7, .owner = {.user = "anna"}, .base = 6, .text = ""};
  json::object shown = to_json(change, 5 * kSecond);
  assert_true(shown["deadline_s"].is_null());
  assert_true(shown["generation"].is_null());
  assert_true(shown["state"] == "candidate");
  change.state = ChangeState::on_probation;
  change.generation = 7;
  change.deadline = 8 * kSecond;
  change.waivers = {{.rule = "max-share", .reason = "a \"test\""}};
  shown = to_json(change, 5 * kSecond);
  assert_true(shown["deadline_s"] == 3);
  assert_true(shown["generation"] == 7);
  assert_true(shown["state"] == "on-probation");
  assert_string_equal(json::serialize(shown["waivers"]).c_str(),
                      R"([{"rule":"max-share","reason":"a \"test\""}])");
  // A deadline that has passed is not a large number.
  assert_true(to_json(change, 9 * kSecond)["deadline_s"] == 0);
}

void test_shows_an_override(void**) {
  Override one = {.id = 3, .made = 0, .ends = 60'000'000, .ends_at = 10 * kSecond};
  one.request = {.backend = "shop/web1",
                 .kind = OverrideKind::drain,
                 .weight = 9,
                 .lasts = 60 * kSecond,
                 .reason = "disk",
                 .who = "anna"};
  json::object shown = to_json(one, 4 * kSecond);
  assert_true(shown["kind"] == "drain");
  assert_true(shown["weight"].is_null());
  assert_true(shown["left_s"] == 6);
  assert_true(shown["ends"] == "1970-01-01T00:01:00.000Z");
  one.request.kind = OverrideKind::weight;
  assert_true(to_json(one, 0)["weight"] == 9);
  one.request.weight = 0;
  assert_true(to_json(one, 0)["weight"] == 0);
}

void test_shows_what_is_stored(void**) {
  Generation generation;
  generation.number = 4;
  assert_true(to_json(generation, 4)["confirmed"] == true);
  assert_true(to_json(generation, 5)["confirmed"] == false);
  const Event event = {.kind = "port", .what = "is up"};
  assert_true(to_json(event)["generation"].is_null());
  const json::object checked = to_json(Checked{});
  assert_true(checked.at("ok") == true && checked.at("mistakes").as_array().empty());
  Checked wrong;
  wrong.mistakes = {{.file = "candidate", .line = 3, .path = "name", .what = "is empty"}};
  wrong.needs_restart = {"huge_pages"};
  const json::object found = to_json(wrong);
  assert_true(found.at("ok") == false);
  assert_true(found.at("mistakes").at(0).at("line") == 3);
  assert_true(found.at("needs_restart").at(0) == "huge_pages");
}

// What is not there is left out, so that a program can ask for it.
void test_shows_refusals(void**) {
  Refusal refusal = {.code = Code::stale_base, .message = "old", .advice = "again"};
  assert_string_equal(json::serialize(error_of(refusal)).c_str(),
                      R"({"error":{"code":"stale-base","message":"old","advice":"again"}})");
  refusal.diff = "-a\n+b\n";
  refusal.mistakes = {{.file = "f", .line = 1, .path = "p", .what = "w"}};
  const json::object shown = error_of(refusal);
  assert_true(shown.at("error").at("diff") == "-a\n+b\n");
  assert_true(shown.at("error").at("mistakes").at(0).at("path") == "p");
  assert_null(shown.at("error").as_object().if_contains("hits"));
}

void test_every_code_has_a_status(void**) {
  for (size_t number = 0; number < kCodes; ++number) {
    const unsigned status = status_of(static_cast<Code>(number));
    assert_true(status >= 400 && status != 500 && status < 600);
  }
  assert_int_equal(status_of(Code::role), 403);
  assert_int_equal(status_of(Code::no_change), 404);
  assert_int_equal(status_of(Code::stale_base), 409);
  assert_int_equal(status_of(Code::needs_waiver), 422);
  assert_int_equal(status_of(Code::storage), 507);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_writes_utc),
      cmocka_unit_test(test_counts_seconds_left),
      cmocka_unit_test(test_shows_a_change),
      cmocka_unit_test(test_shows_an_override),
      cmocka_unit_test(test_shows_what_is_stored),
      cmocka_unit_test(test_shows_refusals),
      cmocka_unit_test(test_every_code_has_a_status),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
