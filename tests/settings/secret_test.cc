#include "firmware/settings/secret.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "tests/change/disk.h"
#include "tests/cmocka.h"
#include "tests/settings/files.h"

namespace evenkeel {
namespace {

std::string message_of(const std::string& path) {
  const Result<KeptSecret> secret = read_or_make_secret(path);
  return secret.ok() ? "" : secret.message();
}

void a_missing_one_is_made_and_stays(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("secret");
  const mode_t mask = umask(0);
  const auto made = read_or_make_secret(path);
  umask(mask);
  assert_true(made.ok());
  assert_int_equal(made.value().bytes.size(), 32);
  assert_string_equal(made.value().trouble.c_str(), "");
  struct stat status{};
  assert_int_equal(stat(path.c_str(), &status), 0);
  assert_int_equal(status.st_mode & 07777, 0600);
  assert_true(read_or_make_secret(path).value().bytes == made.value().bytes);
  assert_int_not_equal(access((path + ".new").c_str(), F_OK), 0);
  assert_true(read_or_make_secret(folder.path("other")).value().bytes != made.value().bytes);
}

// A crash while it was made: what is left of the draft is nobody's secret.
void a_draft_that_was_left_is_replaced(void** /*state*/) {
  const Folder folder;
  folder.write("secret.new", "half");
  const auto made = read_or_make_secret(folder.path("secret"));
  assert_true(made.ok());
  assert_int_equal(made.value().bytes.size(), 32);
  assert_string_equal(made.value().trouble.c_str(), "");
}

void lengths(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("secret");
  for (const size_t length : {0u, 15u, 16u, 64u, 65u, 100'000u}) {
    folder.write("secret", std::string(length, 'x'));
    chmod(path.c_str(), 0600);
    const auto secret = read_or_make_secret(path);
    assert_int_equal(secret.ok(), length >= 16 && length <= 64);
    if (secret.ok()) assert_int_equal(secret.value().bytes.size(), length);
  }
  folder.write("secret", "short");
  assert_string_equal(message_of(path).c_str(),
                      ("the secret file " + path +
                       " has 5 bytes, and 16 to 64 are right: restore it, or remove it for a new "
                       "one, which moves open flows")
                          .c_str());
}

void permissions(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("secret");
  folder.write("secret", std::string(32, 'x'));
  for (const mode_t mode : {0640u, 0604u, 0620u, 0602u, 0610u, 0601u, 0644u}) {
    chmod(path.c_str(), mode);
    assert_string_equal(message_of(path).c_str(),
                        ("the secret file " + path + " is open to others: chmod 600 " + path +
                         ", and make a new one if anybody may have read it")
                            .c_str());
  }
  for (const mode_t mode : {0600u, 0400u, 0700u}) {
    chmod(path.c_str(), mode);
    assert_string_equal(message_of(path).c_str(), "");
  }
}

void what_is_no_file_is_refused(void** /*state*/) {
  const Folder folder;
  const std::string target = folder.path("target");
  folder.write("target", std::string(32, 'x'));
  chmod(target.c_str(), 0600);
  const std::string link = folder.path("link");
  assert_int_equal(symlink(target.c_str(), link.c_str()), 0);
  assert_true(message_of(link).ends_with(" cannot be opened: Too many levels of symbolic links"));
  const std::string pipe = folder.path("pipe");
  assert_int_equal(mkfifo(pipe.c_str(), 0600), 0);
  assert_true(message_of(pipe).ends_with("is not a regular file: name another in secret_file"));
  const std::string inner = folder.path("folder");
  assert_int_equal(mkdir(inner.c_str(), 0700), 0);
  assert_true(message_of(inner).ends_with("is not a regular file: name another in secret_file"));
  const std::string nowhere = folder.path("no/secret");
  assert_true(message_of(nowhere).ends_with(
      " cannot be made; its folder must be there: No such file or directory"));
}

void a_stranger_s_is_refused(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("secret");
  folder.write("secret", std::string(32, 'x'));
  chmod(path.c_str(), 0600);
  if (geteuid() != 0) skip();  // only root can give a file away
  assert_int_equal(chown(path.c_str(), 12'345, 0), 0);
  assert_string_equal(
      message_of(path).c_str(),
      ("the secret file " + path + " belongs to user 12345: chown root " + path).c_str());
}

// The box starts all the same, and says what is the matter.
void a_disk_that_takes_nothing(void** /*state*/) {
  const Disk disk(2'048);
  const std::string path = disk.path("secret");
  disk.set_read_only(true);
  const Result<KeptSecret> made = read_or_make_secret(path);
  assert_int_equal(made.value().bytes.size(), 32);
  assert_true(made.value().trouble.find(path + " cannot be made: Read-only file system") !=
              std::string::npos);
  disk.set_read_only(false);
  const Result<KeptSecret> again = read_or_make_secret(path);
  assert_string_equal(again.value().trouble.c_str(), "");
  assert_true(again.value().bytes != made.value().bytes);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_mounts()) return kSkipped;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_missing_one_is_made_and_stays),
      cmocka_unit_test(a_draft_that_was_left_is_replaced),
      cmocka_unit_test(lengths),
      cmocka_unit_test(permissions),
      cmocka_unit_test(what_is_no_file_is_refused),
      cmocka_unit_test(a_stranger_s_is_refused),
      cmocka_unit_test(a_disk_that_takes_nothing),
  };
  return cmocka_run_group_tests_name("settings/secret", tests, nullptr, nullptr);
}
