// Who is left out of a service that steers by source: not whom one client's failures come to.
#include "firmware/health/traffic_watch.h"
#include "tests/cmocka.h"
#include "tests/packet/crowd.h"

namespace evenkeel {
namespace {

constexpr Microseconds kSecond = 1'000'000;

struct World {
  PlanPointer plan = built(spec_by_source());
  Crowd crowd{200};
  TrafficWatch watch;
  std::vector<Ejection> ejected;
  size_t spared = 0;

  void pass(const Crowd::Flows& flows, const Crowd::Fails& fails) {
    for (int i = 0; i < 5; ++i) crowd.pass(*plan, flows, fails);
    const TrafficWatch::Changes changes = watch.observe(
        *plan, [this](uint16_t slot) { return crowd.box.evidence().backend(slot); }, 0.5,
        crowd.box.now);
    ejected.insert(ejected.end(), changes.ejected.begin(), changes.ejected.end());
    spared += changes.spared.size();
  }
  // Seconds until somebody is ejected, or `most`.
  uint64_t until_ejected(uint64_t most, const Crowd::Flows& flows, const Crowd::Fails& fails) {
    const Microseconds begin = crowd.box.now;
    while (ejected.empty() && crowd.box.now < begin + most * kSecond) pass(flows, fails);
    return (crowd.box.now - begin) / kSecond;
  }
};

bool is_first(size_t client, uint16_t /*slot*/) { return client == 0; }

// Nobody reaches it, or it floods.
void one_bad_client_leaves_nobody_out(void**) {
  for (const double rate : {0.5, 20.0}) {
    World world;
    assert_int_equal(world.until_ejected(600, {.of_busy = rate}, is_first), 600);
    assert_int_equal(world.spared, 0);
    BackendCounts all;
    for (uint16_t slot = 0; slot < 10; ++slot) all += world.crowd.box.evidence().backend(slot);
    print_message("%.1f flows a second of the bad one: %zu good, %zu bad\n", rate,
                  static_cast<size_t>(all.good), static_cast<size_t>(all.bad));
    assert_in_range(all.bad, 1, 600 / Turns::kApart + 1);
    assert_in_range(all.good, 600, 199 * (600 / Turns::kApart + 1));
  }
}

void each_of_its_flows_would_be_evidence(void**) {
  World world;
  const auto fails = [&world](size_t client, uint16_t slot) {
    world.crowd.forget_turns();
    return is_first(client, slot);
  };
  assert_in_range(world.until_ejected(60, {.of_busy = 20}, fails), 1, 30);
}

void who_fails_all_its_clients_is_left_out(void**) {
  World world;
  const auto nobody = [](size_t, uint16_t) { return false; };
  assert_int_equal(world.until_ejected(200, {}, nobody), 200);
  const uint16_t bad = slot_of(*world.plan, "web/3");
  const uint64_t seconds =
      world.until_ejected(120, {}, [bad](size_t, uint16_t slot) { return slot == bad; });
  print_message("after %zu s\n", static_cast<size_t>(seconds));
  assert_int_equal(world.ejected.size(), 1);
  assert_string_equal(world.ejected[0].backend.c_str(), "web/3");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(one_bad_client_leaves_nobody_out),
      cmocka_unit_test(each_of_its_flows_would_be_evidence),
      cmocka_unit_test(who_fails_all_its_clients_is_left_out),
  };
  return cmocka_run_group_tests_name("health/traffic_watch_by_source", tests, nullptr, nullptr);
}
