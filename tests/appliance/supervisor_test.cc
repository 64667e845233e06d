// Each trouble by itself: when it is noticed, that it is told once, when it is over.
#include "firmware/appliance/supervisor.h"

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr Microseconds kStart = 5'000'000;

Observation well() {
  Observation observation;
  observation.worker_loops = {10, 20};
  observation.ports.resize(2);
  observation.buffers_free = 1'000;
  return observation;
}

// A box of two workers and two ports, on which time passes.
struct Watched {
  Observation seen = well();
  Microseconds now = kStart;
  Supervisor supervisor{{"wan", "lan"}, well(), kStart};

  std::vector<Notice> look(Microseconds after = Supervisor::kInterval) {
    now += after;
    return supervisor.observe(seen, now);
  }
  void work() {
    for (uint64_t& loops : seen.worker_loops) ++loops;
  }
  // Looks on while the workers work, until something is said; answers when that was, or 0.
  Microseconds calm_until_told(Microseconds longest, std::vector<Notice>& ret_events) {
    for (const Microseconds end = now + longest; now < end;) {
      work();
      ret_events = look();
      if (!ret_events.empty()) return now;
    }
    return 0;
  }
};

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

void test_all_is_well(void**) {
  Watched box;
  std::vector<Notice> events;
  assert_int_equal(box.calm_until_told(3'000'000, events), 0);
  assert_true(box.supervisor.troubles().empty());
}

void test_a_stalled_worker_is_noticed_within_100_ms(void**) {
  Watched box;
  box.work();
  assert_true(box.look().empty());
  const Microseconds stalled = box.now;
  std::vector<Notice> events;
  while (events.empty()) {
    ++box.seen.worker_loops[0];
    events = box.look();
  }
  assert_true(box.now - stalled < 100'000);
  assert_int_equal(events.size(), 1);
  assert_true(events[0].is_bad && contains(events[0].text, "worker 1"));
  while (box.now - stalled < 1'200'000) {
    assert_int_equal(box.supervisor.troubles().size(), box.now - stalled < 1'060'000 ? 0 : 1);
    ++box.seen.worker_loops[0];
    assert_true(box.look().empty());  // told once
  }
  box.work();
  events = box.look();
  assert_int_equal(events.size(), 1);
  assert_false(events[0].is_bad);
  assert_true(box.supervisor.troubles().empty());
}

void test_who_sleeps_himself_blames_nobody(void**) {
  Watched box;
  assert_true(box.look(10'000'000).empty());
  assert_true(box.look().empty());
}

void test_a_link_drops_and_comes_back(void**) {
  Watched box;
  box.work();
  box.seen.ports[1].link_is_up = false;
  std::vector<Notice> events = box.look();
  assert_int_equal(events.size(), 1);
  assert_true(events[0].is_bad && contains(events[0].text, "port lan"));
  box.work();
  box.seen.ports[1].link_is_up = true;
  events = box.look();
  assert_int_equal(events.size(), 1);
  assert_false(events[0].is_bad);
}

// Each: what a look shows, and what is to be said of it.
void test_counted_troubles_are_told_once_and_end_when_calm(void**) {
  const struct {
    const char* description;
    void (*happen)(Observation&);
    const char* said;
  } rows[] = {
      {"full queue", [](Observation& o) { o.ports[0].transmit_full += 7; }, "queue is full: 7"},
      {"missed", [](Observation& o) { o.ports[1].missed += 9; }, "9 packets missed"},
      {"no buffer to receive", [](Observation& o) { o.ports[1].no_buffer += 1; }, "exhausted"},
      {"no buffer to answer", [](Observation& o) { o.no_buffer += 1; }, "exhausted"},
  };
  for (const auto& row : rows) {
    Watched box;
    for (int i = 0; i < 3; ++i) {
      box.work();
      row.happen(box.seen);
      const std::vector<Notice> events = box.look();
      assert_int_equal(events.size(), i == 0 ? 1 : 0);
      if (i == 0) assert_true(events[0].is_bad && contains(events[0].text, row.said));
    }
    const Microseconds last = box.now;
    std::vector<Notice> events;
    const Microseconds told = box.calm_until_told(2'000'000, events);
    assert_true(told - last >= Supervisor::kCalm);
    assert_true(told - last <= Supervisor::kCalm + Supervisor::kInterval);
    assert_false(events[0].is_bad);
    assert_true(box.supervisor.troubles().empty());
  }
}

void test_an_empty_pool_is_a_trouble_by_itself(void**) {
  Watched box;
  box.work();
  box.seen.buffers_free = 0;
  const std::vector<Notice> events = box.look();
  assert_int_equal(events.size(), 1);
  assert_true(contains(events[0].text, "memory.buffers"));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_all_is_well),
      cmocka_unit_test(test_a_stalled_worker_is_noticed_within_100_ms),
      cmocka_unit_test(test_who_sleeps_himself_blames_nobody),
      cmocka_unit_test(test_a_link_drops_and_comes_back),
      cmocka_unit_test(test_counted_troubles_are_told_once_and_end_when_calm),
      cmocka_unit_test(test_an_empty_pool_is_a_trouble_by_itself),
  };
  return cmocka_run_group_tests_name("appliance/supervisor", tests, nullptr, nullptr);
}
