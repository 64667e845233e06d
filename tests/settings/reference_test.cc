#include "firmware/settings/reference.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "firmware/settings/load.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

// In the repository.
std::string path_of(const std::string& name) {
  const char* const root = std::getenv("SOURCE_ROOT");
  assert_non_null(root);
  return std::string(root) + "/" + name;
}

void the_file_is_what_the_key_table_says(void** /*state*/) {
  const std::string path = path_of("config/README.md");
  if (std::getenv("REGENERATE") != nullptr) std::ofstream(path) << reference();
  std::ifstream file(path);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  if (content != reference()) {
    print_error("REGENERATE=1 meson test -C BUILD settings/reference\n");
  }
  assert_true(content == reference());
}

void the_example_loads(void** /*state*/) {
  const Loaded example = load_settings_file(path_of("config/two-ports.conf"));
  assert_string_equal(example.message().c_str(), "");
  assert_int_equal(example.settings.ports.size(), 2);
  assert_int_equal(example.settings.services.size(), 2);
  for (const ServiceSettings& service : example.settings.services) {
    assert_true(service.check.type != CheckType::none);
    for (const BackendSettings& backend : service.backends) assert_true(backend.capacity > 0);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_file_is_what_the_key_table_says),
      cmocka_unit_test(the_example_loads),
  };
  return cmocka_run_group_tests_name("settings/reference", tests, nullptr, nullptr);
}
