// Fields are found whatever order they come in.
#include "firmware/manage/row.h"

#include <boost/json/serialize.hpp>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

void the_next_row_has_the_same_fields(void** /*state*/) {
  Row row;
  for (const int number : {1, 2, 3}) {
    row.begin();
    row["a"] = number;
    row["b"] = 10 * number;
  }
  assert_string_equal(json::serialize(row.object()).c_str(), R"({"a":3,"b":30})");
  row.begin();
  row["b"] = 4;
  row["c"] = 5;
  row["a"] = 6;
  assert_string_equal(json::serialize(row.object()).c_str(), R"({"a":6,"b":4,"c":5})");
}

void a_field_that_has_moved_is_found(void** /*state*/) {
  const json::object first = {{"a", 1}, {"b", 2}};
  const json::object second = {{"b", 3}, {"a", 4}};
  const json::object third = {{"c", 5}};
  size_t place = 0;
  assert_int_equal(find_field(first, "b", place)->as_int64(), 2);
  assert_int_equal(find_field(second, "b", place)->as_int64(), 3);
  assert_null(find_field(third, "b", place));
  assert_null(find_field({}, "b", place));
  assert_int_equal(find_field(first, "b", place)->as_int64(), 2);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_next_row_has_the_same_fields),
      cmocka_unit_test(a_field_that_has_moved_is_found),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
