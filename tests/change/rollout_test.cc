// Steps of a rollout, by evidence and by time.
#include "firmware/change/rollout.h"

#include <string>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr Microseconds kTenth = 100'000;

RolloutSettings steps_of(std::vector<uint32_t> steps) {
  RolloutSettings settings;
  settings.steps = std::move(steps);
  return settings;
}

// A tenth of a second of two services; the share of the new arm is the rollout's.
struct World {
  explicit World(const RolloutSettings& settings = steps_of({10, 50}))
      : rollout(settings, {"shop", "mail"}, two_services(), now) {}

  static Settings two_services() {
    Settings before;
    before.services.resize(2);
    before.services[0].name = "mail";
    before.services[1].name = "shop";
    return before;
  }

  static ArmInterval of_flows(uint64_t flows, uint64_t bad) {
    ArmInterval arm;
    arm.outcomes = {.good = flows - bad, .bad = bad};
    arm.latencies.counts[10] = static_cast<uint32_t>(flows - bad);
    return arm;
  }
  ArmReading reading(double flows, double bad_old, double bad_new) const {
    const double part = rollout.share() / static_cast<double>(kWholeSlice);
    const auto tried = static_cast<uint64_t>(flows * part);
    const auto others = static_cast<uint64_t>(flows * (1 - part));
    return {.old_arm = of_flows(others, static_cast<uint64_t>(bad_old * flows * (1 - part))),
            .new_arm = of_flows(tried, static_cast<uint64_t>(bad_new * flows * part))};
  }
  Rollout::Advice pass(double bad_in_shop, double bad_in_mail = 0, double flows = 1'000) {
    now += kTenth;
    return rollout.observe({reading(flows, 0, bad_in_shop), reading(flows, 0, bad_in_mail)}, {},
                           now);
  }
  // Tenths of a second until it advises anything but to stay, or `most`.
  int until(Rollout::Advice& ret_advice, int most, double bad_in_shop, double flows) {
    for (int i = 1; i <= most; ++i) {
      ret_advice = pass(bad_in_shop, 0, flows);
      if (ret_advice != Rollout::Advice::stay) return i;
    }
    return most + 1;
  }

  Microseconds now = 1'000'000'000;
  Rollout rollout;
  std::vector<std::string> doubts;
};

void plain_evidence_ends_a_step_early(void** /*state*/) {
  World world;
  Rollout::Advice advice{};
  const int tenths = world.until(advice, 100, 0, 2'000);
  assert_true(advice == Rollout::Advice::advance);
  assert_in_range(tenths, 20, 60);  // not before flows of this step can be known
  world.rollout.advance(world.now, world.doubts);
  assert_true(world.doubts.empty());
  assert_int_equal(world.rollout.share(), 5'000);
}

void without_flows_time_ends_a_step_and_it_is_told(void** /*state*/) {
  World world;
  Rollout::Advice advice{};
  assert_int_equal(world.until(advice, 200, 0, 0), 100);
  assert_true(advice == Rollout::Advice::advance);
  world.rollout.advance(world.now, world.doubts);
  assert_int_equal(world.doubts.size(), 2);
  assert_true(world.doubts[0].starts_with("service shop: "));
  assert_true(world.rollout.judge(0).judgement() == Judgement::inconclusive);
}

void its_last_step_is_the_whole(void** /*state*/) {
  World world(steps_of({10}));
  Rollout::Advice advice{};
  world.until(advice, 200, 0, 0);
  assert_false(world.rollout.is_over());
  world.rollout.advance(world.now, world.doubts);
  assert_true(world.rollout.is_over());
  assert_int_equal(world.rollout.share(), kWholeSlice);
}

void one_service_that_is_worse_is_enough(void** /*state*/) {
  World world;
  for (int i = 0; i < 30; ++i) {
    if (world.pass(0, 0.6) != Rollout::Advice::go_back) continue;
    assert_true(world.rollout.why().starts_with("service mail: "));
    assert_in_range(i, 0, 5);
    return;
  }
  fail_msg("not found");
}

// A thousand flows a second, one in a hundred of them tried: what breaks is known in a second.
void a_hard_failure_of_the_smallest_slice_is_found_in_a_second(void** /*state*/) {
  World world(steps_of({1, 10, 50}));
  for (int i = 0; i < 10; ++i) {
    world.now += kTenth;
    ArmReading shop = {.old_arm = World::of_flows(99, 0),
                       .new_arm = World::of_flows(1, i % 2 == 0 ? 1 : 0)};
    const ArmReading mail = {};
    if (world.rollout.observe({shop, mail}, {}, world.now) == Rollout::Advice::go_back) return;
  }
  fail_msg("not found: %s", world.rollout.judge(0).evidence().c_str());
}

void a_world_that_breaks_for_both_is_not_the_changes_fault(void** /*state*/) {
  World world;
  for (int i = 0; i < 90; ++i) {
    world.now += kTenth;
    const double bad = i < 20 ? 0 : 0.7;
    const auto advice = world.rollout.observe(
        {world.reading(1'000, bad, bad), world.reading(1'000, bad, bad)}, {}, world.now);
    assert_true(advice != Rollout::Advice::go_back);
    if (advice == Rollout::Advice::advance && !world.rollout.is_over()) {
      world.rollout.advance(world.now, world.doubts);
    }
    if (world.rollout.is_over()) return;
  }
}

// A change whose backends may take no flows harms nobody while it is tried, and everybody after.
void a_change_that_leaves_nobody_goes_back(void** /*state*/) {
  World world;
  for (int i = 0; i < 99; ++i) {
    world.now += kTenth;
    ArmReading nobody;
    assert_true(world.rollout.observe({nobody, nobody}, {"shop"}, world.now) ==
                Rollout::Advice::stay);
  }
  world.now += kTenth;
  assert_true(world.rollout.observe({{}, {}}, {"shop"}, world.now) == Rollout::Advice::go_back);
  assert_true(world.rollout.why().starts_with("service shop: none of its backends"));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(plain_evidence_ends_a_step_early),
      cmocka_unit_test(without_flows_time_ends_a_step_and_it_is_told),
      cmocka_unit_test(its_last_step_is_the_whole),
      cmocka_unit_test(one_service_that_is_worse_is_enough),
      cmocka_unit_test(a_hard_failure_of_the_smallest_slice_is_found_in_a_second),
      cmocka_unit_test(a_world_that_breaks_for_both_is_not_the_changes_fault),
      cmocka_unit_test(a_change_that_leaves_nobody_goes_back),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
