#include "firmware/health/prober.h"

#include <chrono>
#include <set>

#include "drivers/netns.h"
#include "tests/cmocka.h"
#include "tests/health/room.h"

namespace evenkeel {
namespace {

void nobody_is_up_before_an_answer(void**) {
  Room room;
  TestServer good(room.context, "127.0.0.1", {});
  TestServer six(room.context, "::1", {});
  room.add("good", good.port());
  room.add("six", six.port(), "::1");
  room.add("bad", closed_port(room.context, "127.0.0.1"));
  room.follow();
  for (const char* name : {"good", "six", "bad"}) {
    assert_string_equal(room.why(name).c_str(), "not checked yet");
    assert_false(room.prober.is_known("shop", name));
    assert_int_equal(room.state(name).health, Health::unknown);
  }
  assert_true(room.troubles().empty());
  assert_true(room.becomes("good", Health::up) && room.becomes("six", Health::up));
  assert_true(room.becomes("bad", Health::down));
  assert_true(comes_true(room.context, [&] { return room.changes > 0; }));
  assert_string_equal(room.why("good").c_str(), "");
  assert_string_equal(room.why("six").c_str(), "");
  assert_string_equal(room.why("bad").c_str(), "its check fails: connection refused");
  assert_true(room.prober.is_known("shop", "bad"));
  assert_string_equal(room.state("good").answers.back().text.c_str(), "connected");
  assert_true(room.state("good").answered >= room.state("good").since);
}

void nothing_is_held_against_who_is_not_followed(void**) {
  Room room;
  room.shop().check.type = CheckType::none;
  room.add("one", 1);
  room.follow();
  assert_string_equal(room.why("one").c_str(), "");
  assert_true(room.prober.is_known("shop", "one"));
  assert_false(room.state("one").is_checked);
  assert_string_equal(room.prober.why_not("other", "one").c_str(), "");
  assert_int_equal(room.context.poll(), 0);
}

void a_backend_goes_down_and_comes_back(void**) {
  Room room;
  room.shop().check.type = CheckType::http;
  TestServer steady(room.context, "127.0.0.1", {});
  TestServer server(room.context, "127.0.0.1", {});
  room.add("steady", steady.port());
  room.add("one", server.port());
  room.follow();
  assert_true(room.becomes("one", Health::up));
  server.behave({.reply = "HTTP/1.1 500 x\r\n\r\n"});
  assert_true(room.becomes("one", Health::down));
  assert_string_equal(room.why("one").c_str(), "its check fails: status 500, not in 200-399");
  assert_true(room.troubles().empty());
  server.behave({.is_silent = true});
  assert_true(comes_true(room.context, [&] {
    return room.why("one") == "its check fails: connected, but no answer in 15ms";
  }));
  server.behave({});
  assert_true(room.becomes("one", Health::up));
  assert_string_equal(room.why("one").c_str(), "");
}

void a_check_that_leaves_nobody_is_overruled(void**) {
  Room room;
  TestServer server(room.context, "127.0.0.1", {});
  const uint16_t closed = closed_port(room.context, "127.0.0.1");
  room.add("one", closed);
  room.add("two", closed);
  room.add("drained", server.port());
  room.shop().backends[2].weight = 0;
  room.follow();
  assert_true(comes_true(room.context, [&] { return !room.troubles().empty(); }));
  assert_int_equal(room.troubles().size(), 1);
  assert_true(room.troubles()[0].starts_with("No backend of service shop passes"));
  assert_true(room.troubles()[0].ends_with("1 drained or in maintenance, who might help."));
  for (const char* name : {"one", "two"}) {
    assert_string_equal(room.why(name).c_str(), "");
    assert_int_equal(room.state(name).health, Health::down);
    assert_true(room.state(name).is_overruled);
  }
  // It stays so over another look at the same settings, and ends when somebody is left.
  room.follow();
  assert_int_equal(room.troubles().size(), 1);
  room.shop().backends[2].weight = 1;
  assert_true(room.becomes("drained", Health::up));
  room.follow();
  assert_true(room.troubles().empty());
  assert_string_equal(room.why("one").c_str(), "its check fails: connection refused");
}

// What is held stays with name, address and port; whoever is new is asked.
void verdicts_survive_other_settings(void**) {
  Room room;
  TestServer kept(room.context, "127.0.0.1", {});
  TestServer moved(room.context, "127.0.0.1", {});
  room.add("kept", kept.port());
  room.add("moved", moved.port());
  room.follow();
  assert_true(room.becomes("kept", Health::up) && room.becomes("moved", Health::up));
  const Microseconds since = room.state("kept").since;
  room.shop().backends[1].port = kept.port();
  room.add("new", moved.port());
  room.follow();
  assert_int_equal(room.state("kept").since, since);
  assert_string_equal(room.why("kept").c_str(), "");
  assert_string_equal(room.why("moved").c_str(), "not checked yet");
  assert_string_equal(room.why("new").c_str(), "not checked yet");
  assert_true(room.becomes("moved", Health::up) && room.becomes("new", Health::up));

  room.shop().backends.erase(room.shop().backends.begin());
  room.follow();
  assert_false(room.state("kept").is_checked);
  room.settings.services.clear();
  room.follow();
  assert_false(room.state("new").is_checked);
}

void another_check_asks_at_once_and_keeps_what_is_held(void**) {
  Room room;
  room.shop().check.interval = 3'600'000'000;
  TestServer first(room.context, "127.0.0.1", {});
  TestServer second(room.context, "127.0.0.1", {});
  room.add("one", first.port());
  room.add("two", first.port());
  room.follow();
  assert_true(room.becomes("one", Health::up) && room.becomes("two", Health::up));
  room.shop().check.port = second.port();
  room.follow();
  assert_string_equal(room.why("one").c_str(), "");
  assert_true(room.is_asked(second, 2));
  room.shop().check.port = closed_port(room.context, "127.0.0.1");
  room.shop().backends[1].weight = 0;
  room.follow();
  assert_string_equal(room.why("one").c_str(), "");
  assert_true(room.becomes("one", Health::down));
}

// No more than one at a time, and nobody is forgotten.
void those_who_wait_get_their_turn(void**) {
  Room room(1);
  TestServer silent(room.context, "127.0.0.1", {.is_silent = true});
  TestServer good(room.context, "127.0.0.1", {});
  room.shop().check.type = CheckType::http;
  room.shop().check.interval = 3 * kMillisecond;
  room.shop().check.timeout = 2 * kMillisecond;
  room.shop().check.fall = 100;
  for (const char* name : {"a", "b", "c", "d", "e"}) room.add(name, silent.port());
  for (const char* name : {"v", "w", "x", "y", "z"}) room.add(name, good.port());
  room.follow();
  assert_true(comes_true(room.context, [&] {
    bool all = true;
    for (const BackendSettings& backend : room.shop().backends) {
      all = all && room.prober.is_known("shop", backend.name);
    }
    return all && silent.accepted() > 50 && good.accepted() > 25;
  }));
}

void what_is_long_ago_is_unknown_and_holds(void**) {
  Room room;
  TestServer server(room.context, "127.0.0.1", {});
  room.add("one", server.port());
  room.follow();
  assert_true(room.becomes("one", Health::up));
  room.leap += 61 * kMillisecond;
  assert_int_equal(room.state("one").health, Health::unknown);
  assert_string_equal(room.why("one").c_str(), "");
  assert_true(room.becomes("one", Health::up));
}

// A control thread that hangs: what comes meanwhile waits in sockets, and all timers expire.
void hang(Room& room) {
  const Microseconds end = real_now() + room.shop().check.timeout + kMillisecond;
  while (real_now() < end) {
  }
  room.leap += 5'000 * kMillisecond;
}

Room& patient(Room& room) {
  room.shop().check.type = CheckType::http;
  room.shop().check.interval = 600 * kMillisecond;
  room.shop().check.timeout = 400 * kMillisecond;
  room.shop().check.rise = 1;
  room.shop().check.fall = 1;
  return room;
}

// A server that was well and has been asked again, which it will not answer, beside one that does.
struct FallenSilent {
  Room room;
  TestServer steady{patient(room).context, "127.0.0.1", {}};
  TestServer server{room.context, "127.0.0.1", {}};

  FallenSilent() {
    room.add("steady", steady.port());
    room.add("one", server.port());
    room.follow();
    assert_true(room.becomes("one", Health::up));
    server.behave({.is_silent = true});
    assert_true(room.is_asked(server, 1));
  }
};

// Hung in the middle of its question, whose answer takes several turns.
void nobody_falls_since_the_box_hung(void**) {
  Room room;
  TestServer first(patient(room).context, "127.0.0.1", {});
  TestServer second(room.context, "127.0.0.1", {});
  room.add("first", first.port());
  room.add("second", second.port());
  room.follow();
  assert_true(room.becomes("first", Health::up) && room.becomes("second", Health::up));
  const Microseconds since[] = {room.state("first").since, room.state("second").since};
  for (int times = 0; times < 3; ++times) {
    for (const TestServer* server : {&first, &second}) {
      assert_true(room.is_asked(*server, 1));
      hang(room);
      const Microseconds hung = real_now() + room.leap;
      assert_true(comes_true(room.context, [&] {
        return room.state("first").answered >= hung && room.state("second").answered >= hung;
      }));
    }
  }
  assert_int_equal(room.state("first").since, since[0]);
  assert_int_equal(room.state("second").since, since[1]);
}

void who_is_silent_falls_though_the_box_hung(void**) {
  FallenSilent test;
  Room& room = test.room;
  hang(room);
  const Microseconds hung = real_now() + room.leap;
  assert_true(room.becomes("one", Health::down));
  assert_true(room.state("one").since >= hung + room.shop().check.timeout);
  assert_string_equal(room.why("one").c_str(),
                      "its check fails: connected, but no answer in 400ms");
}

// One probe, and one hang after the other: it ends nevertheless.
void who_is_silent_falls_though_the_box_hangs_for_ever(void**) {
  FallenSilent test;
  Room& room = test.room;
  const size_t asked = test.server.accepted();
  for (int hangs = 0; room.why("one").empty(); ++hangs) {
    assert_true(hangs < 10);
    assert_int_equal(test.server.accepted(), asked);
    hang(room);
    room.context.restart();
    room.context.poll();
  }
  assert_int_equal(room.state("one").health, Health::down);
}

void a_box_that_cannot_ask_blames_itself(void**) {
  Room room;
  room.settings.kernel.network_namespace = "keel-none";
  room.add("one", 80);
  room.follow();
  assert_true(comes_true(room.context, [&] { return !room.state("one").fault.empty(); }));
  assert_int_equal(room.state("one").health, Health::unknown);
  // For a while an answer may still come; then the service is not closed for it.
  assert_true(comes_true(room.context, [&] { return room.troubles().size() == 2; }));
  assert_string_equal(room.why("one").c_str(), "");
  const std::string trouble = room.troubles()[1];
  assert_true(trouble.find("shop/one: There is no network namespace") != std::string::npos);
}

// Nor is one that was well out of service for it, if there is nobody else who could be asked.
void a_box_that_can_ask_no_more_holds_what_it_knows(void**) {
  Room room;
  TestServer server(room.context, "127.0.0.1", {});
  room.add("one", server.port());
  room.follow();
  assert_true(room.becomes("one", Health::up));
  room.settings.kernel.network_namespace = "keel-none";
  room.follow();
  const Microseconds begin = real_now() + room.leap;
  while (real_now() + room.leap - begin < 2 * Membership::kHold) {
    room.leap += 90 * kMillisecond;  // not so far that the box seems to have hung
    room.context.restart();
    room.context.run_one_for(std::chrono::milliseconds(5));
  }
  assert_int_equal(room.state("one").health, Health::unknown);
  assert_string_equal(room.why("one").c_str(), "");
  assert_int_equal(room.troubles().size(), 1);
  assert_int_equal(room.prober.alerts()[0].kind, AlertKind::probes_failed);
}

void backends_are_asked_from_where_the_box_is(void**) {
  Room room;
  room.settings.kernel.network_namespace = "keel-far";
  std::unique_ptr<TestServer> far;
  const Status made = in_network_namespace("keel-far", [&]() -> Status {
    far = std::make_unique<TestServer>(room.context, "127.0.0.1", Manners());
    return {};
  });
  assert_true(made.ok());
  room.add("one", far->port());
  room.follow();
  assert_true(room.becomes("one", Health::up));
  room.settings.kernel.network_namespace = "";
  room.follow();
  assert_true(room.becomes("one", Health::down));
}

void first_probes_are_spread(void**) {
  Room room(10'000);
  room.shop().check.interval = 10'000'000;
  TestServer server(room.context, "127.0.0.1", {});
  std::set<std::string> names;
  for (int i = 0; i < 1'000; ++i) {
    room.add(("b" + std::to_string(i)).c_str(), server.port());
  }
  const Microseconds begin = real_now();
  room.follow();
  assert_true(comes_true(room.context, [&] { return room.prober.is_known("shop", "b999"); }));
  std::set<Microseconds> answered;
  for (const BackendSettings& backend : room.shop().backends) {
    assert_true(room.becomes(backend.name.c_str(), Health::up));
    answered.insert(room.state(backend.name.c_str()).answered / kMillisecond);
  }
  assert_true(*answered.rbegin() - begin / kMillisecond >= 199);
  assert_true(answered.size() > 20);
}

using Of = Prober::Of;

// Each side by its own check, and by none if it has none, whatever the other side finds.
void two_settings_are_followed_at_a_time(void**) {
  Room room;
  TestServer good(room.context, "127.0.0.1", {});
  room.add("good", good.port());
  room.add("bad", closed_port(room.context, "127.0.0.1"));
  Settings others = room.settings;
  others.services[0].check.type = CheckType::none;
  room.prober.follow(room.settings, &others);
  assert_true(room.becomes("bad", Health::down) && room.becomes("good", Health::up));
  assert_string_equal(room.prober.why_not("shop", "bad", Of::others).c_str(), "");

  // A backend that only the others have is asked, too.
  others = room.settings;
  others.services[0].backends.pop_back();
  others.services[0].backends[0].name = "new";
  room.prober.follow(room.settings, &others);
  assert_false(room.prober.is_known("shop", "new", Of::others));
  assert_true(comes_true(room.context, [&] {
    return room.prober.is_known("shop", "new", Of::others) &&
           room.prober.why_not("shop", "new", Of::others).empty();
  }));
  assert_true(room.prober.is_known("shop", "new"));  // not followed: nothing is held against it

  // A leaving server of that name, but elsewhere, is not the one that is asked.
  BackendSettings bad = room.settings.services[0].backends[1];
  assert_string_equal(room.prober.why_not("shop", bad).c_str(), room.why("bad").c_str());
  assert_true(!room.why("bad").empty());
  bad.address = *parse_address("127.0.0.9");
  assert_string_equal(room.prober.why_not("shop", bad).c_str(), "");

  // What does not differ is followed once, and known to both.
  room.prober.follow(room.settings, &room.settings);
  assert_string_equal(room.prober.why_not("shop", "bad", Of::others).c_str(),
                      room.why("bad").c_str());
}

// Who has left is asked, too; that its check leaves nobody is no reason not to believe it.
void who_has_left_is_asked(void**) {
  Room room;
  TestServer good(room.context, "127.0.0.1", {});
  auto leaver = std::make_unique<TestServer>(room.context, "127.0.0.1", Manners{});
  room.add("good", good.port());
  room.add("leaver", leaver->port());
  room.follow();
  assert_true(room.becomes("leaver", Health::up) && room.becomes("good", Health::up));
  Settings left = room.settings;
  left.services[0].backends.erase(left.services[0].backends.begin());
  const BackendSettings server = left.services[0].backends[0];
  room.settings.services[0].backends.pop_back();
  room.prober.follow(room.settings, nullptr, &left);
  assert_string_equal(room.prober.why_not("shop", server, Of::left).c_str(), "");
  leaver.reset();
  // And none is held for up: with its connections it is over.
  const auto began = std::chrono::steady_clock::now();
  assert_true(comes_true(room.context,
                         [&] { return !room.prober.why_not("shop", server, Of::left).empty(); }));
  assert_true(std::chrono::steady_clock::now() - began <
              std::chrono::microseconds(Membership::kHold));

  // Who has not left is known from where it is.
  assert_true(room.prober.is_known("shop", "good", Of::left));
  assert_string_equal(room.prober.why_not("shop", "good", Of::left).c_str(), "");
  // Nobody is told of who has left, nor is it remembered.
  assert_true(room.prober.alerts().empty());
  assert_true(room.prober.save(1).find("leaver") == std::string::npos);

  // It comes back as what it was found to be, and is nobody's once it is not followed any more.
  room.settings.services[0].backends.push_back(server);
  room.follow();
  assert_int_equal(room.state("leaver").health, Health::down);
  room.settings.services[0].backends.pop_back();
  room.follow();
  assert_string_equal(room.prober.why_not("shop", server, Of::left).c_str(), "");
}

// Whatever becomes of a change, what is known of its backends stays known.
void what_is_known_survives_a_change_of_sides(void**) {
  Room room;
  TestServer good(room.context, "127.0.0.1", {});
  room.add("good", good.port());
  room.add("bad", closed_port(room.context, "127.0.0.1"));
  room.follow();
  assert_true(room.becomes("bad", Health::down) && room.becomes("good", Health::up));
  const std::string why = room.why("bad");
  Settings changed = room.settings;
  changed.services[0].backends[0].weight = 2;
  room.prober.follow(room.settings, &changed);  // it rolls out
  assert_string_equal(room.prober.why_not("shop", "bad", Of::others).c_str(), why.c_str());
  room.prober.follow(changed, &room.settings);  // it is in force for all
  assert_string_equal(room.why("bad").c_str(), why.c_str());
  assert_string_equal(room.prober.why_not("shop", "bad", Of::others).c_str(), why.c_str());
  room.prober.follow(room.settings);  // it has gone back
  assert_string_equal(room.why("bad").c_str(), why.c_str());
  assert_true(room.prober.is_known("shop", "good"));
}

void it_may_go_at_any_time(void**) {
  boost::asio::io_context context{1};
  TestServer silent(context, "127.0.0.1", {.is_silent = true});
  Room room;
  Settings settings = room.settings;
  settings.services[0].check.type = CheckType::http;
  settings.services[0].backends.push_back(
      {.name = "one", .address = *parse_address("127.0.0.1"), .port = silent.port()});
  for (int turns = 0; turns < 20; ++turns) {
    auto prober = std::make_unique<Prober>(
        context, Prober::Parts{.now = real_now, .random = [] { return 7u; }, .on_change = [] {}});
    prober->follow(settings);
    const size_t end = silent.accepted() + 1;
    assert_true(comes_true(context, [&] { return turns % 2 == 0 || silent.accepted() >= end; }));
    prober.reset();
    context.restart();
    context.poll();
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  CHECK(shell("ip link set lo up && ip netns add keel-far && ip -n keel-far link set lo up"));
  const CMUnitTest tests[] = {
      cmocka_unit_test(nobody_is_up_before_an_answer),
      cmocka_unit_test(nothing_is_held_against_who_is_not_followed),
      cmocka_unit_test(a_backend_goes_down_and_comes_back),
      cmocka_unit_test(a_check_that_leaves_nobody_is_overruled),
      cmocka_unit_test(verdicts_survive_other_settings),
      cmocka_unit_test(another_check_asks_at_once_and_keeps_what_is_held),
      cmocka_unit_test(those_who_wait_get_their_turn),
      cmocka_unit_test(what_is_long_ago_is_unknown_and_holds),
      cmocka_unit_test(nobody_falls_since_the_box_hung),
      cmocka_unit_test(who_is_silent_falls_though_the_box_hung),
      cmocka_unit_test(who_is_silent_falls_though_the_box_hangs_for_ever),
      cmocka_unit_test(a_box_that_cannot_ask_blames_itself),
      cmocka_unit_test(a_box_that_can_ask_no_more_holds_what_it_knows),
      cmocka_unit_test(backends_are_asked_from_where_the_box_is),
      cmocka_unit_test(first_probes_are_spread),
      cmocka_unit_test(two_settings_are_followed_at_a_time),
      cmocka_unit_test(who_has_left_is_asked),
      cmocka_unit_test(what_is_known_survives_a_change_of_sides),
      cmocka_unit_test(it_may_go_at_any_time),
  };
  return cmocka_run_group_tests_name("health/prober", tests, nullptr, nullptr);
}
