#include "firmware/manage/credentials.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <string>
#include <utility>

#include "tests/change/hanging_disk.h"
#include "tests/cmocka.h"
#include "tests/health/servers.h"
#include "tests/manage/secret_file.h"

// Whoever looks at an open file waits for the disk as well.
extern "C" int fstat(int file, struct stat* status) noexcept {
  evenkeel::the_disk().pass();
  return fstatat(file, "", status, AT_EMPTY_PATH);
}

namespace evenkeel {
namespace {

namespace asio = boost::asio;

struct Room {
  asio::io_context context;
  Folder folder;
  Credentials credentials;
  Microseconds now = 1'000'000'000;
  std::chrono::milliseconds patience{5'000};

  CredentialSettings entry(const std::string& url, const std::string& file) const {
    return {.name = file, .url = url, .authorization_file = folder.path(file), .ca_file = {}};
  }
  // What a request to this URL brings along; or why it cannot.
  std::string of(const std::string& url) {
    std::optional<std::string> said;
    const auto ask = [&]() -> asio::awaitable<void> {
      const Result<Credential> found = co_await credentials.of(*parse_url(url), patience);
      said = found.ok() ? found.value().authorization : found.message();
    };
    asio::co_spawn(context, ask(), asio::detached);
    CHECK(comes_true(context, [&said] { return said.has_value(); }));
    return *said;
  }
  // While time goes on in steps that are short enough for a file to be read in a few.
  bool comes_to(const std::string& url, const std::string& expected) {
    return comes_true(context, [&] {
      now += Credentials::kInterval / 8;
      credentials.tick(now);
      return of(url) == expected;
    });
  }
};

void test_each_request_has_its_own(void**) {
  Room room;
  write_secret(room.folder, "all", "Bearer all\n");
  write_secret(room.folder, "some", "Bearer some\n");
  room.credentials.follow({room.entry("https://a", "all"), room.entry("https://a/some", "some")});
  room.credentials.tick(room.now);
  assert_string_equal(room.of("https://a/x").c_str(), "Bearer all");
  assert_string_equal(room.of("https://a/some/x").c_str(), "Bearer some");
  assert_string_equal(room.of("https://b/some").c_str(), "");
  assert_string_equal(room.of("http://a:443/some").c_str(), "");
  assert_true(room.credentials.troubles().empty());
}

// A token that is replaced is taken soon; one that has gone bad is told, and used on.
void test_files_are_read_again(void**) {
  Room room;
  write_secret(room.folder, "token", "Bearer first");
  room.credentials.follow({room.entry("https://a", "token")});
  room.credentials.tick(room.now);
  assert_string_equal(room.of("https://a").c_str(), "Bearer first");
  write_secret(room.folder, "token", "Bearer second");
  assert_true(room.comes_to("https://a", "Bearer second"));

  CHECK(chmod(room.folder.path("token").c_str(), 0644) == 0);
  const std::string says = "credentials token: the authorization file " +
                           room.folder.path("token") + " is open to others: ";
  assert_true(comes_true(room.context, [&] {
    assert_true(room.comes_to("https://a", "Bearer second"));
    const std::vector<Alert> troubles = room.credentials.troubles();
    return !troubles.empty() && troubles[0].text.starts_with(says);
  }));
  const Alert trouble = room.credentials.troubles()[0];
  assert_true(trouble.kind == AlertKind::credentials_failed);
  assert_string_equal(id_of(trouble).c_str(), "evenkeel_credentials_failed{credentials=\"token\"}");
  assert_true(trouble.text.ends_with("; what was read before is still used"));
  assert_true(trouble.text.find("second") == std::string::npos);

  write_secret(room.folder, "token", "Bearer third");
  assert_true(room.comes_to("https://a", "Bearer third"));
  assert_true(room.credentials.troubles().empty());
}

// Nothing goes out without what it should have.
void test_what_was_never_read_is_an_error(void**) {
  Room room;
  room.credentials.follow({room.entry("https://a", "token")});
  assert_string_equal(room.of("https://a").c_str(),
                      "the disk with their files does not answer");  // nobody has ticked
  room.credentials.tick(room.now);
  const std::string said = room.of("https://a");
  assert_string_equal(said.c_str(), ("the authorization file " + room.folder.path("token") +
                                     " cannot be opened: No such file or directory")
                                        .c_str());
  assert_string_equal(room.credentials.troubles().at(0).text.c_str(),
                      ("credentials token: " + said + "; nothing is sent without them").c_str());
  write_secret(room.folder, "token", "Bearer abc");
  assert_true(room.comes_to("https://a", "Bearer abc"));
}

void test_other_settings_count_at_once(void**) {
  Room room;
  write_secret(room.folder, "token", "Bearer abc");
  write_secret(room.folder, "other", "Bearer other");
  room.credentials.follow({room.entry("https://a", "token")});
  room.credentials.tick(room.now);
  assert_string_equal(room.of("https://a").c_str(), "Bearer abc");
  // What is known stays known, wherever it stands.
  room.credentials.follow({room.entry("https://b", "other"), room.entry("https://a", "token")});
  assert_string_equal(room.of("https://a").c_str(), "Bearer abc");
  room.credentials.tick(room.now);
  assert_string_equal(room.of("https://b").c_str(), "Bearer other");
  room.credentials.follow({room.entry("https://b", "other")});
  assert_string_equal(room.of("https://a").c_str(), "");
  // Under another file, it is another one.
  room.credentials.follow({room.entry("https://b", "none")});
  room.credentials.tick(room.now);
  assert_true(room.of("https://b").starts_with("the authorization file "));
}

void test_nobody_waits_for_a_disk_that_hangs(void**) {
  Room room;
  room.patience = std::chrono::milliseconds(100);
  write_secret(room.folder, "token", "Bearer abc");
  the_disk().hang();
  const Microseconds begin = real_now();
  room.credentials.follow({room.entry("https://a", "token")});
  room.credentials.tick(room.now);
  assert_string_equal(room.of("https://a").c_str(), "the disk with their files does not answer");
  assert_string_equal(room.of("https://b").c_str(), "");
  room.now += Credentials::kPatience + 1;
  room.credentials.tick(room.now);
  assert_string_equal(room.credentials.troubles().at(0).text.c_str(),
                      "credentials token: the disk with their files does not answer; nothing is "
                      "sent without them");
  assert_true(real_now() - begin < 2'000'000);
  the_disk().answer();
  assert_true(room.comes_to("https://a", "Bearer abc"));
  assert_true(room.credentials.troubles().empty());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_each_request_has_its_own),
      cmocka_unit_test(test_files_are_read_again),
      cmocka_unit_test(test_what_was_never_read_is_an_error),
      cmocka_unit_test(test_other_settings_count_at_once),
      cmocka_unit_test(test_nobody_waits_for_a_disk_that_hangs),
  };
  return cmocka_run_group_tests_name("manage/credentials", tests, nullptr, nullptr);
}
