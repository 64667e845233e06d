// What a check's probes share of TLS; connections are stream_probe_test's.
#include "firmware/health/tls_stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "drivers/descriptor.h"
#include "tests/cmocka.h"
#include "tests/health/asking.h"

namespace evenkeel {
namespace {

CheckSettings with_ca(const std::string& path) {
  CheckSettings check = check_of(CheckType::tls);
  check.ca = path;
  return check;
}

void a_file_that_cannot_be_used_is_named(void**) {
  const TestFolder folder;
  folder.write("garbage", "garbage");
  for (const char* name : {"none", "garbage"}) {
    const auto made = TlsContext::make(with_ca(folder / name));
    assert_false(made.ok());
    assert_true(
        made.message().starts_with("the certificates of " + (folder / name) + " cannot be used ("));
  }
  CheckSettings unverified = with_ca(folder / "none");
  unverified.verify = false;
  assert_true(TlsContext::make(unverified).ok());
  assert_true(TlsContext::make(with_ca("")).ok());
}

void another_file_is_noticed(void**) {
  const TestFolder folder;
  make_certificates(folder);
  const auto made = TlsContext::make(with_ca(folder / "ca.pem"));
  assert_true(made.ok());
  assert_false(made.value()->is_outdated());
  CHECK(shell("cd " + folder.path() + " && cp stranger.pem new && mv new ca.pem"));
  assert_true(made.value()->is_outdated());
}

// The other end is gone, and a write to it would raise a signal.
void nobody_is_killed_by_writing(void**) {
  std::array<int, 2> ends{};
  assert_int_equal(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  const Descriptor own(ends[0]);
  ::close(ends[1]);
  CheckSettings check = check_of(CheckType::tls);
  check.verify = false;
  const auto context = TlsContext::make(check);
  TlsStream stream(context.value(), own.get(), check, *parse_address("127.0.0.1"));
  std::signal(SIGPIPE, SIG_DFL);
  const TlsStream::Outcome outcome = stream.handshake();
  assert_true(outcome.kind == TlsStream::Outcome::Kind::failed);
  assert_string_equal(outcome.reason.c_str(), "connection reset");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_file_that_cannot_be_used_is_named),
      cmocka_unit_test(another_file_is_noticed),
      cmocka_unit_test(nobody_is_killed_by_writing),
  };
  return cmocka_run_group_tests_name("health/tls_stream", tests, nullptr, nullptr);
}
