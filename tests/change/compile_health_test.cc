// What is heard of backends and other settings may come in any order: in the end, the plan is the
// same.
#include <algorithm>
#include <cmath>
#include <memory>
#include <random>

#include "firmware/change/compile.h"
#include "firmware/exchange/build.h"
#include "firmware/settings/values.h"
#include "tests/cmocka.h"
#include "tests/health/room.h"

namespace evenkeel {
namespace {

constexpr size_t kServers = 6;
constexpr int kRounds = 60;
constexpr uint8_t kSecretBytes[] = {1};

NextHop next_hop(const Address& address) {
  return {.resolved = true,
          .port = 0,
          .destination = {2, 0, 0, 0, 0, 9},
          .source = *parse_address("127.0.0.9"),
          .gateway = address,
          .why = {}};
}

// Servers that are well or not, and two boxes that ask them by one clock.
struct World {
  World()
      : other(room.context, {.now = [this] { return real_now() + room.leap; },
                             .random = [this] { return room.generator(); },
                             .on_change = [] {}}) {
    room.settings.ports.resize(1);
    room.shop().vips = {*parse_prefix("192.0.2.10/32")};
    room.shop().buckets = 251;
    room.shop().check.type = CheckType::http;
    for (size_t i = 0; i < kServers; ++i) {
      servers.push_back(std::make_unique<TestServer>(room.context, "127.0.0.1", Manners()));
    }
    is_well.resize(kServers, true);
  }

  size_t below(size_t limit) { return random() % limit; }

  // Some of the backends, in any order, with weights and a check of their own.
  Settings any_settings() {
    Settings settings = room.settings;
    ServiceSettings& shop = settings.services[0];
    std::vector<size_t> numbers = {0, 1, 2, 3, 4, 5};
    std::ranges::shuffle(numbers, random);
    const size_t count = 2 + below(kServers - 1);
    for (size_t i = 0; i < count; ++i) {
      BackendSettings backend;
      backend.name = "s" + std::to_string(numbers[i]);
      backend.address = *parse_address("127.0.0.1");
      backend.port = servers[numbers[i]]->port();
      backend.weight = static_cast<uint32_t>(i == 0 ? 1 : below(4));
      shop.backends.push_back(backend);
    }
    shop.check.fail_open = static_cast<uint32_t>(25 * below(3));
    shop.check.rise = static_cast<uint32_t>(1 + below(3));
    shop.check.fall = static_cast<uint32_t>(1 + below(3));
    shop.check.slow_start = below(2) * 5 * kMicrosecondsPerTick;
    if (below(2) == 0) shop.check.path = "/other";
    return settings;
  }

  void change() {
    for (size_t i = 0; i < kServers; ++i) {
      is_well[i] = below(2) == 0;
      servers[i]->behave(is_well[i] ? Manners() : Manners{.resets = true});
    }
  }

  bool knows(const Prober& prober, const Settings& settings) const {
    return std::ranges::all_of(settings.services[0].backends, [&](const BackendSettings& each) {
      const size_t number = static_cast<size_t>(each.name[1] - '0');
      const Health expected = is_well[number] ? Health::up : Health::down;
      return prober.describe("shop", each.name).health == expected;
    });
  }
  bool is_told(const Settings& first, const Settings& second) {
    return comes_true(room.context,
                      [&] { return knows(room.prober, first) && knows(other, second); });
  }
  // Whatever was held for a while, or grew.
  bool is_calm(const Settings& settings) {
    room.leap += 20 * kMicrosecondsPerTick;
    return comes_true(room.context,
                      [&] { return is_calm(room.prober, settings) && is_calm(other, settings); });
  }
  bool is_calm(const Prober& prober, const Settings& settings) const {
    for (const Alert& alert : prober.alerts()) {
      if (alert.kind == AlertKind::mass_failure) return false;
    }
    return knows(prober, settings);
  }

  static uint64_t fingerprint_of(const Prober& prober, const Settings& settings) {
    const PortState port = {.mac = {2, 0, 0, 0, 0, 1}, .mtu = 1'500};
    const Surroundings surroundings = {
        .ports = std::span(&port, 1),
        .next_hop = next_hop,
        .ways = [] { return std::vector<KernelWay>(); },
        .unhealthy =
            [&](const ServiceSettings& service, const BackendSettings& backend) {
              return prober.why_not(service.name, backend);
            },
        .part =
            [&](const ServiceSettings& service, const BackendSettings& backend) {
              const double part = 100 * prober.part(service.name, backend.name);
              return Part{.percent = static_cast<uint32_t>(std::lround(part)), .why = {}};
            }};
    const auto plan =
        build_plan(compile(settings, surroundings, 1).spec, Secret(kSecretBytes), {}, 100'000);
    if (!plan.ok()) print_error("%s\n", plan.message().c_str());
    assert_true(plan.ok());
    return plan.value()->fingerprint;
  }

  Room room;
  std::vector<std::unique_ptr<TestServer>> servers;
  std::vector<bool> is_well;
  std::mt19937_64 random{11};
  Prober other;
};

void any_order_ends_in_the_same_plan(void**) {
  World world;
  size_t plans = 0;
  uint64_t last = 0;
  for (int round = 0; round < kRounds; ++round) {
    const Settings before = world.any_settings();
    const Settings after = world.any_settings();
    world.room.prober.follow(before);
    world.other.follow(before);
    assert_true(world.is_told(before, before));
    // One box has its settings first, the other one hears of its servers first.
    world.room.prober.follow(after);
    world.change();
    assert_true(world.is_told(after, before));
    world.other.follow(after);
    assert_true(world.is_told(after, after) && world.is_calm(after));
    const uint64_t one = World::fingerprint_of(world.room.prober, after);
    const uint64_t two = World::fingerprint_of(world.other, after);
    if (one != two) print_error("round %d\n", round);
    assert_true(one == two);
    for (const BackendSettings& backend : after.services[0].backends) {
      assert_true(world.room.prober.part("shop", backend.name) ==
                  world.other.part("shop", backend.name));
    }
    plans += one != last ? 1 : 0;
    last = one;
  }
  assert_true(plans > kRounds / 2);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  CHECK(shell("ip link set lo up"));
  const CMUnitTest tests[] = {cmocka_unit_test(any_order_ends_in_the_same_plan)};
  return cmocka_run_group_tests_name("change/compile_health", tests, nullptr, nullptr);
}
