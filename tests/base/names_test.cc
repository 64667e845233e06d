#include "firmware/base/names.h"

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

void test_parts_of_names(void**) {
  const struct {
    std::string_view name;
    std::string_view service;
    std::string_view backend;
  } rows[] = {
      {"shop/web1", "shop", "web1"}, {"shop/v6", "shop", "v6"}, {"shop", "shop", "shop"},
      {"shop/", "shop", ""},         {"/web1", "", "web1"},     {"", "", ""},
  };
  for (const auto& row : rows) {
    assert_true(service_part(row.name) == row.service);
    assert_true(backend_part(row.name) == row.backend);
  }
}

void test_names_in_a_plan(void**) {
  for (const bool is_v4 : {true, false}) {
    assert_string_equal(name_in_plan("shop", is_v4).c_str(), is_v4 ? "shop" : "shop/v6");
    assert_true(service_part(name_in_plan("shop", is_v4)) == "shop");
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {cmocka_unit_test(test_parts_of_names),
                              cmocka_unit_test(test_names_in_a_plan)};
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
