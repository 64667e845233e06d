// The last minute's traffic, whatever happens to slots meanwhile.
#include "firmware/change/traffic_meter.h"

#include <array>
#include <string>

#include "tests/cmocka.h"
#include "tests/exchange/specs.h"

namespace evenkeel {
namespace {

constexpr Microseconds kSecond = kMicrosecondsPerTick;

struct World {
  PlanPointer plan;
  std::array<Flows, 64> counters{};
  TrafficMeter meter;
  Microseconds now = 1'000 * kSecond;

  World() {
    PlanSpec spec = good_spec();
    for (size_t i = 0; i < spec.backends.size(); ++i) {
      spec.backends[i].name = (i < 3 ? "web/" : "mail/") + std::to_string(i);
    }
    plan = built(spec);
  }
  TrafficMeter::Counted counted() {
    return [this](uint16_t slot) { return counters[slot]; };
  }
  // So many new flows, and ten packets each, for one backend.
  void give(const std::string& backend, uint64_t flows) {
    Flows& counter = counters[slot_of(*plan, backend)];
    counter.new_flows += flows;
    counter.packets += 10 * flows;
  }
  void pass(Microseconds seconds) {
    for (Microseconds i = 0; i < seconds; ++i) {
      meter.observe(*plan, counted(), now);
      now += kSecond;
    }
  }
  Traffic traffic() { return meter.last_minute(*plan, counted(), now); }
};

int setup(void** state) {
  *state = new World;
  return 0;
}
int teardown(void** state) {
  delete static_cast<World*>(*state);
  return 0;
}
World& of(void** state) { return *static_cast<World*>(*state); }

void test_nothing_was_counted_before_the_first_sample(void** state) {
  World& world = of(state);
  world.give("web/0", 1'000'000);  // by an earlier owner of the slot, or before we looked
  assert_true(world.traffic().by_backend.empty());
  world.pass(1);
  const Traffic traffic = world.traffic();
  assert_int_equal(traffic.by_backend.at("web/0").new_flows, 0);
  assert_int_equal(traffic.measured, kSecond);
}

void test_sums_by_backend_and_service(void** state) {
  World& world = of(state);
  world.pass(1);
  world.give("web/0", 5);
  world.give("web/1", 7);
  world.give("mail/3", 11);
  const Traffic traffic = world.traffic();
  assert_int_equal(traffic.by_backend.at("web/0").new_flows, 5);
  assert_int_equal(traffic.by_backend.at("web/1").packets, 70);
  assert_int_equal(traffic.by_service.at("web").new_flows, 12);
  assert_int_equal(traffic.by_service.at("mail").packets, 110);
}

void test_forgets_what_is_older_than_a_minute(void** state) {
  World& world = of(state);
  world.pass(1);
  world.give("web/0", 100);
  world.pass(40);
  assert_int_equal(world.traffic().by_backend.at("web/0").new_flows, 100);
  world.pass(60);
  world.give("web/0", 3);
  const Traffic traffic = world.traffic();
  assert_int_equal(traffic.by_backend.at("web/0").new_flows, 3);
  assert_in_range(traffic.measured, 60 * kSecond, 75 * kSecond);
}

// Counters of a slot go on when it changes hands; what its last owner had is not the new one's.
void test_a_slot_that_changes_hands(void** state) {
  World& world = of(state);
  world.pass(20);
  world.give("web/0", 50);
  PlanSpec spec = good_spec();
  for (BackendSpec& backend : spec.backends) backend.name = "new/" + backend.name;
  const PlanPointer changed = built(spec);
  assert_true(world.meter.last_minute(*changed, world.counted(), world.now).by_backend.empty());
  world.now += TrafficMeter::kInterval;
  world.meter.observe(*changed, world.counted(), world.now);
  const uint16_t slot = slot_of(*changed, "new/four-0");
  world.counters[slot].new_flows += 4;
  const Traffic traffic = world.meter.last_minute(*changed, world.counted(), world.now);
  assert_int_equal(traffic.by_backend.at("new/four-0").new_flows, 4);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_nothing_was_counted_before_the_first_sample, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(test_sums_by_backend_and_service, setup, teardown),
      cmocka_unit_test_setup_teardown(test_forgets_what_is_older_than_a_minute, setup, teardown),
      cmocka_unit_test_setup_teardown(test_a_slot_that_changes_hands, setup, teardown),
  };
  return cmocka_run_group_tests_name("change/traffic_meter", tests, nullptr, nullptr);
}
