// What becomes of answers: who is believed, how soon, and how much of its weight a backend has.
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tests/cmocka.h"
#include "tests/health/room.h"

namespace evenkeel {
namespace {

constexpr const char* kNames[] = {"a", "b", "c", "d"};

// Some servers, all well, asked by HTTP; what fails at once is noticed within 1.1 s.
struct Servers {
  explicit Servers(size_t count, CheckType type = CheckType::http) {
    CheckSettings& check = room.shop().check;
    check.type = type;
    check.interval = 400 * kMillisecond;
    check.fast_interval = 10 * kMillisecond;
    check.timeout = 300 * kMillisecond;
    for (size_t i = 0; i < count; ++i) {
      servers.push_back(std::make_unique<TestServer>(room.context, "127.0.0.1", Manners()));
      room.add(kNames[i], servers.back()->port());
    }
  }

  void start() {
    room.follow();
    for (const BackendSettings& backend : room.shop().backends) {
      assert_true(room.becomes(backend.name.c_str(), Health::up));
    }
  }
  void say(size_t server, const std::string& line) {
    servers[server]->behave({.reply = line + "\n", .waits = false});
  }
  void break_down(size_t server) { servers[server]->behave({.resets = true}); }
  void mend(size_t server) { servers[server]->behave({}); }
  bool is_in(const char* name) const { return room.why(name).empty(); }
  bool is_told(const std::string& trouble) {
    return comes_true(room.context, [&] {
      for (const std::string& each : room.troubles()) {
        if (each.find(trouble) != std::string::npos) return true;
      }
      return false;
    });
  }

  Room room;
  std::vector<std::unique_ptr<TestServer>> servers;
};

void a_check_that_leaves_too_few_is_not_believed(void**) {
  Servers test(4);
  Room& room = test.room;
  room.shop().check.fail_open = 50;
  test.start();
  test.break_down(0);
  assert_true(comes_true(room.context, [&] { return !test.is_in("a"); }));
  assert_true(room.troubles().empty());
  room.leap += 60 * kMicrosecondsPerTick;  // the next failure is not part of this one
  test.break_down(1);
  assert_true(
      test.is_told("Only 2 of 4 backends of service shop pass their check (fail_open is "
                   "50 %), so all of them take flows"));
  const std::vector<Alert> alerts = room.prober.alerts();
  assert_int_equal(alerts.size(), 1);
  assert_string_equal(id_of(alerts[0]).c_str(), "evenkeel_trouble{service=\"shop\"}");
  for (const char* name : kNames) assert_true(test.is_in(name));
  assert_true(room.state("a").is_overruled && room.state("b").is_overruled);
  assert_false(room.state("c").is_overruled);
  test.mend(1);
  assert_true(comes_true(room.context, [&] { return room.troubles().empty(); }));
  assert_false(test.is_in("a"));
}

// Nothing has happened, if they come back in time.
void those_that_fail_at_once_are_held(void**) {
  Servers test(2);
  Room& room = test.room;
  room.shop().check.slow_start = 60 * kMicrosecondsPerTick;
  test.start();
  test.break_down(0);
  test.break_down(1);
  assert_true(
      test.is_told("2 of 2 backends of service shop failed their check at once, and are "
                   "held for up for 10 s more"));
  const std::vector<Alert> alerts = room.prober.alerts();
  assert_int_equal(alerts.size(), 1);
  assert_string_equal(id_of(alerts[0]).c_str(), "evenkeel_mass_failure{service=\"shop\"}");
  for (const char* name : {"a", "b"}) {
    assert_true(test.is_in(name));
    assert_true(room.state(name).is_overruled);
    assert_int_equal(room.state(name).health, Health::down);
  }
  room.follow();  // the same settings change nothing of it
  assert_int_equal(room.prober.alerts().size(), 1);
  test.mend(0);
  test.mend(1);
  assert_true(room.becomes("a", Health::up) && room.becomes("b", Health::up));
  assert_true(comes_true(room.context, [&] { return room.troubles().empty(); }));
  assert_true(room.prober.part("shop", "a") == 1 && room.prober.part("shop", "b") == 1);
}

void in_the_end_the_check_decides(void**) {
  Servers test(3);
  Room& room = test.room;
  test.start();
  test.break_down(0);
  test.break_down(1);
  assert_true(test.is_told("2 of 3 backends"));
  assert_true(test.is_in("a") && test.is_in("b"));
  const size_t changes = room.changes;
  room.leap += Membership::kHold;
  assert_true(comes_true(room.context, [&] { return !test.is_in("a") && !test.is_in("b"); }));
  assert_true(comes_true(room.context, [&] { return room.changes > changes; }));
  assert_true(room.troubles().empty());
}

// All at once, and nobody has touched a server.
void another_check_is_suspected_first(void**) {
  for (const size_t count : {1u, 3u}) {
    Servers test(count);
    Room& room = test.room;
    test.start();
    room.shop().check.port = closed_port(room.context, "127.0.0.1");
    room.follow();
    const std::string all = std::to_string(count) + " of " + std::to_string(count);
    assert_true(test.is_told(all + " backends of service shop failed their check at once"));
    for (size_t i = 0; i < count; ++i) assert_true(test.is_in(kNames[i]));
    room.leap += Membership::kHold;
    assert_true(test.is_told("No backend of service shop passes its check"));
    assert_string_equal(id_of(room.prober.alerts()[0]).c_str(),
                        "evenkeel_service_down{service=\"shop\"}");
    // The way back: the same servers, well known.
    room.shop().check.port = 0;
    room.follow();
    assert_true(comes_true(room.context, [&] { return room.troubles().empty(); }));
  }
}

// By settings that are tried beside those in force.
void what_is_tried_is_suspected_alone(void**) {
  Servers test(3);
  Room& room = test.room;
  test.start();
  Settings others = room.settings;
  others.services[0].check.port = closed_port(room.context, "127.0.0.1");
  room.prober.follow(room.settings, &others);
  assert_string_equal(room.prober.suspicion("shop").c_str(), "");
  assert_true(comes_true(room.context, [&] { return !room.prober.suspicion("shop").empty(); }));
  const std::string why = room.prober.suspicion("shop");
  assert_true(why.starts_with("service shop: "));
  assert_true(why.find(" of 3 backends fail their check by it, and answer as before: ") !=
              std::string::npos);
  assert_string_equal(room.prober.suspicion("mail").c_str(), "");
  room.follow();
  assert_string_equal(room.prober.suspicion("shop").c_str(), "");
}

// When servers fail, or one of many.
void what_is_tried_is_not_blamed_for_servers(void**) {
  Servers test(3);
  Room& room = test.room;
  test.start();
  Settings others = room.settings;
  others.services[0].check.fall = 1;
  room.prober.follow(room.settings, &others);
  for (const size_t fails : {0u, 1u, 2u}) {
    test.break_down(fails);
    const char* const name = kNames[fails];
    assert_true(comes_true(room.context, [&] {
      assert_string_equal(room.prober.suspicion("shop").c_str(), "");
      return room.state(name).health == Health::down;
    }));
  }
}

void who_comes_back_has_a_part_of_its_weight(void**) {
  Servers test(3);
  Room& room = test.room;
  room.shop().check.slow_start = 600 * kMicrosecondsPerTick;
  test.start();
  const auto part = [&] { return room.prober.part("shop", "a"); };
  assert_true(part() == 1);  // never down
  test.break_down(0);
  assert_true(room.becomes("a", Health::down));
  assert_true(part() == 1);
  test.mend(0);
  assert_true(room.becomes("a", Health::up));
  assert_true(part() == 0.1 && room.state("a").part == 0.1);
  assert_true(room.prober.part("shop", "b") == 1);
  for (int step = 2; step <= 10; ++step) {
    const size_t changes = room.changes;
    room.leap += 60 * kMicrosecondsPerTick;
    assert_true(comes_true(room.context, [&] { return room.changes > changes; }));
    assert_true(part() == step / 10.0);
  }
  assert_true(room.prober.part("shop", "nobody") == 1 && room.prober.part("no", "a") == 1);
}

// Kept from flows by what these did, and never down: it begins slowly all the same.
void who_returns_has_a_part_of_its_weight(void**) {
  Servers test(2);
  Room& room = test.room;
  room.shop().check.slow_start = 600 * kMicrosecondsPerTick;
  test.start();
  const auto part = [&] { return room.prober.part("shop", "a"); };
  room.prober.note_return("shop", "a");
  room.prober.note_return("shop", "nobody");
  room.prober.note_return("no", "a");
  assert_true(part() == 0.1 && room.prober.part("shop", "b") == 1);
  const size_t changes = room.changes;
  room.leap += 60 * kMicrosecondsPerTick;
  assert_true(comes_true(room.context, [&] { return room.changes > changes; }));
  assert_true(part() == 0.2);
  room.leap += 300 * kMicrosecondsPerTick;
  room.follow();
  assert_true(part() == 0.7);
  test.break_down(0);
  assert_true(room.becomes("a", Health::down));
  test.mend(0);
  assert_true(room.becomes("a", Health::up));
  assert_true(part() == 0.1);  // by the later of the two
}

// It may have been started anew there, and its check green for long when it comes back.
void who_ends_its_maintenance_has_a_part_of_its_weight(void**) {
  Servers test(2);
  Room& room = test.room;
  room.shop().check.slow_start = 600 * kMicrosecondsPerTick;
  test.start();
  const auto part = [&] { return room.prober.part("shop", "a"); };
  BackendSettings& backend = room.shop().backends[0];
  backend.in_maintenance = true;
  backend.weight = 0;
  room.follow();
  room.follow();
  assert_true(part() == 1 && test.is_in("a"));
  backend.in_maintenance = false;
  backend.weight = 100;
  room.follow();
  assert_true(part() == 0.1 && room.prober.part("shop", "b") == 1);
  room.leap += 60 * kMicrosecondsPerTick;
  room.follow();
  assert_true(part() == 0.2);
  room.leap += 600 * kMicrosecondsPerTick;
  backend.weight = 0;  // drained: it goes on as it is
  room.follow();
  backend.weight = 100;
  room.follow();
  assert_true(part() == 1);
}

// Although answers come, and probes end, while the prober is at work.
void who_never_answers_in_time_is_no_fault_of_the_box(void**) {
  Room room;
  TestServer silent(room.context, "127.0.0.1", {.is_silent = true});
  std::vector<std::string> names;
  for (size_t i = 0; i < 40; ++i) names.push_back("web" + std::to_string(i));
  for (const std::string& name : names) room.add(name.c_str(), silent.port());
  room.shop().check.type = CheckType::http;
  room.follow();
  const Microseconds begin = real_now();
  assert_true(comes_true(room.context, [&] {
    for (const Alert& alert : room.prober.alerts()) {
      assert_int_not_equal(alert.kind, AlertKind::probes_failed);
    }
    for (const std::string& name : names) {
      assert_null(std::strstr(room.why(name.c_str()).c_str(), "of late"));
    }
    return real_now() - begin > 3 * kMicrosecondsPerTick;  // it looks for those once a second
  }));
}

void who_changes_often_is_told(void**) {
  Servers test(3);
  Room& room = test.room;
  test.start();
  for (int times = 0; times < 2; ++times) {
    assert_string_equal(room.state("a").note.c_str(), "");
    test.break_down(0);
    assert_true(room.becomes("a", Health::down));
    if (times == 1) break;
    test.mend(0);
    assert_true(room.becomes("a", Health::up));
  }
  assert_string_equal(room.state("a").note.c_str(), "changes often: 4 good answers needed");
  test.mend(0);
  const size_t asked = test.servers[0]->accepted();
  assert_true(room.becomes("a", Health::up));
  assert_true(test.servers[0]->accepted() - asked >= 4);
}

using Wish = AgentReport::Wish;

void agents_are_heard(void**) {
  Servers test(2, CheckType::agent);
  Room& room = test.room;
  test.say(0, "75% load:90");
  test.say(1, "up");
  test.start();
  const auto says = [&](const char* line, auto condition) {
    test.say(0, line);
    if (comes_true(room.context, condition)) return;
    print_error("%s\n", line);
    fail();
  };
  const auto part = [&] { return room.prober.part("shop", "a"); };
  assert_true(part() == 0.75 && room.state("a").load == 90u);
  assert_true(room.prober.part("shop", "b") == 1 && !room.state("b").load);
  const size_t changes = room.changes;
  says("drain", [&] { return part() == 0 && room.changes > changes; });
  assert_true(test.is_in("a") && room.state("a").wish == Wish::drain);
  assert_false(room.state("a").load.has_value());  // it is of the moment
  says("maint # disk", [&] { return room.why("a") == "its agent wants maintenance: disk"; });
  says("up", [&] { return room.why("a") == "its agent wants maintenance"; });
  says("ready", [&] { return test.is_in("a") && part() == 0.75; });
  says("stopped", [&] { return room.why("a") == "its check fails: its agent says: stopped"; });
  says("50%", [&] { return part() == 0.5; });
  assert_false(test.is_in("a"));
  says("up", [&] { return test.is_in("a"); });
  says("200%", [&] { return part() == 2; });

  // Who is set aside stays so though too few are left of the others; but if agents leave nobody,
  // none is believed.
  room.shop().check.fail_open = 100;
  room.follow();
  says("drain", [&] { return part() == 0; });
  test.say(1, "stopped");
  assert_true(test.is_told("No backend of service shop passes its check"));
  test.say(1, "up");
  assert_true(comes_true(room.context, [&] { return room.troubles().empty() && part() == 0; }));
  test.say(1, "0%");
  assert_true(test.is_told("Every backend of service shop is set aside by its agent"));
  assert_true(part() == 1 && room.prober.part("shop", "b") == 1);
  test.say(1, "100%");
  assert_true(comes_true(room.context, [&] { return room.troubles().empty() && part() == 0; }));

  // Another check has no agent.
  room.shop().check.type = CheckType::tcp;
  room.follow();
  assert_true(comes_true(room.context, [&] { return part() == 1; }));
}

// By its agent's word, too.
void an_agent_ends_its_maintenance_by_steps(void**) {
  Servers test(2, CheckType::agent);
  Room& room = test.room;
  room.shop().check.slow_start = 600 * kMicrosecondsPerTick;
  for (const size_t server : {0u, 1u}) test.say(server, "ready");
  test.start();
  for (const auto& [wish, part] : {std::pair("drain", 1.0), std::pair("maint", 0.1)}) {
    test.say(0, wish);
    assert_true(comes_true(room.context, [&] { return room.prober.wants_none("shop", "a"); }));
    test.say(0, "ready");
    assert_true(comes_true(room.context, [&] { return !room.prober.wants_none("shop", "a"); }));
    assert_true(room.prober.part("shop", "a") == part);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  CHECK(shell("ip link set lo up"));
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_check_that_leaves_too_few_is_not_believed),
      cmocka_unit_test(those_that_fail_at_once_are_held),
      cmocka_unit_test(in_the_end_the_check_decides),
      cmocka_unit_test(another_check_is_suspected_first),
      cmocka_unit_test(what_is_tried_is_suspected_alone),
      cmocka_unit_test(what_is_tried_is_not_blamed_for_servers),
      cmocka_unit_test(who_comes_back_has_a_part_of_its_weight),
      cmocka_unit_test(who_returns_has_a_part_of_its_weight),
      cmocka_unit_test(who_ends_its_maintenance_has_a_part_of_its_weight),
      cmocka_unit_test(who_never_answers_in_time_is_no_fault_of_the_box),
      cmocka_unit_test(who_changes_often_is_told),
      cmocka_unit_test(agents_are_heard),
      cmocka_unit_test(an_agent_ends_its_maintenance_by_steps),
  };
  return cmocka_run_group_tests_name("health/prober_policy", tests, nullptr, nullptr);
}
