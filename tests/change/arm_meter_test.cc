// What became of flows in either arm, from counters that only grow.
#include "firmware/change/arm_meter.h"

#include <array>

#include "tests/cmocka.h"
#include "tests/exchange/specs.h"

namespace evenkeel {
namespace {

struct World {
  std::array<BackendCounts, 64> counts{};
  std::array<LatencyCounts, 64> latencies{};
  ArmMeter meter;

  ArmReading read(const Plan& plan, const char* service = "web") {
    return meter.read(plan, {service},
                      {.counts = [this](uint16_t slot) { return counts[slot]; },
                       .latencies = [this](uint16_t slot) { return latencies[slot]; }})[0];
  }
};

PlanSpec on_trial() {
  PlanSpec spec = good_spec();
  spec.backends.push_back(backend_of(0));
  spec.backends.back().arm = 1;
  spec.services[0].trial = {.members = {{6}}, .share = 1'000};
  return spec;
}

void arms_are_read_apart_and_once(void** /*state*/) {
  World world;
  const PlanPointer plan = built(on_trial());
  const BucketTable& table = *record_of(*plan, "web").table;
  const uint16_t old_slot = table.members[0].slot;
  const uint16_t new_slot = table.trial[0].slot;
  world.counts[old_slot] = {.good = 1'000, .bad = 7};
  assert_true(world.read(*plan).old_arm.outcomes == Outcomes{});  // of whoever had the slot before
  world.counts[old_slot].good += 5;
  world.counts[new_slot].bad += 3;
  world.counts[old_slot].new_flows += 9;
  world.counts[new_slot].new_flows += 4;
  world.latencies[new_slot].counts[4] += 2;
  const ArmReading reading = world.read(*plan);
  assert_true((reading.old_arm.outcomes == Outcomes{.good = 5, .bad = 0}));
  assert_true((reading.new_arm.outcomes == Outcomes{.good = 0, .bad = 3}));
  assert_int_equal(reading.new_arm.latencies.counts[4], 2);
  assert_int_equal(reading.new_flows, 4);
  assert_true(world.read(*plan).new_arm.outcomes == Outcomes{});
}

void without_a_trial_nothing_is_read(void** /*state*/) {
  World world;
  const PlanPointer plan = built(good_spec());
  world.read(*plan);
  for (BackendCounts& counts : world.counts) counts.good += 9;
  assert_true(world.read(*plan).old_arm.outcomes == Outcomes{});
  assert_true(world.read(*plan, "unheard-of").old_arm.outcomes == Outcomes{});
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(arms_are_read_apart_and_once),
      cmocka_unit_test(without_a_trial_nothing_is_read),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
