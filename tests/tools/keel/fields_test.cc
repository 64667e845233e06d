#include "tools/keel/fields.h"

#include <boost/json/parse.hpp>

#include "tests/cmocka.h"

namespace evenkeel::keel {
namespace {

boost::json::value example() {
  return boost::json::parse(
      R"({"name":"a\u001b[2J","you":{"role":"viewer"},"n":-5,"u":18446744073709551615,"d":1.5,
          "yes":true,"none":null,"list":["a",1,"\u009b"],"when":1772366405000000,"at":"noon",
          "huge":1e300})");
}

void test_what_is_there(void**) {
  const boost::json::value value = example();
  assert_string_equal(text_of(value, "name").c_str(), "a\\x1b[2J");
  assert_string_equal(raw_text_of(value, "name").c_str(), "a\x1b[2J");
  assert_string_equal(text_of(value, "you/role").c_str(), "viewer");
  assert_string_equal(text_of(value, "n").c_str(), "-5");
  assert_string_equal(text_of(value, "u").c_str(), "18446744073709551615");
  assert_string_equal(text_of(value, "d").c_str(), "1.5");
  assert_string_equal(text_of(value, "yes").c_str(), "yes");
  assert_true(flag_of(value, "yes"));
  assert_true(number_of(value, "d") == 1.5);
  assert_true(count_of(value, "u") == ~uint64_t{0});
  assert_int_equal(count_of(value, "d"), 1);
  assert_string_equal(time_of(value, "when").c_str(), "2026-03-01 12:00:05");
  assert_string_equal(time_of(value, "at").c_str(), "noon");
  assert_true(texts_of(value, "list") == (std::vector<std::string>{"a", "1", "\\u009b"}));
}

void test_what_is_not_there_or_another_kind(void**) {
  const boost::json::value value = example();
  for (const char* path : {"gone", "you/gone", "name/x", "none", "list/0", "/"}) {
    assert_false(has(value, path));
    assert_string_equal(text_of(value, path).c_str(), "");
    assert_false(number_of(value, path).has_value());
    assert_int_equal(count_of(value, path), 0);
    assert_false(flag_of(value, path));
    assert_true(list_of(value, path).empty());
    assert_string_equal(time_of(value, path).c_str(), "");
  }
  assert_int_equal(count_of(value, "n"), 0);
  assert_int_equal(count_of(value, "huge"), 0);
  assert_int_equal(count_of(value, "name"), 0);
  assert_false(flag_of(value, "n"));
  assert_true(list_of(value, "name").empty());
  assert_false(has(nullptr, "name"));
}

void test_json_for_a_terminal(void**) {
  const boost::json::value value = boost::json::parse(R"({"a":"\u001b[2J\u009b31m\u007f\u00e9"})");
  assert_string_equal(to_line(value).c_str(), "{\"a\":\"\\u001b[2J\\u009b31m\\u007fé\"}");
  assert_true(boost::json::parse(to_line(value)) == value);
  const struct {
    const char* description;
    std::string_view in;
    const char* expected;
  } rows[] = {
      {"nothing", "", ""},
      {"lines become one", "{\r\n\t\"a\": 1\n}\n", "{\"a\": 1}"},
      {"DEL", "\"\x7f\"", "\"\\u007f\""},
      {"the first C1 control", "\"\u0080\"", "\"\\u0080\""},
      {"the last C1 control", "\"\u009f\"", "\"\\u009f\""},
      {"beside it", "\"\u00a0\u00bf\u0100\"", "\"\u00a0\u00bf\u0100\""},
      {"half of one at the end", "\xc2", "\xc2"},
  };
  for (const auto& row : rows) {
    print_message("  %s\n", row.description);
    assert_string_equal(to_line(row.in).c_str(), row.expected);
  }
}

}  // namespace
}  // namespace evenkeel::keel

int main() {
  using namespace evenkeel::keel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_what_is_there),
      cmocka_unit_test(test_what_is_not_there_or_another_kind),
      cmocka_unit_test(test_json_for_a_terminal),
  };
  return cmocka_run_group_tests_name("tools/keel/fields", tests, nullptr, nullptr);
}
