#include "firmware/manage/journal_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string>

#include "drivers/descriptor.h"
#include "tests/cmocka.h"
#include "tests/settings/files.h"

namespace evenkeel {
namespace {

// The journal's end.
Descriptor listening(const std::string& path) {
  Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::strncpy(name.sun_path, path.c_str(), sizeof name.sun_path - 1);
  CHECK(bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
  return socket;
}

void test_an_entry_is_a_datagram(void**) {
  const Folder folder;
  const JournalSocket journal(folder.path("journal"));
  assert_false(journal.send("nobody is there"));
  const Descriptor end = listening(folder.path("journal"));
  assert_true(journal.send(std::string("MESSAGE=\0a\n", 11)));
  char bytes[64];
  assert_int_equal(recv(end.get(), bytes, sizeof bytes, 0), 11);
  assert_memory_equal(bytes, "MESSAGE=\0a\n", 11);
}

// One that takes nothing costs no time: were send() to wait, this would not end.
void test_a_journal_that_hangs_is_not_waited_for(void**) {
  const Folder folder;
  const Descriptor end = listening(folder.path("journal"));
  const JournalSocket journal(folder.path("journal"));
  const std::string entry(1'000, 'x');
  size_t taken = 0;
  while (journal.send(entry)) assert_true(++taken < 1'000'000);
  assert_true(taken > 0);
  char bytes[2'000];
  assert_int_equal(recv(end.get(), bytes, sizeof bytes, 0), 1'000);
  assert_true(journal.send(entry));
}

void test_a_path_that_no_socket_can_have(void**) {
  assert_false(JournalSocket("/" + std::string(500, 'x')).send("x"));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_an_entry_is_a_datagram),
      cmocka_unit_test(test_a_journal_that_hangs_is_not_waited_for),
      cmocka_unit_test(test_a_path_that_no_socket_can_have),
  };
  return cmocka_run_group_tests_name("manage/journal_socket", tests, nullptr, nullptr);
}
