#include "firmware/health/slow_watch.h"

#include <string>

#include "tests/cmocka.h"
#include "tests/exchange/specs.h"

namespace evenkeel {
namespace {

constexpr Microseconds kMillisecond = 1'000;

// "web" of three backends, and "mail" of one, which is compared with nobody.
PlanSpec two_services() {
  PlanSpec spec;
  for (uint32_t i = 0; i < 4; ++i) {
    spec.backends.push_back(backend_of(i));
    spec.backends.back().name = i < 3 ? "web/" + std::to_string(i) : "mail/0";
  }
  spec.services = {service_of("web", "192.0.2.1", 80, {{0}, {1}, {2}}),
                   service_of("mail", "192.0.2.2", 25, {{3}})};
  return spec;
}

struct World {
  PlanPointer plan = built(two_services());
  std::array<LatencyCounts, 64> counters{};
  SlowWatch watch;
  Microseconds now = 1'000'000'000;

  void answer(const std::string& backend, uint32_t count, Microseconds time) {
    for (size_t slot = 0; slot < plan->backend_records.size(); ++slot) {
      if (plan->backend_records[slot].name != backend) continue;
      counters[slot].counts[latency_bucket(time)] += count;
    }
  }
  // So many looks, before each of which the first backend has answered so, and the others in 2 ms.
  void look(size_t times, uint32_t count, Microseconds time) {
    for (size_t i = 0; i < times; ++i) {
      answer("web/0", count, time);
      answer("web/1", 100, 2 * kMillisecond);
      answer("web/2", 100, 2 * kMillisecond);
      answer("mail/0", 100, 900 * kMillisecond);
      now += SlowWatch::kInterval;
      watch.observe(*plan, [this](uint16_t slot) { return counters[slot]; }, now);
    }
  }
  std::string slow() const {
    std::string names;
    for (const Slow& each : watch.slow()) names += each.backend + " ";
    return names;
  }
};

void who_is_slow_is_told(void** /*state*/) {
  const struct {
    const char* description;
    uint32_t count;
    Microseconds time;
    const char* expected;
  } cases[] = {
      {"as fast as the others", 100, 2 * kMillisecond, ""},
      {"slow", 100, 300 * kMillisecond, "web/0 "},
      {"as slow as can be told", 100, 5'000 * kMillisecond, "web/0 "},
      {"slower, but who would notice", 100, 10 * kMillisecond, ""},
      {"too few answers", 49, 300 * kMillisecond, ""},
  };
  for (const auto& row : cases) {
    World world;
    world.look(1 + SlowWatch::kLooks, row.count, row.time);
    if (world.slow() != row.expected) print_error("%s\n", row.description);
    assert_string_equal(world.slow().c_str(), row.expected);
  }
}

void it_begins_and_ends_after_some_looks(void** /*state*/) {
  World world;
  world.look(1, 100, 2 * kMillisecond);
  world.look(SlowWatch::kLooks - 1, 100, 300 * kMillisecond);
  assert_string_equal(world.slow().c_str(), "");
  world.look(1, 100, 300 * kMillisecond);
  assert_string_equal(world.slow().c_str(), "web/0 ");
  assert_int_equal(world.watch.slow()[0].since, world.now);
  assert_string_equal(world.watch.slow()[0].evidence().c_str(),
                      "answers half of its first requests within 393 ms, "
                      "the others of its pool within 2 ms");
  world.look(SlowWatch::kLooks - 1, 100, 2 * kMillisecond);
  assert_string_equal(world.slow().c_str(), "web/0 ");
  world.look(1, 100, 2 * kMillisecond);
  assert_string_equal(world.slow().c_str(), "");
}

void who_answers_no_more_is_forgotten(void** /*state*/) {
  World world;
  world.look(1 + SlowWatch::kLooks, 100, 300 * kMillisecond);
  world.look(SlowWatch::kForgotten / SlowWatch::kInterval - 1, 0, kMillisecond);
  assert_string_equal(world.slow().c_str(), "web/0 ");
  world.look(1, 0, kMillisecond);
  assert_string_equal(world.slow().c_str(), "");
}

// Nearly half of what is asked for takes long, of whomever; by chance more than half of one's.
void who_had_more_long_answers_by_chance_is_not_slow(void** /*state*/) {
  World world;
  for (size_t i = 0; i < 5; ++i) {
    world.answer("web/0", 27, 100 * kMillisecond);
    for (const char* other : {"web/1", "web/2"}) world.answer(other, 81, 100 * kMillisecond);
    world.look(1, 23, 5 * kMillisecond);
  }
  assert_string_equal(world.slow().c_str(), "");
}

// Half of the answers of each is what counts: a few that take long are anybody's.
void a_few_slow_answers_are_nothing(void** /*state*/) {
  World world;
  for (size_t i = 0; i < 5; ++i) {
    world.answer("web/0", 40, 900 * kMillisecond);
    world.look(1, 100, 2 * kMillisecond);
  }
  assert_string_equal(world.slow().c_str(), "");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(who_is_slow_is_told),
      cmocka_unit_test(it_begins_and_ends_after_some_looks),
      cmocka_unit_test(who_answers_no_more_is_forgotten),
      cmocka_unit_test(who_had_more_long_answers_by_chance_is_not_slow),
      cmocka_unit_test(a_few_slow_answers_are_nothing),
  };
  return cmocka_run_group_tests_name("health/slow_watch", tests, nullptr, nullptr);
}
