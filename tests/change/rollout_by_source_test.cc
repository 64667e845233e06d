// Steps of a service that steers by source: one client's failures take no change back.
#include "firmware/change/arm_meter.h"
#include "firmware/change/rollout.h"
#include "tests/cmocka.h"
#include "tests/packet/crowd.h"

namespace evenkeel {
namespace {

constexpr Microseconds kSecond = 1'000'000;

Settings only_web() {
  Settings settings;
  settings.services.resize(1);
  settings.services[0].name = "web";
  settings.services[0].buckets = kDefaultBuckets;
  return settings;
}

RolloutSettings steps_of(Microseconds step_time) {
  RolloutSettings settings;
  settings.step_time = step_time;
  return settings;
}

struct World {
  explicit World(size_t clients, uint64_t seed,
                 Microseconds step_time = RolloutSettings{}.step_time)
      : crowd(clients, seed), rollout(steps_of(step_time), {"web"}, only_web(), crowd.box.now) {
    follow();
  }

  // The plan of the present step.
  void follow() {
    PlanSpec spec = spec_by_source(rollout.share());
    spec.sample_shift = 0;
    spec.trial = rollout.turns();
    plan = plan == nullptr ? built(spec) : built_after(plan, spec, crowd.box.tick());
  }
  // Until it is over or goes back; answers whether it does.
  bool goes_back(const Crowd::Flows& flows, const Crowd::Fails& fails) {
    const Evidence& evidence = crowd.box.evidence();
    const ArmMeter::Counted counted = {
        .counts = [&](uint16_t slot) { return evidence.backend(slot); },
        .latencies = [&](uint16_t slot) { return evidence.response_times(slot); }};
    std::vector<std::string> doubts;
    while (!rollout.is_over()) {
      crowd.pass(*plan, flows, fails);
      const auto advice = rollout.observe(meter.read(*plan, {"web"}, counted), {}, crowd.box.now);
      if (advice == Rollout::Advice::go_back) return true;
      if (advice != Rollout::Advice::advance) continue;
      rollout.advance(crowd.box.now, doubts);
      if (!rollout.is_over()) follow();
    }
    return false;
  }
  // A client that is in the new arm from the first step on.
  size_t early() const {
    return crowd.find([](uint32_t bucket) { return is_in_slice(bucket, kWholeSlice / 100); });
  }
  bool is_tried(uint16_t slot) const {
    const auto& tried = plan->service_records[number_of(*plan, "web")].table->trial;
    return std::ranges::find(tried, slot, &TableMember::slot) != tried.end();
  }

  Crowd crowd;
  Rollout rollout;
  PlanPointer plan;
  ArmMeter meter;
};

constexpr size_t kFound = 2'000;  // clients among whom one is early

// In as few steps as there may be, it has its turn in the smallest one.
void one_bad_client_takes_nothing_back(void**) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    World world(kFound, seed);
    const size_t bad = world.early();
    assert_false(world.goes_back({.busy = bad, .of_busy = 20},
                                 [bad](size_t client, uint16_t) { return client == bad; }));
  }
}

// Not even in ten minutes.
void however_long_it_takes(void**) {
  for (const Microseconds step_time : {200 * kSecond, 600 * kSecond}) {
    World world(kFound, 7, step_time);
    const size_t bad = world.early();
    const double rate = step_time > 200 * kSecond ? 0.02 : 0.2;  // so that time ends the steps
    assert_false(world.goes_back({.of_each = rate, .busy = bad, .of_busy = 5},
                                 [bad](size_t client, uint16_t) { return client == bad; }));
    assert_in_range(world.rollout.judge(0).new_arm().bad, 0, 1);
  }
}

void each_of_its_flows_would_be_evidence(void**) {
  World world(kFound, 1);
  const size_t bad = world.early();
  assert_true(world.goes_back({.busy = bad, .of_busy = 20}, [&](size_t client, uint16_t) {
    world.crowd.forget_turns();
    return client == bad;
  }));
}

// By the sources that are there in its later steps.
void what_fails_all_its_clients_goes_back(void**) {
  for (const size_t clients : {60u, 200u, 1'000u}) {
    World world(clients, 3);
    const Microseconds begin = world.crowd.box.now;
    assert_true(world.goes_back({.clients = clients},
                                [&](size_t, uint16_t slot) { return world.is_tried(slot); }));
    print_message("%zu clients: after %.1f s, at %u: %s\n", clients,
                  static_cast<double>(world.crowd.box.now - begin) / kSecond, world.rollout.share(),
                  world.rollout.why().c_str());
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(one_bad_client_takes_nothing_back),
      cmocka_unit_test(however_long_it_takes),
      cmocka_unit_test(each_of_its_flows_would_be_evidence),
      cmocka_unit_test(what_fails_all_its_clients_goes_back),
  };
  return cmocka_run_group_tests_name("change/rollout_by_source", tests, nullptr, nullptr);
}
