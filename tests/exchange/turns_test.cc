#include "firmware/exchange/turns.h"

#include <array>
#include <barrier>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr Tick kNow = 5'000;

struct World {
  Turns turns{std::move(Turns::make().value())};
  Turns::Trial trial;

  bool take(uint64_t steering, Tick now, uint16_t service = 0) {
    return turns.take({.service = service, .steering_hash = steering}, now);
  }
  bool take_on_trial(uint64_t steering, Tick now) {
    return turns.take({.service = 0, .steering_hash = steering, .trial = &trial}, now);
  }
};

std::vector<uint64_t> sources(size_t count) {
  std::mt19937_64 random(11);
  std::vector<uint64_t> all(count);
  for (uint64_t& each : all) each = random();
  return all;
}

void a_source_has_its_turn_once_in_a_while(void**) {
  const struct {
    const char* description;
    Tick first, then;
    bool is_its_turn;
  } cases[] = {
      {"at once", kNow, kNow, false},
      {"later", kNow, kNow + Turns::kApart - 1, false},
      {"after a while", kNow, kNow + Turns::kApart, true},
      {"after long", kNow, kNow + 1'000'000, true},
      {"by a worker whose clock is behind", kNow, kNow - 1, false},
      {"at the beginning of time", 0, 1, false},
      {"soon after it", 0, Turns::kApart + 1, true},
      {"when ticks wrap", ~Tick{0} - 5, 5, false},
      {"after they have", ~Tick{0} - 5, Turns::kApart, true},
  };
  for (const auto& row : cases) {
    print_message("  %s\n", row.description);
    World world;
    assert_true(world.take(77, row.first));
    assert_int_equal(world.take(77, row.then), row.is_its_turn);
  }
}

// Who asks in vain waits no longer for it.
void asking_costs_nothing(void**) {
  World world;
  for (Tick now = kNow; now < kNow + 10 * Turns::kApart; ++now) {
    assert_int_equal(world.take(77, now), (now - kNow) % Turns::kApart == 0);
  }
}

void each_source_has_a_turn_of_its_own_in_each_service(void**) {
  World world;
  size_t taken = 0;
  const std::vector<uint64_t> all = sources(2'000);
  for (const uint16_t service : {uint16_t{0}, uint16_t{1}, uint16_t{4'095}}) {
    for (const uint64_t source : all) taken += world.take(source, kNow, service) ? 1 : 0;
  }
  assert_in_range(taken, 5'850, 6'000);  // of 6,000, some 68 share their place
  for (const uint64_t source : all) assert_false(world.take(source, kNow + 1));
}

// Those who are without a turn are no more often of one bucket than of another.
void who_shares_a_place_is_decided_by_other_bits(void**) {
  World world;
  std::array<size_t, 8> refused{};
  for (const uint64_t source : sources(4 * Turns::kPlaces)) {
    if (!world.take(source, kNow)) ++refused[source >> 61];
  }
  const size_t mean = 4 * Turns::kPlaces * 754 / 1'000 / refused.size();  // 3/4 and e^-4 / 4
  for (const size_t each : refused) assert_in_range(each, mean * 98 / 100, mean * 102 / 100);
}

void on_trial_a_source_has_one_turn_however_long_it_is(void**) {
  World world;
  assert_true(world.take_on_trial(77, kNow - 2 * Turns::kApart));  // of the trial before
  world.trial.since = kNow;
  assert_true(world.take_on_trial(77, kNow));
  for (Tick now = kNow; now < kNow + 20'000; now += 100) {
    assert_false(world.take_on_trial(77, now));
  }
  world.trial.since = kNow + 20'000;
  assert_true(world.take_on_trial(77, kNow + 20'000));
}

// The ejector looks on while a trial begins.
void a_trial_waits_for_those_who_had_their_turn_before(void**) {
  World world;
  world.trial.since = kNow;
  assert_true(world.take(77, kNow - 10));
  assert_false(world.take_on_trial(77, kNow));
  assert_false(world.take_on_trial(77, kNow - 11 + Turns::kApart));
  assert_true(world.take_on_trial(77, kNow - 10 + Turns::kApart));
  assert_false(world.take(77, kNow + Turns::kApart));  // nor does the trial's end bring a new one
}

// Each step has its part of sources, and in all of them each has one turn.
void steps_of_a_trial_share_the_sources(void**) {
  const std::vector<uint64_t> all = sources(6'000);
  for (const uint8_t steps : {uint8_t{1}, uint8_t{2}, uint8_t{3}, uint8_t{8}}) {
    World world;
    world.trial = {.since = kNow, .step = 0, .steps = steps};
    size_t taken = 0;
    for (; world.trial.step < steps; ++world.trial.step) {
      std::array<size_t, 2> halves{};
      for (Tick now = kNow; now < kNow + 300; now += 50) {
        for (const uint64_t source : all) {
          halves[source >> 63] += world.take_on_trial(source, now) ? 1 : 0;
        }
      }
      const size_t part = all.size() / steps / 2;
      for (const size_t half : halves) assert_in_range(half, part * 85 / 100, part * 115 / 100);
      taken += halves[0] + halves[1];
    }
    assert_in_range(taken, 5'850, 6'000);
  }
}

// One source's flows come to several workers. So many that who comes later catches up.
void of_workers_that_ask_at_a_time_one_gets_the_turn(void**) {
  constexpr size_t kWorkers = 2;
  constexpr Tick kRounds = 100;
  World world;
  const std::vector<uint64_t> all = sources(20'000);
  std::array<size_t, kWorkers> taken{};
  std::barrier together(kWorkers);
  const auto ask = [&](size_t worker) {
    for (Tick round = 0; round < kRounds; ++round) {
      together.arrive_and_wait();
      for (const uint64_t source : all) {
        taken[worker] += world.take(source, kNow + round * Turns::kApart) ? 1 : 0;
      }
    }
  };
  std::thread other([&] { ask(1); });
  ask(0);
  other.join();
  World alone;
  size_t by_one = 0;
  for (const uint64_t source : all) by_one += alone.take(source, kNow) ? 1 : 0;
  print_message("%zu and %zu turns\n", taken[0], taken[1]);
  assert_int_equal(taken[0] + taken[1], kRounds * by_one);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_source_has_its_turn_once_in_a_while),
      cmocka_unit_test(asking_costs_nothing),
      cmocka_unit_test(each_source_has_a_turn_of_its_own_in_each_service),
      cmocka_unit_test(who_shares_a_place_is_decided_by_other_bits),
      cmocka_unit_test(on_trial_a_source_has_one_turn_however_long_it_is),
      cmocka_unit_test(a_trial_waits_for_those_who_had_their_turn_before),
      cmocka_unit_test(steps_of_a_trial_share_the_sources),
      cmocka_unit_test(of_workers_that_ask_at_a_time_one_gets_the_turn),
  };
  return cmocka_run_group_tests_name("exchange/turns", tests, nullptr, nullptr);
}
