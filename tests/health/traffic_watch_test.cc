// What counters of slots come to, pool by pool.
#include "firmware/health/traffic_watch.h"

#include <algorithm>
#include <array>
#include <string>

#include "tests/cmocka.h"
#include "tests/exchange/specs.h"

namespace evenkeel {
namespace {

constexpr Microseconds kHalfSecond = 500'000;

// "web" of three backends in IPv4 and IPv6, each with two slots therefore.
PlanSpec pool_of(const std::vector<MemberSpec>& members) {
  PlanSpec spec;
  for (uint32_t i = 0; i < 6; ++i) {
    spec.backends.push_back(backend_of(i % 3, i < 3));
    spec.backends.back().name = "web/" + std::to_string(i % 3);
  }
  std::vector<MemberSpec> others = members;
  for (MemberSpec& member : others) member.backend += 3;
  spec.services = {service_of("web", "192.0.2.1", 80, members),
                   service_of("web/v6", "2001:db8::1", 80, others)};
  return spec;
}

struct World {
  PlanPointer plan;
  std::array<BackendCounts, 64> counters{};
  TrafficWatch watch;
  Microseconds now = 1'000'000'000;
  std::vector<Ejection> ejected;
  std::vector<std::string> returned;
  size_t spared = 0;  // anew, in the last pass
  double most = 0.34;

  World() : plan(built(pool_of({{0}, {1}, {2, 2}}))) {}
  // Flows of one backend, half of them in each family.
  void give(size_t backend, uint64_t good, uint64_t bad) {
    for (const size_t slot : {backend, backend + 3}) {
      counters[slot].good += good / 2;
      counters[slot].bad += bad / 2;
      counters[slot].new_flows += (good + bad) / 2;
    }
  }
  bool is_ejected(const std::string& name) const {
    return std::ranges::any_of(plan->backend_records, [&](const BackendRecord& record) {
      return record.name == name && watch.ejection_of(record.server, name) != nullptr;
    });
  }
  void pass() {
    now += kHalfSecond;
    const TrafficWatch::Changes changes =
        watch.observe(*plan, [this](uint16_t slot) { return counters[slot]; }, most, now);
    spared = changes.spared.size();
    ejected.insert(ejected.end(), changes.ejected.begin(), changes.ejected.end());
    returned.insert(returned.end(), changes.returned.begin(), changes.returned.end());
  }
};

void who_does_worse_is_left_out(void** /*state*/) {
  World world;
  for (int i = 0; i < 20 && world.ejected.empty(); ++i) {
    world.give(0, 100, 0);
    world.give(1, 40, 60);
    world.give(2, 200, 0);
    world.pass();
  }
  assert_int_equal(world.ejected.size(), 1);
  assert_string_equal(world.ejected[0].backend.c_str(), "web/1");
  assert_true(world.is_ejected("web/1"));
  assert_false(world.is_ejected("web/0"));
  assert_false(world.is_ejected("mail/1"));
  assert_string_equal(world.watch.ejected()[0].backend.c_str(), "web/1");
}

void shares_are_those_of_the_tables(void** /*state*/) {
  World world;
  for (int i = 0; i < 20; ++i) {
    world.give(0, 100, 0);
    world.give(1, 100, 0);
    world.give(2, 200, 0);
    world.pass();
  }
  assert_true(world.watch.imbalanced().empty());
  for (int i = 0; i < 4; ++i) {
    world.give(0, 300, 0);
    world.give(1, 100, 0);
    world.give(2, 0, 0);
    world.pass();
  }
  const std::vector<Imbalanced> found = world.watch.imbalanced();
  assert_int_equal(found.size(), 2);
  assert_string_equal(found[0].backend.c_str(), "web/0");
  assert_string_equal(found[1].backend.c_str(), "web/2");
}

// Who does not answer is asked again, and has no more flows for it.
void repeated_openings_are_no_shares(void** /*state*/) {
  for (const bool are_repeated : {false, true}) {
    World world;
    for (int i = 0; i < 10; ++i) {
      world.give(0, 300, 0);
      world.give(1, 100, 0);
      world.give(2, 200, 0);
      for (const size_t slot : {0u, 3u}) {
        world.counters[slot].opened += 5;
        world.counters[slot].retried += are_repeated ? 10 : 0;
      }
      world.pass();
    }
    assert_int_equal(world.watch.imbalanced().empty(), are_repeated);
  }
}

// Somewhere a SYN is always lost.
void a_few_repeated_openings_hide_nothing(void** /*state*/) {
  World world;
  for (int i = 0; i < 20; ++i) {
    world.give(0, 300, 0);
    world.give(1, 100, 0);
    world.give(2, 200, 0);
    world.counters[1].retried += i % 5 == 0 ? 1 : 0;
    world.pass();
  }
  assert_false(world.watch.imbalanced().empty());
}

// Nothing new is held against anybody then, and what is has an end.
void an_imbalance_ends_while_openings_are_repeated(void** /*state*/) {
  World world;
  const auto pass = [&](uint64_t retried) {
    world.give(0, 300, 0);
    world.give(1, 100, 0);
    world.give(2, 200, 0);
    world.counters[0].retried += retried;
    world.pass();
  };
  for (int i = 0; i < 10; ++i) pass(0);
  assert_false(world.watch.imbalanced().empty());
  for (int i = 0; i < 100; ++i) pass(10);
  assert_true(world.watch.imbalanced().empty());
}

// Who may not be left out is told, by its server and once.
void who_is_spared_is_told(void** /*state*/) {
  World world;
  world.most = 0;
  size_t told = 0;
  for (int i = 0; i < 20; ++i) {
    world.give(0, 100, 0);
    world.give(1, 40, 60);
    world.give(2, 200, 0);
    world.pass();
    told += world.spared;
  }
  assert_int_equal(told, 1);
  assert_true(world.ejected.empty());
  assert_int_equal(world.watch.spared().size(), 1);
  assert_string_equal(world.watch.spared()[0].backend.c_str(), "web/1");
  for (const BackendRecord& record : world.plan->backend_records) {
    const bool is_spared = world.watch.spared_of(record.server, record.name) != nullptr;
    assert_int_equal(is_spared, record.name == "web/1");
    assert_null(world.watch.spared_of(record.server + 1, record.name));  // one that has moved
  }
}

// What was counted before a slot was anybody's is nobody's.
void the_first_look_tells_nothing(void** /*state*/) {
  World world;
  world.give(1, 0, 100'000);
  world.pass();
  for (int i = 0; i < 20; ++i) {
    for (size_t backend = 0; backend < 3; ++backend) world.give(backend, 100, 0);
    world.pass();
  }
  assert_true(world.ejected.empty());
}

// Until it is ejected.
void let_fail(World& world) {
  for (int i = 0; i < 20 && world.ejected.empty(); ++i) {
    world.give(0, 100, 0);
    world.give(1, 40, 60);
    world.give(2, 200, 0);
    world.pass();
  }
  assert_true(world.is_ejected("web/1"));
}

// Flows may be on its slots for long: they are nobody's.
void who_has_left_its_pool_is_forgotten(void** /*state*/) {
  World world;
  PlanSpec spec = pool_of({{0}, {1}, {2, 2}});
  let_fail(world);

  // Out, but of the pool.
  spec.services = pool_of({{0}, {1, 0}, {2, 2}}).services;
  world.plan = built(spec);
  world.pass();
  assert_true(world.is_ejected("web/1"));

  spec.services = pool_of({{0}, {2, 2}}).services;
  for (ServiceSpec& service : spec.services) service.leaving = {service.members[0].backend + 1};
  world.plan = built(spec);
  world.pass();
  assert_true(world.watch.ejected().empty());

  world.plan = built(pool_of({{0}, {1}, {2, 2}}));
  world.pass();
  assert_false(world.is_ejected("web/1"));
}

// 0.9 * 13 / 13 + 0.1 * 13 / 13 is more than 1.
void who_has_all_flows_of_both_arms_has_no_more(void** /*state*/) {
  for (const uint32_t weight : {13u, 37u, 99u}) {
    World world;
    PlanSpec spec = pool_of({{0, weight}, {1, 0}});
    for (ServiceSpec& service : spec.services) {
      for (const MemberSpec& member : service.members) {
        service.trial.members.push_back(
            {static_cast<uint32_t>(spec.backends.size()), member.weight});
        spec.backends.push_back(spec.backends[member.backend]);
        spec.backends.back().arm = 1;
      }
      service.trial.share = kWholeSlice / 10;
    }
    world.plan = built(spec);
    world.pass();
    world.pass();
  }
}

// It comes back while clients of its time before still give up.
void who_comes_back_is_not_judged_by_its_time_before(void** /*state*/) {
  for (const size_t losing : {1u, 6u}) {
    World world;
    world.pass();
    PlanSpec spec = pool_of({{0}, {1}, {2, 2}});
    spec.services = pool_of({{0}, {2, 2}}).services;
    for (ServiceSpec& service : spec.services) service.leaving = {service.members[0].backend + 1};
    world.plan = built(spec);
    world.pass();

    for (const size_t old : {1u, 4u}) {
      spec.backends.push_back(spec.backends[old]);
      spec.backends.back().arm = 1;
    }
    spec.services[0].members.push_back({6});
    spec.services[1].members.push_back({7});
    world.plan = built(spec);
    for (int i = 0; i < 20; ++i) {
      world.give(0, 100, 0);
      world.give(2, 200, 0);
      world.counters[losing].bad += 20;
      world.pass();
    }
    assert_int_equal(world.ejected.size(), losing == 6 ? 1 : 0);
  }
}

// The old server's failures are not held against the new one of that name.
void who_has_moved_is_another(void** /*state*/) {
  World world;
  let_fail(world);
  PlanSpec spec = pool_of({{0}, {1}, {2, 2}});
  for (const size_t moved : {1u, 4u}) {
    spec.backends[moved].forwarding.destination = address_of("10.9.9.9");
  }
  world.plan = built(spec);
  world.pass();
  assert_false(world.is_ejected("web/1"));
  assert_true(world.watch.ejected().empty());
  assert_string_equal(world.ejected[0].backend.c_str(), "web/1");
}

void who_is_forgotten_begins_anew(void** /*state*/) {
  World world;
  let_fail(world);
  for (const BackendRecord& record : world.plan->backend_records) {
    world.watch.forget(record.server, record.name);
  }
  assert_false(world.is_ejected("web/1"));
  world.pass();
  assert_true(world.returned.empty());
}

// With other bounds all begin anew; who was out is told to be back, so that the plan follows.
void other_bounds_bring_everybody_back(void** /*state*/) {
  World world;
  let_fail(world);
  world.most = 0;
  world.pass();
  assert_int_equal(world.returned.size(), 1);
  assert_string_equal(world.returned[0].c_str(), "web/1");
  assert_false(world.is_ejected("web/1"));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(who_does_worse_is_left_out),
      cmocka_unit_test(shares_are_those_of_the_tables),
      cmocka_unit_test(repeated_openings_are_no_shares),
      cmocka_unit_test(a_few_repeated_openings_hide_nothing),
      cmocka_unit_test(an_imbalance_ends_while_openings_are_repeated),
      cmocka_unit_test(who_is_spared_is_told),
      cmocka_unit_test(the_first_look_tells_nothing),
      cmocka_unit_test(who_has_left_its_pool_is_forgotten),
      cmocka_unit_test(who_has_all_flows_of_both_arms_has_no_more),
      cmocka_unit_test(who_comes_back_is_not_judged_by_its_time_before),
      cmocka_unit_test(who_has_moved_is_another),
      cmocka_unit_test(who_is_forgotten_begins_anew),
      cmocka_unit_test(other_bounds_bring_everybody_back),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
