#include "tools/keel/rows.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <string>
#include <vector>

#include "tests/cmocka.h"

namespace evenkeel::keel {
namespace {

// All rows, as text; and whether the answer was JSON.
std::string rows_in(const std::string& text, std::string_view name, bool& ret_is_json) {
  std::string rows;
  const Status status = read_rows(text, name, [&rows](const boost::json::value& row) {
    rows += boost::json::serialize(row) + ";";
  });
  ret_is_json = status.ok();
  return rows;
}

void test_which_rows_are_read(void**) {
  const struct {
    const char* description;
    const char* text;
    const char* rows;
  } cases[] = {
      {"of every kind", R"({"list":[{"a":[1,{"b":null}]},[],"x",-1,18446744073709551615,1.5,true,
                           null,{}]})",
       R"({"a":[1,{"b":null}]};[];"x";-1;18446744073709551615;1.5E0;true;null;{};)"},
      {"escapes in keys and strings", R"({"l\u0069st":[{"\n\u00e9":"a\tb\u001b"}]})",
       R"({"\né":"a\tb\u001b"};)"},
      {"other fields before and after", R"({"a":{"list":[1]},"b":[2],"list":[3],"c":[4],"d":"x"})",
       "3;"},
      {"lists in the list", R"({"list":[[{"list":[1]}]]})", R"([{"list":[1]}];)"},
      {"an empty list", R"({"list":[]})", ""},
      {"no list", R"({"list":{"list":[1]}})", ""},
      {"no object", R"([[1],{"list":[1]}])", ""},
      {"no container", "7", ""},
      {"a name that begins alike", R"({"lis":[1],"listx":[2]})", ""},
      {"blanks and line feeds", " {\r\n \"list\" : [\t1 , 2 ] } \n", "1;2;"},
  };
  for (const auto& one : cases) {
    print_message("  %s\n", one.description);
    bool is_json = false;
    assert_string_equal(rows_in(one.text, "list", is_json).c_str(), one.rows);
    assert_true(is_json);
  }
}

void test_a_row_that_is_larger_than_its_first_storage(void**) {
  const std::string large(100'000, 'x');
  const std::string row = R"({"a":")" + large + R"("})";
  bool is_json = false;
  assert_true(rows_in(R"({"list":[)" + row + "," + row + ",1]}", "list", is_json) ==
              row + ";" + row + ";1;");
  assert_true(is_json);
}

void test_what_is_no_json(void**) {
  const std::string deep = R"({"list":)" + std::string(1'000, '[') + std::string(1'000, ']') + "}";
  const std::string texts[] = {"",
                               R"({"list":[1)",
                               R"({"list":[1]})"
                               "x",
                               "{\"list\":[\"\x1b\"]}",
                               "{\"list\":[\"\xff\"]}",
                               "{list:[1]}",
                               deep};
  for (const std::string& text : texts) {
    bool is_json = true;
    rows_in(text, "list", is_json);
    assert_false(is_json);
    assert_false(line_of(text).ok());
  }
}

void test_a_line(void**) {
  assert_string_equal(line_of("{\"a\":\n\"\x7f\u009b\u00e9\\u001b\"}\n").value().c_str(),
                      R"({"a":"\u007f\u009bé\u001b"})");
}

}  // namespace
}  // namespace evenkeel::keel

int main() {
  using namespace evenkeel::keel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_which_rows_are_read),
      cmocka_unit_test(test_a_row_that_is_larger_than_its_first_storage),
      cmocka_unit_test(test_what_is_no_json),
      cmocka_unit_test(test_a_line),
  };
  return cmocka_run_group_tests_name("tools/keel/rows", tests, nullptr, nullptr);
}
