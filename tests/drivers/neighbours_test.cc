#include "drivers/neighbours.h"

#include <net/if.h>

#include <algorithm>
#include <cstring>
#include <tuple>

#include "firmware/base/limits.h"
#include "tests/cmocka.h"
#include "tests/drivers/own_network.h"

namespace evenkeel {
namespace {

constexpr Mac kFar = {2, 0, 0, 0, 0, 2};
constexpr Mac kElsewhere = {2, 0, 0, 0, 0, 3};

// The box has ports "wan" (10.0.0.1/24, 2001:db8::1/64) and "lan" (10.1.0.1/16), and another
// interface "mgmt". Behind wan, in the namespace keel-far, is a router 10.0.0.254 and 2001:db8::fe;
// behind lan is nobody. The kernel loses patience 20 times as fast as usual.
constexpr const char* kSetUp =
    "ip netns add keel-far &&"
    "ip link add wan type veth peer name far address 02:00:00:00:00:02 netns keel-far &&"
    "ip link add lan type veth peer name nobody && ip link add mgmt type veth peer name mgmt2 &&"
    "for i in wan lan; do for f in ipv4 ipv6; do"
    " echo 50 > /proc/sys/net/$f/neigh/$i/retrans_time_ms;"
    " echo 1 > /proc/sys/net/$f/neigh/$i/delay_first_probe_time; done;"
    " echo 0 > /proc/sys/net/ipv6/conf/$i/accept_dad;"
    " echo 0 > /proc/sys/net/ipv6/conf/$i/dad_transmits; done &&"
    "ip netns exec keel-far sh -c 'echo 0 > /proc/sys/net/ipv6/conf/far/accept_dad' &&"
    "for i in wan lan nobody mgmt mgmt2; do ip link set $i up; done &&"
    "ip address add 10.0.0.1/24 dev wan && ip address add 2001:db8::1/64 dev wan &&"
    "ip address add 10.1.0.1/16 dev lan && ip address add 10.2.0.1/24 dev mgmt &&"
    "ip -n keel-far link set far up && ip -n keel-far address add 10.0.0.254/24 dev far &&"
    "ip -n keel-far address add 2001:db8::fe/64 dev far nodad";

Address address_of(const char* text) { return *parse_address(text); }

bool has(const std::string& text, const char* part) {
  return std::strstr(text.c_str(), part) != nullptr;
}

struct State {
  Neighbours neighbours;

  // Runs it as an event loop would, until something is as it should be.
  template <typename Condition>
  bool comes_true(Condition condition) {
    return eventually(
        [&] {
          std::ignore = neighbours.on_readable(real_now());
          std::ignore = neighbours.on_timer(real_now());
          return condition();
        },
        neighbours.descriptor());
  }
  template <typename Condition>
  bool becomes(const char* destination, Condition condition) {
    return comes_true([&] { return condition(answer(destination)); });
  }
  bool becomes_resolved(const char* destination) {
    return becomes(destination, [](const NextHop& it) { return it.resolved; });
  }
  bool says(const char* destination, const char* why) {
    return becomes(destination,
                   [&](const NextHop& it) { return !it.resolved && has(it.why, why); });
  }
  NextHop answer(const char* destination) {
    return neighbours.next_hop(address_of(destination), real_now());
  }
  void watch(std::initializer_list<const char*> destinations) {
    std::vector<Address> addresses;
    for (const char* text : destinations) addresses.push_back(address_of(text));
    std::ignore = neighbours.watch(std::move(addresses), real_now());
  }
};

State& state_of(void** state) { return *static_cast<State*>(*state); }

int set_up(void** state) {
  if (!shell(kSetUp)) return -1;
  Result<Neighbours> opened =
      Neighbours::open("",
                       {{.name = "wan", .interface = ::if_nametoindex("wan")},
                        {.name = "lan", .interface = ::if_nametoindex("lan")}},
                       real_now());
  if (!opened.ok()) return -1;
  *state = new State{.neighbours = std::move(opened.value())};
  return 0;
}

int tear_down(void** state) {
  delete static_cast<State*>(*state);
  return shell(
             "ip link delete wan; ip link delete lan; ip link delete mgmt;"
             "ip route flush table main; ip netns delete keel-far")
             ? 0
             : -1;
}

void a_neighbour_resolves(void** state) {
  State& box = state_of(state);
  box.watch({"10.0.0.254", "2001:db8::fe"});
  for (const char* destination : {"10.0.0.254", "2001:db8::fe"}) {
    print_message("  %s: %s\n", destination, box.answer(destination).why.c_str());
    assert_true(box.becomes_resolved(destination));
    const NextHop answer = box.answer(destination);
    assert_memory_equal(answer.destination.data(), kFar.data(), sizeof(Mac));
    assert_int_equal(answer.port, 0);
    assert_true(answer.gateway == address_of(destination));
    assert_true(answer.why.empty());
  }
  assert_true(box.answer("10.0.0.254").source == address_of("10.0.0.1"));
  assert_true(box.answer("2001:db8::fe").source == address_of("2001:db8::1"));
}

void what_is_behind_a_router_goes_to_the_router(void** state) {
  State& box = state_of(state);
  assert_true(
      shell("ip route add 172.16.0.0/12 via 10.0.0.254 &&"
            "ip route add 2001:db8:1::/48 via 2001:db8::fe"));
  box.watch({"172.16.5.5", "172.17.5.5", "2001:db8:1::9"});
  assert_true(box.becomes_resolved("172.16.5.5"));
  assert_true(box.becomes_resolved("172.17.5.5"));
  assert_true(box.becomes_resolved("2001:db8:1::9"));
  const NextHop answer = box.answer("172.16.5.5");
  assert_true(answer.gateway == address_of("10.0.0.254"));
  assert_true(answer.source == address_of("10.0.0.1"));
  assert_memory_equal(answer.destination.data(), kFar.data(), sizeof(Mac));
}

void says_why_there_is_no_way(void** state) {
  State& box = state_of(state);
  assert_true(shell("ip route add blackhole 10.7.0.0/16 && ip route add prohibit 10.8.0.0/16"));
  const struct {
    const char* destination;
    const char* why;
  } cases[] = {
      {"192.0.2.1", "no route to 192.0.2.1"},
      {"2001:dead::1", "no route to 2001:dead::1"},
      {"10.7.0.1", "the route to 10.7.0.1 swallows packets"},
      {"10.8.0.1", "the route to 10.8.0.1 prohibits packets"},
      {"10.2.0.9", "the route to 10.2.0.9 leaves through mgmt, which is no port of the box"},
      {"10.0.0.1", "10.0.0.1 is an address of the box itself"},
      {"10.0.0.255", "10.0.0.255 is not the address of one host"},
      {"10.0.0.77", "10.0.0.77 on wan does not answer ARP (failed since 0 s)"},
      {"10.1.0.77", "10.1.0.77 on lan does not answer ARP (failed since 0 s)"},
      {"2001:db8::77", "2001:db8::77 on wan does not answer neighbour discovery"},
  };
  std::vector<Address> all;
  for (const auto& example : cases) all.push_back(address_of(example.destination));
  std::ignore = box.neighbours.watch(all, real_now());
  assert_true(has(box.answer("10.0.0.77").why, "waiting for ARP from 10.0.0.77 on wan"));
  for (const auto& example : cases) {
    print_message("  %s\n", example.why);
    assert_true(box.says(example.destination, example.why));
  }
}

void a_neighbour_that_comes_late_is_found(void** state) {
  State& box = state_of(state);
  box.watch({"10.0.0.77"});
  assert_true(box.says("10.0.0.77", "does not answer ARP"));
  assert_true(shell("ip -n keel-far address add 10.0.0.77/24 dev far"));
  assert_true(box.becomes_resolved("10.0.0.77"));
}

// Nothing is ever sent to it, and yet the kernel is made to look whether it is still there.
void a_neighbour_that_goes_is_noticed_and_comes_back(void** state) {
  State& box = state_of(state);
  assert_true(shell("echo 200 > /proc/sys/net/ipv4/neigh/wan/base_reachable_time_ms"));
  box.watch({"10.0.0.254"});
  assert_true(box.becomes_resolved("10.0.0.254"));
  assert_true(shell("ip -n keel-far link set far address 02:00:00:00:00:03"));
  assert_true(box.becomes(
      "10.0.0.254", [](const NextHop& it) { return it.resolved && it.destination == kElsewhere; }));
  assert_true(shell("ip -n keel-far address delete 10.0.0.254/24 dev far"));
  assert_true(box.says("10.0.0.254", "10.0.0.254 on wan does not answer ARP"));
  assert_true(shell("ip -n keel-far address add 10.0.0.254/24 dev far"));
  assert_true(box.becomes_resolved("10.0.0.254"));
}

void changed_routes_are_followed(void** state) {
  State& box = state_of(state);
  box.watch({"172.16.5.5", "10.0.0.254"});
  assert_true(box.says("172.16.5.5", "no route"));
  assert_true(shell("ip route add default via 10.0.0.254"));
  assert_true(box.becomes_resolved("172.16.5.5"));
  assert_true(shell("ip route add 172.16.0.0/16 via 10.1.0.9"));
  assert_true(box.says("172.16.5.5", "10.1.0.9 on lan does not answer"));
  assert_true(shell("ip route delete 172.16.0.0/16"));
  assert_true(box.becomes_resolved("172.16.5.5"));
  assert_true(shell("ip address add 172.16.5.5/32 dev wan"));
  assert_true(box.says("172.16.5.5", "is an address of the box itself"));
  assert_true(shell("ip address delete 172.16.5.5/32 dev wan"));
  assert_true(box.becomes_resolved("172.16.5.5"));
  // Of IPv4, the kernel does not tell of a route that goes with its interface.
  assert_true(shell("ip route add 172.16.0.0/16 via 10.2.0.9"));
  assert_true(box.says("172.16.5.5", "leaves through mgmt"));
  assert_true(shell("ip link set mgmt down"));
  assert_true(box.becomes_resolved("172.16.5.5"));
}

void a_lost_link_is_told_and_heals(void** state) {
  State& box = state_of(state);
  box.watch({"10.0.0.254"});
  assert_true(box.becomes_resolved("10.0.0.254"));
  assert_true(shell("ip -n keel-far link set far down"));
  assert_true(box.says("10.0.0.254", "wan has no link"));
  assert_true(shell("ip -n keel-far link set far up"));
  assert_true(box.becomes_resolved("10.0.0.254"));
}

void an_overrun_loses_nothing(void** state) {
  State& box = state_of(state);
  box.watch({"10.0.0.254", "10.0.0.77", "172.16.5.5"});
  assert_true(box.becomes_resolved("10.0.0.254"));
  Result<NetlinkRequests> kernel = NetlinkRequests::open("");
  std::vector<NetlinkRequest> requests;
  for (uint32_t i = 0; i < 10'000; ++i) {
    requests.push_back(add_address(::if_nametoindex("lan"), address_of("10.5.0.1"), 128, true));
    requests.push_back(delete_address(::if_nametoindex("lan"), address_of("10.5.0.1"), 128));
  }
  assert_true(kernel.value().exchange(requests, [](size_t, int, const nlmsghdr*) {}).ok());
  // What is said now, nobody hears.
  assert_true(
      shell("ip neigh replace 10.0.0.77 lladdr 02:00:00:00:00:03 dev wan nud permanent &&"
            "ip neigh replace 10.0.0.254 lladdr 02:00:00:00:00:03 dev wan nud permanent &&"
            "ip route add 172.16.0.0/16 via 10.0.0.77"));
  for (const char* destination : {"10.0.0.77", "10.0.0.254", "172.16.5.5"}) {
    assert_true(box.becomes(destination, [](const NextHop& it) {
      return it.resolved && it.destination == kElsewhere;
    }));
  }
}

void says_whether_an_answer_has_changed(void** state) {
  State& box = state_of(state);
  assert_true(box.neighbours.watch({address_of("10.0.0.254")}, real_now()));
  assert_true(box.becomes_resolved("10.0.0.254"));
  // Until all that comes up has come up.
  assert_true(eventually([&] { return !box.neighbours.on_readable(real_now()); }));
  assert_false(box.neighbours.on_timer(real_now()));
  assert_false(box.neighbours.watch({address_of("10.0.0.254")}, real_now()));
  assert_true(shell("ip neigh replace 10.0.0.254 lladdr 02:00:00:00:00:03 dev wan nud permanent"));
  assert_true(eventually([&] { return box.neighbours.on_readable(real_now()); },
                         box.neighbours.descriptor()));
  assert_false(box.neighbours.on_readable(real_now()));
}

const KernelWay* way_to(const std::vector<KernelWay>& ways, const char* to, unsigned length) {
  for (const KernelWay& way : ways) {
    if (way.to == address_of(to) && way.length == length) return &way;
  }
  return nullptr;
}

void ways_lead_to_clients(void** state) {
  State& box = state_of(state);
  assert_true(
      shell("ip route add default via 10.0.0.254 &&"
            "ip route add 172.16.0.0/12 via 10.1.0.9 metric 5 &&"
            "ip route add 172.16.0.0/12 via 10.0.0.254 metric 9 &&"
            "ip route add 172.16.7.0/24 nexthop via 10.1.0.9 nexthop via 10.0.0.254 &&"
            "ip route add 10.9.0.0/16 via 10.2.0.9 &&"
            "ip -6 route add default via 2001:db8::fe &&"
            // A client that has asked for the box.
            "ip neigh add 10.0.0.33 lladdr 02:00:00:00:00:03 dev wan nud stale"));
  std::vector<KernelWay> ways;
  assert_true(box.comes_true([&] {
    ways = box.neighbours.ways();
    const KernelWay* ipv6 = way_to(ways, "::", 0);
    const KernelWay* ipv4 = way_to(ways, "0.0.0.0", 96);
    return ipv6 != nullptr && ipv6->resolved && ipv4 != nullptr && ipv4->resolved;
  }));
  const struct {
    const char* description;
    const char* to;
    unsigned length;
    bool resolved;
    uint8_t port;
    Mac destination;
  } cases[] = {
      {"the default route", "0.0.0.0", 96, true, 0, kFar},
      {"of two metrics the better one, though it does not answer", "172.16.0.0", 108, false, 1, {}},
      {"of two gateways the one that answers", "172.16.7.0", 120, true, 0, kFar},
      {"IPv6", "::", 0, true, 0, kFar},
      {"a client on the link", "10.0.0.33", 128, true, 0, kElsewhere},
      {"the router itself", "10.0.0.254", 128, true, 0, kFar},
  };
  for (const auto& example : cases) {
    print_message("  %s\n", example.description);
    const KernelWay* way = way_to(ways, example.to, example.length);
    assert_non_null(way);
    assert_int_equal(way->resolved, example.resolved);
    assert_int_equal(way->port, example.port);
    assert_memory_equal(way->destination.data(), example.destination.data(), sizeof(Mac));
  }
  assert_null(way_to(ways, "10.9.0.0", 112));  // through no port
  assert_null(way_to(ways, "10.0.0.0", 120));  // no gateway
  for (size_t i = 1; i < ways.size(); ++i) {
    assert_true(ways[i].length <= ways[i - 1].length);
    assert_false(ways[i].to == ways[i - 1].to && ways[i].length == ways[i - 1].length);
  }
  // A client that has gone is looked for, and then no longer there.
  assert_true(
      box.comes_true([&] { return way_to(box.neighbours.ways(), "10.0.0.33", 128) == nullptr; }));
}

void more_routes_than_the_limit_are_said(void** state) {
  State& box = state_of(state);
  assert_true(
      shell("for i in $(seq 0 4); do for j in $(seq 0 255); do"
            " echo route add 10.1$i.$j.0/24 via 10.0.0.254; done; done | ip -batch -"));
  assert_true(box.comes_true([&] { return !box.neighbours.troubles().empty(); }));
  const std::string trouble = box.neighbours.troubles().front();
  print_message("  %s\n", trouble.c_str());
  assert_true(has(trouble, "256 at least are left out"));
  size_t routes = 0;
  for (const KernelWay& way : box.neighbours.ways()) routes += way.length == 120 ? 1 : 0;
  assert_int_equal(routes, kMaxRoutes);
}

// Nobody pays for what has not changed.
void the_most_destinations_are_looked_up_once(void** state) {
  State& box = state_of(state);
  assert_true(shell("ip route add 10.64.0.0/15 via 10.0.0.254"));
  std::vector<Address> all;
  for (uint32_t i = 0; i < kMaxBackends; ++i) all.push_back(Address::v4(Big32(0x0a400000 + 2 * i)));
  Microseconds begin = real_now();
  std::ignore = box.neighbours.watch(all, begin);
  Microseconds longest = real_now() - begin;
  while (box.neighbours.is_busy()) {
    const Microseconds turn = real_now();
    std::ignore = box.neighbours.on_timer(turn);
    longest = std::max(longest, real_now() - turn);
  }
  print_message("  65,535 destinations: %lu ms, longest turn %lu us\n", (real_now() - begin) / 1000,
                longest);
  assert_true(box.becomes_resolved("10.64.0.0"));
  assert_true(box.answer("10.65.255.252").resolved);
  // What the set-up's last messages have touched, too.
  assert_true(box.comes_true([&] { return !box.neighbours.is_busy(); }));

  begin = real_now();
  for (int i = 0; i < 1'000; ++i) std::ignore = box.neighbours.on_timer(begin);
  print_message("  a turn with nothing to do: %lu ns\n", real_now() - begin);

  // A turn looks up at most 1,024: with more than the 128 that this route touches, it would be
  // busy.
  assert_true(shell("ip route add 10.64.3.0/24 via 10.0.0.78"));
  assert_true(eventually([&] { return box.neighbours.on_readable(real_now()); },
                         box.neighbours.descriptor()));
  assert_false(box.neighbours.is_busy());
  assert_true(box.says("10.64.3.2", "10.0.0.78 on wan"));
  assert_true(box.answer("10.64.2.2").resolved);

  // What is no longer watched, costs nothing; what is new, is looked up.
  all.resize(100);
  all.push_back(address_of("10.0.0.1"));
  std::ignore = box.neighbours.watch(all, real_now());
  assert_false(box.neighbours.is_busy());
  assert_true(box.answer("10.64.0.0").resolved);
  assert_true(has(box.answer("10.0.0.1").why, "the box itself"));
}

void another_namespace_is_asked(void**) {
  Result<Neighbours> opened =
      Neighbours::open("keel-far", {{.name = "wan", .interface = 0}}, real_now());
  assert_true(opened.ok());
  std::ignore = opened.value().watch({address_of("10.0.0.254")}, real_now());
  assert_true(has(opened.value().next_hop(address_of("10.0.0.254"), real_now()).why,
                  "10.0.0.254 is an address of the box itself"));
  assert_false(Neighbours::open("keel-none", {}, real_now()).ok());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_neighbour_resolves, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_is_behind_a_router_goes_to_the_router, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(says_why_there_is_no_way, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_neighbour_that_comes_late_is_found, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_neighbour_that_goes_is_noticed_and_comes_back, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(changed_routes_are_followed, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_lost_link_is_told_and_heals, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_overrun_loses_nothing, set_up, tear_down),
      cmocka_unit_test_setup_teardown(says_whether_an_answer_has_changed, set_up, tear_down),
      cmocka_unit_test_setup_teardown(ways_lead_to_clients, set_up, tear_down),
      cmocka_unit_test_setup_teardown(more_routes_than_the_limit_are_said, set_up, tear_down),
      cmocka_unit_test_setup_teardown(the_most_destinations_are_looked_up_once, set_up, tear_down),
      cmocka_unit_test_setup_teardown(another_namespace_is_asked, set_up, tear_down),
  };
  return cmocka_run_group_tests_name("drivers/neighbours", tests, nullptr, nullptr);
}
