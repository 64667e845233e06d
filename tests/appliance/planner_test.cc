// A planner with a real slot and one worker, who moves on when the test says so.
#include "firmware/appliance/planner.h"

#include <string>
#include <utility>

#include "tests/cmocka.h"
#include "tests/exchange/specs.h"

namespace evenkeel {
namespace {

constexpr Microseconds kStart = kNow * kMicrosecondsPerTick;

struct World {
  const Secret secret = secret_of(1);
  std::unique_ptr<Evidence> evidence =
      std::move(Evidence::make({.slots = 64, .services = 16}).value());
  Slot<Plan> slot{1, build_plan(good_spec(), secret, {}, kNow).value()};
  Slot<Plan>::Reader worker{slot, 0};
  Planner planner{slot, good_spec(), secret, {evidence.get()}, kWindow};

  uint64_t seen() {
    worker.quiescent();
    return worker.read().generation;
  }
};

PlanSpec without_first_member() {
  PlanSpec spec = good_spec();
  spec.services[0].members[0].weight = 0;
  return spec;
}

int make_world(void** state) {
  *state = new World;
  return 0;
}
int end_world(void** state) {
  delete static_cast<World*>(*state);
  return 0;
}
World& world_of(void** state) { return *static_cast<World*>(*state); }

void test_a_wanted_plan_is_in_force_at_once(void** state) {
  World& world = world_of(state);
  const uint64_t first = world.seen();
  assert_true(world.planner.want(without_first_member(), kStart).ok());
  assert_false(world.planner.is_waiting());
  assert_int_equal(world.seen(), first + 1);
  assert_int_equal(world.planner.generation(), first + 1);
}

void test_a_draft_is_what_would_be_and_changes_nothing(void** state) {
  World& world = world_of(state);
  const uint64_t first = world.seen();
  const Planner::Draft draft = world.planner.draft(without_first_member(), kStart).value();
  assert_true(world.planner.is_fresh(draft));
  assert_int_equal(world.seen(), first);
  assert_int_equal(world.planner.generation(), first);
  assert_true(world.planner.want(without_first_member(), kStart).ok());
  assert_true(world.slot.current()->fingerprint == draft.plan->fingerprint);
  assert_true(world.slot.current()->generation == draft.plan->generation);
  assert_false(world.planner.is_fresh(draft));
}

void test_a_fresh_draft_is_followed_as_it_is(void** state) {
  World& world = world_of(state);
  Planner::Draft draft = world.planner.draft(without_first_member(), kStart).value();
  const PlanPointer drafted = draft.plan;
  assert_true(world.planner.want(draft, kStart).ok());
  assert_ptr_equal(world.slot.current().get(), drafted.get());
  // The worker has not looked yet; then it has.
  Microseconds time = kStart;
  const auto passing = [&time] { return time += 1'000; };
  assert_false(world.planner.await_workers(passing));
  world.worker.quiescent();
  assert_true(world.planner.await_workers(passing));
  // Its specification is the one that is settled from then on.
  const uint64_t fingerprint = drafted->fingerprint;
  assert_true(world.planner.step(kStart + 10 * Planner::kSettleInterval).ok());
  assert_true(world.slot.current()->fingerprint == fingerprint);
}

void test_a_stale_draft_is_made_anew(void** state) {
  World& world = world_of(state);
  Planner::Draft draft = world.planner.draft(without_first_member(), kStart).value();
  const PlanPointer drafted = draft.plan;
  assert_true(world.planner.want(good_spec(), kStart).ok());
  world.worker.quiescent();
  assert_true(world.planner.want(draft, kStart).ok());
  assert_false(world.planner.is_waiting());
  assert_ptr_not_equal(world.slot.current().get(), drafted.get());
  assert_true(world.slot.current()->fingerprint == drafted->fingerprint);
}

void test_a_draft_waits_for_a_worker_as_anything_does(void** state) {
  World& world = world_of(state);
  assert_true(world.planner.want(good_spec(), kStart).ok());
  Planner::Draft draft = world.planner.draft(without_first_member(), kStart).value();
  const uint64_t fingerprint = draft.plan->fingerprint;
  assert_true(world.planner.want(draft, kStart).ok());
  assert_true(world.planner.is_waiting());
  world.worker.quiescent();
  assert_true(world.planner.step(kStart).ok());
  assert_false(world.planner.is_waiting());
  assert_true(world.slot.current()->fingerprint == fingerprint);
}

// What it moves has moved when it came in force, not when it was drafted.
void test_the_windows_of_an_old_draft_are_whole(void** state) {
  World& world = world_of(state);
  Planner::Draft draft = world.planner.draft(without_first_member(), kStart).value();
  const Microseconds later = kStart + 10 * kWindow * kMicrosecondsPerTick;
  assert_true(world.planner.want(draft, later).ok());
  const auto has_moves = [&world] { return world.slot.current()->services[0].previous != nullptr; };
  Microseconds now = later;
  for (; now < later + kWindow * kMicrosecondsPerTick; now += kMicrosecondsPerTick) {
    world.worker.quiescent();
    assert_true(world.planner.step(now).ok());
    assert_true(has_moves());
  }
  const Microseconds over = later + 12 * kWindow * kMicrosecondsPerTick;
  for (now = over; now < over + 3 * Planner::kSettleInterval; now += Planner::kSettleInterval) {
    world.worker.quiescent();
    assert_true(world.planner.step(now).ok());
  }
  assert_false(has_moves());
}

void test_what_is_refused_changes_nothing(void** state) {
  World& world = world_of(state);
  const uint64_t first = world.seen();
  PlanSpec spec = good_spec();
  for (MemberSpec& member : spec.services[0].members) member.weight = 0;
  const bool refused = !world.planner.want(std::move(spec), kStart).ok();
  assert_true(refused);
  assert_false(world.planner.is_waiting());
  assert_true(world.planner.step(kStart).ok());
  assert_int_equal(world.seen(), first);
}

void test_the_newest_waits_for_a_worker_that_lags(void** state) {
  World& world = world_of(state);
  const uint64_t first = world.seen();
  assert_true(world.planner.want(without_first_member(), kStart).ok());
  assert_true(world.planner.want(good_spec(), kStart).ok());
  assert_true(world.planner.want(without_first_member(), kStart).ok());
  assert_true(world.planner.is_waiting());
  assert_true(world.planner.step(kStart).ok());
  assert_true(world.planner.is_waiting());
  assert_int_equal(world.seen(), first + 1);
  assert_true(world.planner.step(kStart).ok());
  assert_false(world.planner.is_waiting());
  assert_int_equal(world.seen(), first + 2);
  const Plan& plan = world.worker.read();
  assert_int_equal(plan.service_records[0].table->members[0].weight, 0);
}

void test_an_error_is_told_though_a_worker_lags(void** state) {
  World& world = world_of(state);
  world.seen();
  assert_true(world.planner.want(without_first_member(), kStart).ok());
  PlanSpec spec = good_spec();
  spec.backends[1].name = spec.backends[0].name;
  const bool refused = !world.planner.want(std::move(spec), kStart).ok();
  assert_true(refused);
}

void test_moved_buckets_become_steady_by_themselves(void** state) {
  World& world = world_of(state);
  world.seen();
  assert_true(world.planner.want(without_first_member(), kStart).ok());
  world.seen();
  assert_true(world.worker.read().service_records[0].moves != nullptr);
  const Microseconds over = kStart + kWindow * kMicrosecondsPerTick + 3 * Planner::kSettleInterval;
  for (Microseconds now = kStart; now < over; now += Planner::kSettleInterval / 2) {
    assert_true(world.planner.step(now).ok());
    world.seen();
  }
  assert_true(world.worker.read().service_records[0].moves == nullptr);
  const uint64_t last = world.seen();
  assert_true(world.planner.step(over + 10 * Planner::kSettleInterval).ok());
  assert_int_equal(world.seen(), last);  // there is nothing left to look over
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_a_wanted_plan_is_in_force_at_once, make_world,
                                      end_world),
      cmocka_unit_test_setup_teardown(test_a_draft_is_what_would_be_and_changes_nothing, make_world,
                                      end_world),
      cmocka_unit_test_setup_teardown(test_a_fresh_draft_is_followed_as_it_is, make_world,
                                      end_world),
      cmocka_unit_test_setup_teardown(test_a_stale_draft_is_made_anew, make_world, end_world),
      cmocka_unit_test_setup_teardown(test_a_draft_waits_for_a_worker_as_anything_does, make_world,
                                      end_world),
      cmocka_unit_test_setup_teardown(test_the_windows_of_an_old_draft_are_whole, make_world,
                                      end_world),
      cmocka_unit_test_setup_teardown(test_what_is_refused_changes_nothing, make_world, end_world),
      cmocka_unit_test_setup_teardown(test_the_newest_waits_for_a_worker_that_lags, make_world,
                                      end_world),
      cmocka_unit_test_setup_teardown(test_an_error_is_told_though_a_worker_lags, make_world,
                                      end_world),
      cmocka_unit_test_setup_teardown(test_moved_buckets_become_steady_by_themselves, make_world,
                                      end_world),
  };
  return cmocka_run_group_tests_name("appliance/planner", tests, nullptr, nullptr);
}
