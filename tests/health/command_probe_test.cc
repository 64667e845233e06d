// Real commands, good ones and those that misbehave.
#include "firmware/health/command_probe.h"

#include <string>
#include <vector>

#include "drivers/netns.h"
#include "firmware/base/limits.h"
#include "tests/cmocka.h"
#include "tests/health/asking.h"

namespace evenkeel {
namespace {

CheckSettings running(std::vector<std::string> command) {
  CheckSettings check = check_of(CheckType::command);
  check.command = std::move(command);
  return check;
}
CheckSettings script(const std::string& text) { return running({"/bin/sh", "-c", text}); }

std::string answer_to(const CheckSettings& check) {
  Asker asker;
  return asker.answer_of("192.0.2.7", 8'080, check);
}

void the_exit_status_decides(void**) {
  const struct {
    const char* description;
    CheckSettings check;
    const char* expected;
  } rows[] = {
      {"good", running({"/bin/true"}), "good: exit status 0"},
      {"bad", running({"/bin/false"}), "bad: exit status 1"},
      {"with a word", script("echo slow disk; echo more; exit 3"), "bad: exit status 3: slow disk"},
      {"on the other channel", script("echo oops >&2; exit 9"), "bad: exit status 9: oops"},
      {"hostile words", script("printf '\\033[2J\\001'"), "good: exit status 0: ?[2J?"},
      {"many words", script("head -c 1000 /dev/zero | tr '\\0' x; exit 1"),
       "bad: exit status 1: xxxx"},
      {"ended by a signal", script("kill -SEGV $$"), "bad: the command ended by signal 11"},
      {"not there", running({"/none"}),
       "not asked: the command cannot be run: setpriv: failed to execute /none: "},
      {"not a program", running({"/etc/passwd"}), "not asked: the command cannot be run: "},
      {"no shell looks at it", running({"/bin/echo", "$(id)", "a b", ";", ""}),
       "good: exit status 0: $(id) a b ; "},
      {"writes without an end", script("exec yes"), "bad: the command wrote more than 16384 bytes"},
  };
  for (const auto& row : rows) {
    const std::string answer = answer_to(row.check);
    if (!answer.starts_with(row.expected)) print_error("%s: %s\n", row.description, answer.c_str());
    assert_true(answer.starts_with(row.expected));
    assert_true(answer.size() < 200);
  }
}

void it_knows_whom_it_is_about_and_little_else(void**) {
  assert_string_equal(
      answer_to(script("echo $EVENKEEL_BACKEND $EVENKEEL_ADDRESS $EVENKEEL_PORT")).c_str(),
      "good: exit status 0: shop/web1 192.0.2.7 8080");
  assert_string_equal(
      answer_to(script("env | cut -d= -f1 | grep -v -e ^_ -e PWD | sort | tr '\\n' ' '")).c_str(),
      "good: exit status 0: EVENKEEL_ADDRESS EVENKEEL_BACKEND EVENKEEL_PORT LC_ALL "
      "PATH ");
  assert_string_equal(answer_to(script("pwd; cat")).c_str(), "good: exit status 0: /");
}

void it_has_no_privileges(void**) {
  assert_string_equal(answer_to(script("id -un; id -Gn")).c_str(), "good: exit status 0: nobody");
  assert_string_equal(answer_to(script("id -G | tr ' ' '+'")).c_str(),
                      "good: exit status 0: 65534");
  assert_string_equal(
      answer_to(script("grep -h -E 'CapPrm|CapEff|CapBnd|CapInh|CapAmb|NoNewPrivs' "
                       "/proc/self/status | cut -f2 | tr '\\n' ' '"))
          .c_str(),
      "good: exit status 0: 0000000000000000 0000000000000000 0000000000000000 0000000000000000 "
      "0000000000000000 1 ");
  // Of the box's descriptors it has none.
  assert_string_equal(answer_to(script("ls /proc/self/fd | wc -l")).c_str(),
                      "good: exit status 0: 4");
  CheckSettings check = script("id -un");
  check.user = "daemon";
  assert_string_equal(answer_to(check).c_str(), "good: exit status 0: daemon");
  check.user = "nobody.here";
  assert_string_equal(answer_to(check).c_str(),
                      "not asked: there is no user nobody.here in /etc/passwd");
}

// How many processes there are with this word in their command lines.
std::string count_of(const std::string& word) {
  return output_of("pgrep -c -f '^sleep " + word + "$' || true");
}

void who_is_late_is_ended_with_all_that_it_started(void**) {
  Asker asker;
  const std::string time = std::to_string(::getpid()) + ".5";
  const auto asked =
      asker.ask("192.0.2.7", 80, script("trap '' TERM HUP; sleep " + time + " & sleep " + time));
  assert_true(comes_true(asker.context(), [&] { return count_of(time) == "2\n"; }));
  assert_string_equal(text_of(asked->probe->give_up()).c_str(),
                      "bad: the command did not end in 1s");
  assert_true(comes_true(asker.context(), [&] { return count_of(time) == "0\n"; }));
  assert_false(asked->answer.has_value());
}

void what_it_leaves_behind_ends_with_it(void**) {
  Asker asker;
  const std::string time = std::to_string(::getpid()) + ".7";
  assert_string_equal(
      asker.answer_of("192.0.2.7", 80, script("sleep " + time + " & echo done")).c_str(),
      "good: exit status 0: done");
  assert_true(comes_true(asker.context(), [&] { return count_of(time) == "0\n"; }));
}

void it_runs_in_the_network_that_is_asked_from(void**) {
  Asker asker;
  std::shared_ptr<Asked> asked;
  assert_true(in_network_namespace("keel-far", [&]() -> Status {
                asked = asker.ask("192.0.2.7", 80,
                                  script("ls /sys/class/net; readlink /proc/self/ns/net"));
                return {};
              }).ok());
  const std::string own = output_of("readlink /proc/self/ns/net");
  const std::string far = output_of("ip netns exec keel-far readlink /proc/self/ns/net");
  assert_true(own != far);
  asked->probe->cancel();
  assert_true(in_network_namespace("keel-far", [&]() -> Status {
                asked = asker.ask("192.0.2.7", 80, script("readlink /proc/self/ns/net"));
                return {};
              }).ok());
  assert_true(comes_true(asker.context(), [&] { return asked->answer.has_value(); }));
  assert_string_equal((text_of(asked->answer) + "\n").c_str(),
                      ("good: exit status 0: " + far).c_str());
}

void there_is_a_limit_to_how_many(void**) {
  Asker asker;
  std::vector<std::shared_ptr<Asked>> asked;
  for (size_t i = 0; i < kMaxCommands; ++i) {
    asked.push_back(asker.ask("192.0.2.7", 80, script("sleep 600")));
    assert_false(asked.back()->answer.has_value());
  }
  const auto one_more = asker.ask("192.0.2.7", 80, script("true"));
  assert_string_equal(text_of(one_more->answer).c_str(),
                      "not asked: 256 commands are under way already");
  asked.pop_back();
  assert_true(asker.answers("192.0.2.7", 80, script("true"), "good: exit status 0"));
}

void none_is_left_when_it_goes(void**) {
  const std::string time = std::to_string(::getpid()) + ".9";
  {
    Asker asker;
    const auto asked = asker.ask("192.0.2.7", 80, script("exec sleep " + time));
    assert_true(comes_true(asker.context(), [&] { return count_of(time) == "1\n"; }));
  }
  assert_true(eventually([&] { return count_of(time) == "0\n"; }));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  CHECK(shell("ip link set lo up && ip netns add keel-far"));
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_exit_status_decides),
      cmocka_unit_test(it_knows_whom_it_is_about_and_little_else),
      cmocka_unit_test(it_has_no_privileges),
      cmocka_unit_test(who_is_late_is_ended_with_all_that_it_started),
      cmocka_unit_test(what_it_leaves_behind_ends_with_it),
      cmocka_unit_test(it_runs_in_the_network_that_is_asked_from),
      cmocka_unit_test(there_is_a_limit_to_how_many),
      cmocka_unit_test(none_is_left_when_it_goes),
  };
  return cmocka_run_group_tests_name("health/command_probe", tests, nullptr, nullptr);
}
