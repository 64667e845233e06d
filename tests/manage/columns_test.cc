// Rows as tables: which columns there may be, and what is written of them.
#include "firmware/manage/columns.h"

#include <boost/json/parse.hpp>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

std::string written(Columns columns, const char* row) {
  json::serializer serializer;
  std::string text;
  columns.write(json::parse(row).as_object(), serializer, text);
  return text;
}

void values_are_written_in_the_order_of_the_columns(void** /*state*/) {
  const Columns columns =
      Columns::parse("why,name,responses/asked,override/kind,share", "Backend").value();
  assert_string_equal(columns.names().c_str(),
                      R"(["why","name","responses/asked","override/kind","share"])");
  assert_string_equal(
      written(columns, R"({"name":"web1","why":"says \"no\"","share":0.5,"packets":7,
                           "responses":{"answered":1,"asked":2},"override":{"kind":"drain"}})")
          .c_str(),
      R"(["says \"no\"","web1",2,"drain",5E-1])");
  assert_string_equal(written(columns, R"({"override":null,"responses":{},"why":""})").c_str(),
                      R"(["",null,null,null,null])");
  const std::string long_text(1'000, 'x');
  assert_string_equal(written(Columns::parse("name", "Health").value(),
                              (R"({"name":")" + long_text + R"("})").c_str())
                          .c_str(),
                      (R"([")" + long_text + R"("])").c_str());
}

void what_is_no_field_is_told(void** /*state*/) {
  const struct {
    const char* text;
    const char* unknown;
  } rows[] = {
      {"", "''"},
      {"name,", "''"},
      {",name", "''"},
      {"name,colour", "'colour'"},
      {"name/first", "'name/first'"},
      {"responses/colour", "'responses/colour'"},
      {"responses/", "'responses/'"},
      {"/asked", "'/asked'"},
      {"responses/asked/twice", "'responses/asked/twice'"},
      {"name state", "'name state'"},
  };
  for (const auto& row : rows) {
    const Result<Columns> columns = Columns::parse(row.text, "Backend");
    assert_false(columns.ok());
    assert_string_equal(columns.message().c_str(),
                        (std::string(row.unknown) + " is no field of Backend").c_str());
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(values_are_written_in_the_order_of_the_columns),
      cmocka_unit_test(what_is_no_field_is_told),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
