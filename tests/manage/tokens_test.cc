#include "firmware/manage/tokens.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "firmware/base/limits.h"
#include "tests/cmocka.h"
#include "tests/settings/files.h"

namespace evenkeel {
namespace {

const std::string kGood = "0123456789abcdef0123456789abcdef";

Result<std::vector<Token>> read(const Folder& folder, const std::string& text, mode_t mode = 0600) {
  folder.write("tokens", text);
  CHECK(chmod(folder.path("tokens").c_str(), mode) == 0);
  return read_tokens(folder.path("tokens"));
}

void test_knows_whose_a_token_is(void**) {
  const Folder folder;
  const auto tokens =
      read(folder, "# tokens\n\n  grafana viewer " + kGood + "\r\nprometheus\tviewer\tx" + kGood);
  assert_true(tokens.ok());
  assert_string_equal(owner_of(kGood, tokens.value()).c_str(), "grafana");
  assert_string_equal(owner_of("x" + kGood, tokens.value()).c_str(), "prometheus");
  for (const std::string& wrong : {std::string(), kGood.substr(1), kGood + "x", "X" + kGood}) {
    assert_string_equal(owner_of(wrong, tokens.value()).c_str(), "");
  }
}

void test_refuses_what_is_wrong(void**) {
  const Folder folder;
  struct Row {
    std::string text;
    mode_t mode;
    const char* says;
  };
  const Row rows[] = {
      {"a viewer\n", 0600, "line 1"},
      {"\na operator " + kGood, 0600, "line 2"},
      {"a viewer short", 0600, "line 1"},
      {"a viewer " + std::string(kMaxToken + 1, 'x'), 0600, "line 1"},
      {std::string(kMaxWho + 1, 'a') + " viewer " + kGood, 0600, "line 1"},
      {"a\x01 viewer " + kGood, 0600, "line 1"},
      {"a viewer " + kGood + " more", 0600, "line 1"},
      {std::string(kMaxTokenFile + 1, '#'), 0600, "more than"},
      {"a viewer " + kGood, 0640, "chmod 600"},
      {"a viewer " + kGood, 0604, "chmod 600"},
  };
  for (const Row& row : rows) {
    const auto tokens = read(folder, row.text, row.mode);
    assert_false(tokens.ok());
    assert_non_null(std::strstr(tokens.message().c_str(), row.says));
    assert_null(std::strstr(tokens.message().c_str(), kGood.c_str()));
  }
  assert_false(read_tokens(folder.path("none")).ok());
  assert_false(read_tokens(folder.path("")).ok());
}

void test_refuses_the_file_of_another_user(void**) {
  if (geteuid() != 0) skip();
  const Folder folder;
  folder.write("tokens", "");
  CHECK(chmod(folder.path("tokens").c_str(), 0600) == 0);
  CHECK(chown(folder.path("tokens").c_str(), 65'534, 65'534) == 0);
  const auto tokens = read_tokens(folder.path("tokens"));
  assert_false(tokens.ok());
  assert_non_null(std::strstr(tokens.message().c_str(), "65534"));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_knows_whose_a_token_is),
      cmocka_unit_test(test_refuses_what_is_wrong),
      cmocka_unit_test(test_refuses_the_file_of_another_user),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
