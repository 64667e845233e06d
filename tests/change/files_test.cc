#include "firmware/change/files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "tests/change/disk.h"
#include "tests/cmocka.h"
#include "tests/settings/files.h"

namespace evenkeel {
namespace {

std::string content_of(const std::string& path) {
  return read_file(path, 1 << 20).value().value_or("none");
}

void what_is_replaced_is_read(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("file");
  assert_false(read_file(path, 10).value().has_value());
  for (const std::string& content :
       {std::string("first"), std::string(), std::string("\0\n", 2), std::string(1 << 20, 'x')}) {
    assert_true(replace_file(path, content).ok());
    assert_true(content_of(path) == content);
    assert_int_not_equal(access((path + ".new").c_str(), F_OK), 0);
  }
  assert_true(replace_file(path, "elsewhere", folder.path("draft")).ok());
  assert_string_equal(content_of(path).c_str(), "elsewhere");
}

void sizes(void** /*state*/) {
  const Folder folder;
  folder.write("file", "12345");
  assert_true(read_file(folder.path("file"), 5).ok());
  const auto read = read_file(folder.path("file"), 4);
  assert_false(read.ok());
  assert_non_null(strstr(read.message().c_str(), "more than 4 bytes"));
}

void what_is_no_file_is_refused(void** /*state*/) {
  const Folder folder;
  assert_int_equal(mkfifo(folder.path("pipe").c_str(), 0600), 0);
  for (const char* name : {"", "pipe"}) {
    const auto read = read_file(folder.path(name), 10);
    assert_false(read.ok());
    assert_non_null(strstr(read.message().c_str(), "not a regular file"));
  }
  folder.write("file", "");
  assert_false(read_file(folder.path("file/below"), 10).ok());
  assert_false(replace_file(folder.path("none/file"), "x").ok());
  assert_false(sync_folder(folder.path("none")).ok());
  assert_true(sync_folder(folder.path("")).ok());
}

// A draft that a crash left, or that somebody made a trap of.
void drafts_of_others(void** /*state*/) {
  const Folder folder;
  folder.write("victim", "whole");
  assert_int_equal(symlink(folder.path("victim").c_str(), folder.path("file.new").c_str()), 0);
  assert_true(replace_file(folder.path("file"), "x").ok());
  assert_string_equal(content_of(folder.path("victim")).c_str(), "whole");
  assert_string_equal(content_of(folder.path("file")).c_str(), "x");
}

void what_cannot_be_replaced_stays(void** /*state*/) {
  const Disk disk(64);
  const std::string path = disk.path("file");
  assert_true(replace_file(path, "before").ok());
  disk.fill();
  const Status full = replace_file(path, std::string(8'192, 'x'));
  assert_false(full.ok());
  assert_non_null(strstr(full.message().c_str(), "No space left"));
  assert_string_equal(content_of(path).c_str(), "before");
  assert_int_not_equal(access((path + ".new").c_str(), F_OK), 0);
  disk.make_room();
  disk.set_read_only(true);
  assert_false(replace_file(path, "x").ok());
  assert_string_equal(content_of(path).c_str(), "before");
  disk.set_read_only(false);
  std::filesystem::create_directory(disk.path("folder"));
  assert_false(replace_file(disk.path("folder"), "x").ok());
  assert_int_not_equal(access((disk.path("folder.new")).c_str(), F_OK), 0);
}

void names(void** /*state*/) {
  assert_string_equal(folder_of("/a/b/c").c_str(), "/a/b/");
  assert_string_equal(folder_of("/a").c_str(), "/");
  assert_string_equal(folder_of("a").c_str(), ".");
  const Folder folder;
  const std::string path = folder.path("file");
  assert_string_equal(name_to_keep(path).value().c_str(), (path + ".damaged-1").c_str());
  folder.write("file.damaged-1", "");
  // A link to nothing is in the way, too.
  assert_int_equal(symlink("nowhere", (path + ".damaged-2").c_str()), 0);
  assert_string_equal(name_to_keep(path).value().c_str(), (path + ".damaged-3").c_str());
  for (int number = 3; number <= 1'000; ++number) {
    folder.write("file.damaged-" + std::to_string(number), "");
  }
  assert_false(name_to_keep(path).has_value());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_mounts()) return kSkipped;
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_is_replaced_is_read),      cmocka_unit_test(sizes),
      cmocka_unit_test(what_is_no_file_is_refused),    cmocka_unit_test(drafts_of_others),
      cmocka_unit_test(what_cannot_be_replaced_stays), cmocka_unit_test(names),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
