#include "firmware/manage/private_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "tests/cmocka.h"
#include "tests/settings/files.h"

namespace evenkeel {
namespace {

constexpr size_t kMost = 100;

Result<std::string> read(const std::string& path) {
  return read_private_file("token file", path, kMost);
}

void test_reads_all_of_it(void**) {
  const Folder folder;
  const std::string texts[] = {"", "a\n", std::string("a\0b\xff", 4), std::string(kMost, 'x')};
  for (const std::string& text : texts) {
    folder.write("file", text);
    for (const mode_t mode : {0600u, 0400u}) {
      CHECK(chmod(folder.path("file").c_str(), mode) == 0);
      const Result<std::string> found = read(folder.path("file"));
      assert_true(found.ok());
      assert_true(found.value() == text);
    }
    CHECK(chmod(folder.path("file").c_str(), 0600) == 0);
  }
}

// An error says which file, and nothing of what is in it.
void expect_refused(const std::string& path, const char* says) {
  const Result<std::string> found = read(path);
  assert_false(found.ok());
  const std::string message = found.message();
  assert_true(message.starts_with("the token file " + path));
  if (std::strstr(message.c_str(), says) == nullptr) print_message("%s\n", message.c_str());
  assert_non_null(std::strstr(message.c_str(), says));
  assert_null(std::strstr(message.c_str(), "secret"));
}

void test_refuses_what_others_may_touch(void**) {
  const Folder folder;
  folder.write("file", "secret");
  for (const mode_t mode : {0640u, 0620u, 0610u, 0604u, 0602u, 0601u, 0666u}) {
    CHECK(chmod(folder.path("file").c_str(), mode) == 0);
    expect_refused(folder.path("file"), "chmod 600");
  }
}

void test_refuses_what_is_somebody_elses(void**) {
  if (geteuid() != 0) skip();
  const Folder folder;
  folder.write("file", "secret");
  CHECK(chmod(folder.path("file").c_str(), 0600) == 0);
  CHECK(chown(folder.path("file").c_str(), 65'534, 65'534) == 0);
  expect_refused(folder.path("file"), "belongs to user 65534: chown root");
}

// None of them is waited for.
void test_refuses_what_is_no_file(void**) {
  const Folder folder;
  expect_refused(folder.path("none"), "cannot be opened: No such file");
  expect_refused(folder.path(""), "is not a regular file");
  CHECK(mkfifo(folder.path("pipe").c_str(), 0600) == 0);
  expect_refused(folder.path("pipe"), "is not a regular file");
  expect_refused("/dev/zero", "is not a regular file");
}

void test_refuses_what_is_too_long(void**) {
  const Folder folder;
  folder.write("file", std::string(kMost + 1, 'x'));
  CHECK(chmod(folder.path("file").c_str(), 0600) == 0);
  expect_refused(folder.path("file"), "more than 100 bytes");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_reads_all_of_it),
      cmocka_unit_test(test_refuses_what_others_may_touch),
      cmocka_unit_test(test_refuses_what_is_somebody_elses),
      cmocka_unit_test(test_refuses_what_is_no_file),
      cmocka_unit_test(test_refuses_what_is_too_long),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
