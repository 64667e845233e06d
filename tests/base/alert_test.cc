#include "firmware/base/alert.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

bool is_metric_name(std::string_view name) {
  return name.starts_with("evenkeel_") &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

void test_every_kind_says_what_it_is_and_what_to_do(void**) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kAlertKinds; ++i) {
    const AlertInfo& info = info_of(static_cast<AlertKind>(i));
    assert_true(is_metric_name(info.name));
    assert_true(names.insert(info.name).second);
    assert_true(info.summary.ends_with('.'));
    assert_true(info.advice.ends_with('.'));
  }
}

// Whoever silences or routes by them counts on it.
void test_names_stand_by_their_kinds(void**) {
  assert_string_equal(info_of(AlertKind::backend_down).name.data(), "evenkeel_backend_down");
  assert_string_equal(info_of(AlertKind::mass_failure).name.data(), "evenkeel_mass_failure");
  assert_string_equal(info_of(AlertKind::change_rolled_back).name.data(),
                      "evenkeel_change_rolled_back");
  assert_string_equal(info_of(AlertKind::link_down).name.data(), "evenkeel_link_down");
  assert_string_equal(info_of(AlertKind::archive_damaged).name.data(), "evenkeel_archive_damaged");
  assert_string_equal(info_of(AlertKind::trouble).name.data(), "evenkeel_trouble");
  assert_string_equal(name_of(AlertSeverity::critical).data(), "critical");
  assert_string_equal(name_of(AlertSeverity::warning).data(), "warning");
}

// In the operator's handbook.
void test_every_kind_is_in_the_handbook(void**) {
  const char* const root = std::getenv("SOURCE_ROOT");
  std::ifstream file(std::string(root != nullptr ? root : ".") + "/tools/README.md");
  const std::string handbook{std::istreambuf_iterator<char>(file), {}};
  for (size_t i = 0; i < kAlertKinds; ++i) {
    const AlertInfo& info = info_of(static_cast<AlertKind>(i));
    std::string row = "| `" + std::string(info.name) + "` | " + std::string(name_of(info.severity));
    row += " | " + std::string(info.summary) + " " + std::string(info.advice) + " |\n";
    if (handbook.find(row) == std::string::npos) print_error("%s", row.c_str());
    assert_true(handbook.find(row) != std::string::npos);
  }
}

void test_an_id_is_name_and_labels(void**) {
  const Alert down = {.kind = AlertKind::backend_down,
                      .labels = {{"backend", "web1"}, {"service", "shop"}},
                      .text = "cannot be reached"};
  assert_string_equal(id_of(down).c_str(),
                      R"(evenkeel_backend_down{backend="web1",service="shop"})");
  assert_string_equal(id_of({}).c_str(), "evenkeel_trouble{}");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_every_kind_says_what_it_is_and_what_to_do),
      cmocka_unit_test(test_names_stand_by_their_kinds),
      cmocka_unit_test(test_every_kind_is_in_the_handbook),
      cmocka_unit_test(test_an_id_is_name_and_labels),
  };
  return cmocka_run_group_tests_name("base/alert", tests, nullptr, nullptr);
}
