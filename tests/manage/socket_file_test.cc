#include "firmware/manage/socket_file.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <optional>

#include "tests/cmocka.h"
#include "tests/settings/files.h"

namespace evenkeel {
namespace {

bool is_there(const std::string& path) {
  struct stat status{};
  return lstat(path.c_str(), &status) == 0;
}

void test_anybody_may_connect(void**) {
  const Folder folder;
  const std::string path = folder.path("new/of/all/api.sock");
  {
    const Result<SocketFile> file = SocketFile::listen(path);
    assert_true(file.ok());
    struct stat status{};
    assert_int_equal(stat(path.c_str(), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0666);
  }
  assert_false(is_there(path));
}

// As one that was killed leaves it: a name that nobody listens on.
void test_replaces_what_nobody_listens_on(void**) {
  const Folder folder;
  const std::string path = folder.path("api.sock");
  {
    const Descriptor dead(socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, path.data(), path.size());
    CHECK(bind(dead.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
  }
  assert_true(is_there(path));
  assert_true(SocketFile::listen(path).ok());
}

void test_leaves_what_is_somebody_elses(void**) {
  const Folder folder;
  const std::string path = folder.path("api.sock");
  {
    const Result<SocketFile> first = SocketFile::listen(path);
    assert_true(first.ok());
    const Result<SocketFile> second = SocketFile::listen(path);
    assert_false(second.ok());
    assert_non_null(std::strstr(second.message().c_str(), path.c_str()));
    assert_true(is_there(path));
  }
  folder.write("file", "of somebody");
  assert_false(SocketFile::listen(folder.path("file")).ok());
  assert_true(is_there(folder.path("file")));
}

// Another socket that took the name meanwhile stays.
void test_removes_its_own_name_only(void**) {
  const Folder folder;
  const std::string path = folder.path("api.sock");
  std::optional<SocketFile> second;
  {
    const Result<SocketFile> first = SocketFile::listen(path);
    assert_true(first.ok());
    CHECK(unlink(path.c_str()) == 0);
    Result<SocketFile> other = SocketFile::listen(path);
    assert_true(other.ok());
    second.emplace(std::move(other.value()));
  }
  assert_true(is_there(path));
}

void test_refuses_names_that_cannot_be(void**) {
  const Folder folder;
  assert_false(SocketFile::listen("").ok());
  assert_false(SocketFile::listen(folder.path(std::string(200, 'x'))).ok());
  folder.write("file", "of somebody");
  assert_false(SocketFile::listen(folder.path("file/api.sock")).ok());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_anybody_may_connect),
      cmocka_unit_test(test_replaces_what_nobody_listens_on),
      cmocka_unit_test(test_leaves_what_is_somebody_elses),
      cmocka_unit_test(test_removes_its_own_name_only),
      cmocka_unit_test(test_refuses_names_that_cannot_be),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
