// Processes that come and go; what they may do is command_probe_test's.
#include "firmware/health/children.h"

#include <fcntl.h>

#include <csignal>
#include <optional>
#include <string>

#include "tests/cmocka.h"
#include "tests/health/servers.h"

namespace evenkeel {
namespace {

struct Room {
  boost::asio::io_context context{1};
  Readiness readiness{context};
  Children children{readiness};
  const Descriptor here{::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)};

  Result<Children::Running> run(const std::string& script, Children::Done done) {
    return children.run({.arguments = {"/bin/sh", "-c", script},
                         .environment = {"PATH=/bin:/usr/bin"},
                         .user = "nobody"},
                        here, std::move(done));
  }
  bool ends() {
    return comes_true(context, [&] { return children.count() == 0; });
  }
};

// Children of this process, zombies too.
std::string own_children() {
  return output_of("ps --no-headers -o stat,comm --ppid " + std::to_string(::getpid()) +
                   " | grep -v -e sh -e ps || true");
}

void how_it_ended_is_told_once(void**) {
  const struct {
    const char* script;
    int status;
    int signal;
  } rows[] = {{"exit 0", 0, 0}, {"exit 200", 200, 0}, {"kill -TERM $$", -1, SIGTERM}};
  for (const auto& row : rows) {
    Room room;
    size_t count = 0;
    Children::End end;
    const auto running = room.run(row.script, [&](const Children::End& its) {
      ++count;
      end = its;
    });
    assert_true(running.ok());
    assert_int_equal(room.children.count(), 1);
    assert_true(room.ends());
    assert_int_equal(count, 1);
    assert_int_equal(end.status, row.status);
    assert_int_equal(end.signal, row.signal);
    assert_string_equal(own_children().c_str(), "");
  }
}

void who_is_killed_is_not_told_of_but_reaped(void**) {
  Room room;
  bool is_told = false;
  const auto running = room.run("sleep 600", [&](const Children::End&) { is_told = true; });
  assert_true(running.ok());
  room.children.kill(running.value().number);
  room.children.kill(running.value().number);
  assert_int_equal(room.children.count(), 1);
  assert_true(room.ends());
  room.children.kill(running.value().number);
  assert_false(is_told);
  assert_string_equal(own_children().c_str(), "");
}

void many_come_and_go(void**) {
  Room room;
  size_t good = 0;
  for (int i = 0; i < 100; ++i) {
    assert_true(
        room.run("exit 0", [&](const Children::End& end) { good += end.status == 0 ? 1 : 0; })
            .ok());
  }
  assert_true(room.ends());
  assert_int_equal(good, 100);
}

// What is told of one may start the next.
void one_may_follow_on_the_other(void**) {
  Room room;
  std::optional<int> last;
  assert_true(
      room.run("exit 1",
               [&](const Children::End&) {
                 assert_true(
                     room.run("exit 2", [&](const Children::End& end) { last = end.status; }).ok());
               })
          .ok());
  assert_true(comes_true(room.context, [&] { return last.has_value(); }));
  assert_int_equal(*last, 2);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  const CMUnitTest tests[] = {
      cmocka_unit_test(how_it_ended_is_told_once),
      cmocka_unit_test(who_is_killed_is_not_told_of_but_reaped),
      cmocka_unit_test(many_come_and_go),
      cmocka_unit_test(one_may_follow_on_the_other),
  };
  return cmocka_run_group_tests_name("health/children", tests, nullptr, nullptr);
}
