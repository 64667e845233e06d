// Both ends of a socket are this process's own, so the groups that the settings name decide. The
// directory of users and groups is the real one; it is counted how often it is asked, and it may be
// gone.
#include "firmware/manage/peer.h"

#include <dlfcn.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <string>
#include <utility>

#include "drivers/descriptor.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

struct Directory {
  size_t groups = 0;  // how often it was asked for one
  size_t users = 0;
  bool is_gone = false;
};
Directory& directory() {
  static Directory the_one;
  return the_one;
}

}  // namespace
}  // namespace evenkeel

int getgrnam_r(const char* name, group* entry, char* room, size_t size, group** ret_found) {
  ++evenkeel::directory().groups;
  *ret_found = nullptr;
  if (evenkeel::directory().is_gone) return EIO;
  static const auto ask = reinterpret_cast<decltype(&getgrnam_r)>(dlsym(RTLD_NEXT, "getgrnam_r"));
  return ask(name, entry, room, size, ret_found);
}

int getpwuid_r(uid_t uid, passwd* entry, char* room, size_t size, passwd** ret_found) {
  ++evenkeel::directory().users;
  *ret_found = nullptr;
  if (evenkeel::directory().is_gone) return EIO;
  static const auto ask = reinterpret_cast<decltype(&getpwuid_r)>(dlsym(RTLD_NEXT, "getpwuid_r"));
  return ask(uid, entry, room, size, ret_found);
}

namespace evenkeel {
namespace {

constexpr Microseconds kSecond = kMicrosecondsPerTick;

Result<Identity> identity(Peers& peers, Microseconds now) {
  std::array<int, 2> ends{};
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  const Descriptor one(ends[0]);
  const Descriptor other(ends[1]);
  return peers.identity_of(one.get(), now);
}

// "USER ROLE", or the error.
std::string text_of(const Result<Identity>& who) {
  if (!who.ok()) return who.message();
  return who.value().user + " " + std::string(name_of(who.value().role));
}

// What `tell` says in a process of nobody's, who is in `group` only.
std::string told_by_nobody(const char* group_name, const std::function<std::string()>& tell) {
  const group* found = getgrnam(group_name);
  CHECK(found != nullptr);
  std::array<int, 2> ends{};
  CHECK(pipe(ends.data()) == 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    const gid_t groups[] = {found->gr_gid};
    const bool is_other = setgroups(1, groups) == 0 && setgid(65'534) == 0 && setuid(65'534) == 0;
    const std::string text = is_other ? tell() : "could not change";
    (void)!write(ends[1], text.data(), text.size());
    _exit(0);
  }
  close(ends[1]);
  const Descriptor from(ends[0]);
  std::array<char, 1'024> room{};
  const ssize_t count = read(from.get(), room.data(), room.size());
  CHECK(waitpid(child, nullptr, 0) == child && count >= 0);
  return {room.data(), static_cast<size_t>(count)};
}

std::string identity_of_nobody(const char* group_name, const ApiSettings& settings) {
  return told_by_nobody(group_name, [&settings] {
    Peers peers(settings, 0);
    return text_of(identity(peers, 0));
  });
}

ApiSettings settings_of(const char* viewers, const char* operators, const char* approvers) {
  ApiSettings settings;
  settings.viewers = viewers;
  settings.operators = operators;
  settings.approvers = approvers;
  return settings;
}

void test_names_roles(void**) {
  assert_true(name_of(Role::viewer) == "viewer");
  assert_true(name_of(Role::changer) == "operator");
  assert_true(name_of(Role::approver) == "approver");
}

void test_root_may_do_everything(void**) {
  if (geteuid() != 0) skip();
  Peers peers(settings_of("no-group-1", "no-group-2", "no-group-3"), 0);
  const Result<Identity> who = identity(peers, 0);
  assert_true(who.ok());
  assert_string_equal(who.value().user.c_str(), "root");
  assert_int_equal(who.value().uid, 0);
  assert_true(who.value().role == Role::approver);
}

// Of two groups, the one that may more counts.
void test_a_role_is_a_groups(void**) {
  if (geteuid() != 0) skip();
  const char* const name = getpwuid(65'534)->pw_name;
  struct Row {
    ApiSettings settings;
    const char* role;
  };
  for (const Row& row : {Row{settings_of("games", "staff", "adm"), "viewer"},
                         Row{settings_of("staff", "games", "adm"), "operator"},
                         Row{settings_of("staff", "adm", "games"), "approver"},
                         Row{settings_of("games", "games", "adm"), "operator"},
                         Row{settings_of("games", "adm", "games"), "approver"},
                         Row{settings_of("games", "", ""), "viewer"}}) {
    assert_string_equal(identity_of_nobody("games", row.settings).c_str(),
                        (std::string(name) + " " + row.role).c_str());
  }
  const std::string refused = identity_of_nobody("games", settings_of("staff", "adm", "audio"));
  assert_non_null(std::strstr(refused.c_str(), "(staff, adm, audio)"));
  assert_true(refused.starts_with("uid 65534 "));
  const std::string unknown = identity_of_nobody("games", settings_of("no-group", "", ""));
  assert_non_null(std::strstr(unknown.c_str(), "none of the groups"));
}

// How often it was asked for groups and for users since the last time.
std::string asked_of_directory() {
  const Directory all = std::exchange(directory(), Directory{});
  return std::to_string(all.groups) + " " + std::to_string(all.users) + ", ";
}

void test_strangers_ask_no_directory(void**) {
  if (geteuid() != 0) skip();
  const std::string asked = told_by_nobody("games", [] {
    directory() = {};
    Peers peers(settings_of("staff", "adm", "audio"), 0);
    std::string text = asked_of_directory();
    for (int i = 0; i < 100; ++i) (void)identity(peers, 60 * kSecond - 1);
    text += asked_of_directory();
    for (int i = 0; i < 100; ++i) (void)identity(peers, 119 * kSecond);
    return text + asked_of_directory();
  });
  assert_string_equal(asked.c_str(), "3 0, 0 0, 3 0, ");
}

void test_knows_names_for_a_minute(void**) {
  if (geteuid() != 0) skip();
  const std::string asked = told_by_nobody("games", [] {
    directory() = {};
    Peers peers(settings_of("games", "adm", "audio"), 0);
    std::string text;
    for (int i = 0; i < 100; ++i) (void)identity(peers, 59 * kSecond);
    text += asked_of_directory();
    for (int i = 0; i < 100; ++i) (void)identity(peers, 60 * kSecond);
    return text + asked_of_directory();
  });
  assert_string_equal(asked.c_str(), "3 1, 3 1, ");
}

void test_root_waits_for_no_group(void**) {
  if (geteuid() != 0) skip();
  Peers peers(settings_of("games", "staff", "adm"), 0);
  directory() = {};
  for (Microseconds i = 0; i < 100; ++i) (void)identity(peers, i * 60 * kSecond);
  assert_string_equal(asked_of_directory().c_str(), "0 1, ");
}

// Who may use the box still may; and a box that begins without it finds the groups later.
void test_lives_without_the_directory(void**) {
  if (geteuid() != 0) skip();
  const ApiSettings settings = settings_of("staff", "games", "adm");
  const std::string kept = told_by_nobody("games", [&settings] {
    Peers peers(settings, 0);
    directory().is_gone = true;
    return text_of(identity(peers, 60 * kSecond));
  });
  assert_string_equal(kept.c_str(), "uid 65534 operator");
  const std::string found = told_by_nobody("games", [&settings] {
    directory().is_gone = true;
    Peers peers(settings, 0);
    directory().is_gone = false;
    const bool is_known = identity(peers, 59 * kSecond).ok();
    return (is_known ? "too early " : "") + text_of(identity(peers, 60 * kSecond));
  });
  assert_string_equal(found.c_str(),
                      (getpwuid(65'534)->pw_name + std::string(" operator")).c_str());
}

void test_refuses_what_is_no_socket(void**) {
  std::array<int, 2> ends{};
  CHECK(pipe(ends.data()) == 0);
  const Descriptor one(ends[0]);
  const Descriptor other(ends[1]);
  Peers peers(settings_of("games", "staff", "adm"), 0);
  const Result<Identity> who = peers.identity_of(one.get(), 0);
  assert_false(who.ok());
  assert_non_null(std::strstr(who.message().c_str(), "Unix socket"));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_names_roles),
      cmocka_unit_test(test_root_may_do_everything),
      cmocka_unit_test(test_a_role_is_a_groups),
      cmocka_unit_test(test_strangers_ask_no_directory),
      cmocka_unit_test(test_knows_names_for_a_minute),
      cmocka_unit_test(test_root_waits_for_no_group),
      cmocka_unit_test(test_lives_without_the_directory),
      cmocka_unit_test(test_refuses_what_is_no_socket),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
