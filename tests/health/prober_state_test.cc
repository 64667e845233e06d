// What is held survives a restart: another prober goes on where the first one was.
#include <algorithm>

#include "tests/cmocka.h"
#include "tests/health/room.h"

namespace evenkeel {
namespace {

constexpr Microseconds kMaxAge = 600 * kMicrosecondsPerTick;

WallTime wall() { return 1'800'000'000'000'000 + real_now(); }

// A box that has found two backends well, one not, and waits for one; and the next one.
struct Restart {
  Restart() {
    before.add("good", good.port());
    before.add("bad", closed_port(before.context, "127.0.0.1"));
    before.add("other", other.port());
    before.add("new", silent.port());
    before.shop().check.fall = 1;
    before.shop().check.rise = 1;
    before.shop().check.type = CheckType::http;
    before.shop().check.interval = 3'600 * kMicrosecondsPerTick;
    before.shop().check.fast_interval = kMillisecond;
    before.shop().check.timeout = 1'800 * kMicrosecondsPerTick;
    before.follow();
    assert_true(before.becomes("good", Health::up));
    assert_true(before.becomes("bad", Health::down));
    assert_true(before.becomes("other", Health::up));
    after.settings = before.settings;
  }

  Room before;
  TestServer good{before.context, "127.0.0.1", {}};
  TestServer other{before.context, "127.0.0.1", {}};
  TestServer silent{before.context, "127.0.0.1", {.is_silent = true}};
  Room after;
};

void nothing_is_kept_of_nobody(void**) {
  Room room;
  room.follow();
  assert_string_equal(room.prober.save(wall()).c_str(), "");
  TestServer server(room.context, "127.0.0.1", {});
  room.add("one", server.port());
  room.follow();
  assert_string_equal(room.prober.save(wall()).c_str(), "");  // undecided
  const uint64_t revision = room.prober.revision();
  assert_true(room.becomes("one", Health::up));
  assert_true(room.prober.revision() != revision);
  assert_true(room.prober.save(wall()).find("\"one\"") != std::string::npos);
}

void what_is_held_goes_on(void**) {
  Restart test;
  Room& after = test.after;
  after.follow();
  const std::string text = test.before.prober.save(wall());
  const Status restored = after.prober.restore(text, wall(), kMaxAge);
  if (!restored.ok()) print_error("%s\n", restored.message().c_str());
  assert_true(restored.ok());
  for (const BackendSettings& backend : after.shop().backends) {
    const char* name = backend.name.c_str();
    assert_string_equal(after.why(name).c_str(), test.before.why(name).c_str());
    assert_int_equal(after.prober.is_known("shop", name),
                     test.before.prober.is_known("shop", name));
    const CheckState was = test.before.state(name);
    const CheckState is = after.state(name);
    assert_int_equal(is.health, Health::unknown);  // until it has answered
    assert_int_equal(is.answered, 0);
    assert_string_equal(is.note.c_str(), was.note.c_str());
    assert_true(is.part == was.part);
    const Microseconds earlier = std::min(is.since, was.since);
    assert_true(std::max(is.since, was.since) - earlier < kMicrosecondsPerTick);
  }
  assert_string_equal(after.why("bad").c_str(), "its check fails: connection refused");
  assert_string_equal(after.why("new").c_str(), "not checked yet");
  // On and on, and the text says the same but for its times.
  Room third;
  third.settings = after.settings;
  third.follow();
  const std::string again = after.prober.save(wall());
  assert_true(third.prober.restore(again, wall(), kMaxAge).ok());
  assert_string_equal(third.why("bad").c_str(), after.why("bad").c_str());
  assert_true(comes_true(after.context, [&] { return after.changes > 0; }));
}

// Whatever else has changed meanwhile.
void only_what_is_the_same_is_taken_up(void**) {
  const struct {
    const char* description;
    void (*change)(Settings& settings);
    bool is_known;
  } cases[] = {
      {"nothing", [](Settings&) {}, true},
      {"another weight", [](Settings& s) { s.services[0].backends[1].weight = 7; }, true},
      {"another address",
       [](Settings& s) { s.services[0].backends[1].address = *parse_address("127.0.0.2"); }, false},
      {"another port", [](Settings& s) { s.services[0].backends[1].port = 9; }, false},
      {"another name", [](Settings& s) { s.services[0].backends[1].name = "x"; }, false},
      {"another service", [](Settings& s) { s.services[0].name = "x"; }, false},
      {"another check", [](Settings& s) { s.services[0].check.path = "/x"; }, true},
      {"no check", [](Settings& s) { s.services[0].check.type = CheckType::none; }, false},
  };
  Restart test;
  const std::string text = test.before.prober.save(wall());
  for (const auto& row : cases) {
    Room after;
    after.settings = test.before.settings;
    row.change(after.settings);
    after.follow();
    assert_true(after.prober.restore(text, wall(), kMaxAge).ok());
    const ServiceSettings& service = after.shop();
    const bool is_held =
        after.prober.why_not(service.name, service.backends[1].name).starts_with("its check fails");
    if (is_held != row.is_known) print_error("%s\n", row.description);
    assert_int_equal(is_held, row.is_known);
  }
}

// The same check goes on counting; another one decides by its first answer.
void what_is_decided_holds_as_before(void**) {
  for (const bool is_other : {false, true}) {
    Room before;
    TestServer server(before.context, "127.0.0.1", {});
    before.add("one", server.port());
    before.shop().check.type = CheckType::http;
    before.shop().check.interval = 3'600 * kMicrosecondsPerTick;
    before.shop().check.fast_interval = before.shop().check.interval;
    before.follow();
    assert_true(before.becomes("one", Health::up));
    const std::string text = before.prober.save(wall());
    server.behave({.resets = true});

    Room after;
    after.settings = before.settings;
    if (is_other) after.shop().check.path = "/x";
    after.follow();
    assert_true(after.prober.restore(text, wall(), kMaxAge).ok());
    assert_int_equal(after.state("one").health, Health::unknown);
    assert_true(comes_true(after.context, [&] {
      before.context.restart();
      before.context.poll();
      return after.state("one").health != Health::unknown;
    }));
    assert_int_equal(after.state("one").health, is_other ? Health::down : Health::up);
  }
}

void what_is_refused_changes_nothing(void**) {
  Restart test;
  const std::string text = test.before.prober.save(wall());
  Room& after = test.after;
  after.follow();
  assert_string_equal(after.prober.restore("", wall(), kMaxAge).message().c_str(),
                      "it is not a whole JSON object");
  assert_false(after.prober.restore(text, wall() + 2 * kMaxAge, kMaxAge).ok());
  assert_false(after.prober.restore(text, wall() - kMaxAge, kMaxAge).ok());
  assert_false(after.prober.is_known("shop", "good"));
  // What it has heard itself is newer.
  assert_true(comes_true(after.context, [&] {
    test.before.context.restart();
    test.before.context.poll();
    return after.state("good").health == Health::up;
  }));
  assert_true(after.prober.restore(text, wall(), kMaxAge).ok());
  assert_int_equal(after.state("good").health, Health::up);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  CHECK(shell("ip link set lo up"));
  const CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_kept_of_nobody),
      cmocka_unit_test(what_is_held_goes_on),
      cmocka_unit_test(only_what_is_the_same_is_taken_up),
      cmocka_unit_test(what_is_decided_holds_as_before),
      cmocka_unit_test(what_is_refused_changes_nothing),
  };
  return cmocka_run_group_tests_name("health/prober_state", tests, nullptr, nullptr);
}
