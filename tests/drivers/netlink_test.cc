#include "drivers/netlink.h"

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "tests/cmocka.h"
#include "tests/drivers/own_network.h"

namespace evenkeel {
namespace {

// "wan" with 10.0.0.1/24 and 2001:db8::1/64, routes, neighbours; all of it entered by `ip`.
int set_up(void**) {
  return shell(
             "ip link add wan type veth peer name far address 02:00:00:00:00:02 &&"
             "sysctl -qw net.ipv6.conf.wan.accept_dad=0 &&"
             "ip link set wan up && ip link set far up && ip address add 10.0.0.1/24 dev wan &&"
             "ip address add 2001:db8::1/64 dev wan")
             ? 0
             : -1;
}

int tear_down(void**) {
  return shell("ip link delete wan && ip route flush table main && ip -6 route flush table main")
             ? 0
             : -1;
}

Address address_of(const char* text) { return *parse_address(text); }

template <typename Message>
std::vector<Message> dump(NetlinkRequests& kernel, const NetlinkRequest& request) {
  std::vector<Message> messages;
  const Status status = kernel.dump(request, [&](const NetlinkMessage& message) {
    if (const auto* one = std::get_if<Message>(&message)) messages.push_back(*one);
    return true;
  });
  CHECK(status.ok());
  return messages;
}

struct Lookup {
  int error = 0;
  RouteMessage route;
};

Lookup look_up(NetlinkRequests& kernel, const char* destination) {
  std::vector<NetlinkRequest> requests = {find_route(address_of(destination))};
  Lookup result;
  size_t answers = 0;
  const Status status = kernel.exchange(requests, [&](size_t, int error, const nlmsghdr* message) {
    ++answers;
    result.error = error;
    if (error == 0) result.route = std::get<RouteMessage>(parse_netlink(message));
  });
  CHECK(status.ok() && answers == 1);
  return result;
}

void links_and_addresses_are_told(void**) {
  Result<NetlinkRequests> kernel = NetlinkRequests::open("");
  bool has_wan = false;
  for (const LinkMessage& link : dump<LinkMessage>(kernel.value(), dump_links())) {
    has_wan = has_wan || (link.name == "wan" && link.is_up && !link.is_gone &&
                          link.interface == ::if_nametoindex("wan"));
  }
  assert_true(has_wan);
  size_t found = 0;
  for (const AddressMessage& it : dump<AddressMessage>(kernel.value(), dump_addresses())) {
    if (it.interface != ::if_nametoindex("wan")) continue;
    found += it.address == address_of("10.0.0.1") && it.length == 96 + 24 && !it.is_link_local;
    found += it.address == address_of("2001:db8::1") && it.length == 64 && !it.is_link_local;
    found += it.is_link_local && it.length == 64;
  }
  assert_int_equal(found, 3);
}

const RouteMessage* route_to(const std::vector<RouteMessage>& routes, const char* to,
                             unsigned length) {
  for (const RouteMessage& route : routes) {
    if (route.to == address_of(to) && route.length == length) return &route;
  }
  return nullptr;
}

void routes_are_told(void**) {
  assert_true(
      shell("ip route add default via 10.0.0.254 metric 7 &&"
            "ip route add 172.16.0.0/12 nexthop via 10.0.0.3 nexthop via 10.0.0.4 weight 2 &&"
            "ip route add 10.6.0.0/16 via inet6 fe80::1 dev wan &&"
            "ip route add blackhole 10.7.0.0/16 &&"
            "ip route add 10.8.0.0/16 via 10.0.0.5 table 77 &&"
            "ip -6 route add 2001:db8:1::/48 via 2001:db8::fe src 2001:db8::1"));
  Result<NetlinkRequests> kernel = NetlinkRequests::open("");
  const uint32_t wan = ::if_nametoindex("wan");
  std::vector<RouteMessage> routes = dump<RouteMessage>(kernel.value(), dump_routes(AF_INET));
  const RouteMessage* all = route_to(routes, "0.0.0.0", 96);
  assert_non_null(all);
  assert_int_equal(all->metric, 7);
  assert_int_equal(all->table, RT_TABLE_MAIN);
  assert_int_equal(all->hop_count, 1);
  assert_int_equal(all->hops[0].interface, wan);
  assert_true(all->hops[0].has_gateway && all->hops[0].gateway == address_of("10.0.0.254"));
  const RouteMessage* two = route_to(routes, "172.16.0.0", 96 + 12);
  assert_non_null(two);
  assert_int_equal(two->hop_count, 2);
  assert_true(two->hops[0].gateway == address_of("10.0.0.3"));
  assert_true(two->hops[1].gateway == address_of("10.0.0.4"));
  const RouteMessage* other_family = route_to(routes, "10.6.0.0", 96 + 16);
  assert_non_null(other_family);
  assert_true(other_family->hops[0].gateway == address_of("fe80::1"));
  const RouteMessage* hole = route_to(routes, "10.7.0.0", 96 + 16);
  assert_non_null(hole);
  assert_int_equal(hole->type, RTN_BLACKHOLE);
  assert_null(route_to(routes, "10.8.0.0", 96 + 16));  // of another table
  const RouteMessage* connected = route_to(routes, "10.0.0.0", 96 + 24);
  assert_non_null(connected);
  assert_false(connected->hops[0].has_gateway);
  assert_true(connected->source == address_of("10.0.0.1"));

  routes = dump<RouteMessage>(kernel.value(), dump_routes(AF_INET6));
  const RouteMessage* ipv6 = route_to(routes, "2001:db8:1::", 48);
  assert_non_null(ipv6);
  assert_true(ipv6->hops[0].gateway == address_of("2001:db8::fe"));
  assert_true(ipv6->source == address_of("2001:db8::1"));
}

void lookups_are_answered(void**) {
  assert_true(
      shell("ip route add 172.16.0.0/12 via 10.0.0.254 && ip route add blackhole 10.7.0.0/16 &&"
            "ip route add prohibit 10.8.0.0/16 && ip -6 route add blackhole 2001:db8:7::/48 &&"
            "ip -6 route add 2001:db8:1::/48 via 2001:db8::fe"));
  const struct {
    const char* destination;
    int error;
    uint8_t type;
    const char* gateway;
    const char* source;
  } cases[] = {
      {"10.0.0.9", 0, RTN_UNICAST, nullptr, "10.0.0.1"},
      {"172.16.5.5", 0, RTN_UNICAST, "10.0.0.254", "10.0.0.1"},
      {"10.0.0.1", 0, RTN_LOCAL, nullptr, "10.0.0.1"},
      {"10.0.0.255", 0, RTN_BROADCAST, nullptr, "10.0.0.1"},
      {"192.0.2.1", ENETUNREACH, 0, nullptr, nullptr},
      {"10.7.0.1", EINVAL, 0, nullptr, nullptr},
      {"10.8.0.1", EACCES, 0, nullptr, nullptr},
      {"2001:db8::9", 0, RTN_UNICAST, nullptr, "2001:db8::1"},
      {"2001:db8:1::9", 0, RTN_UNICAST, "2001:db8::fe", "2001:db8::1"},
      {"2001:db8:7::9", EINVAL, 0, nullptr, nullptr},
      {"2001:dead::1", ENETUNREACH, 0, nullptr, nullptr},
  };
  Result<NetlinkRequests> kernel = NetlinkRequests::open("");
  for (const auto& example : cases) {
    print_message("  %s\n", example.destination);
    const Lookup found = look_up(kernel.value(), example.destination);
    assert_int_equal(found.error, example.error);
    if (example.error != 0) continue;
    assert_int_equal(found.route.type, example.type);
    assert_int_equal(found.route.hop_count, 1);
    assert_int_equal(found.route.hops[0].has_gateway, example.gateway != nullptr);
    if (example.gateway != nullptr) {
      assert_true(found.route.hops[0].gateway == address_of(example.gateway));
    }
    assert_true(found.route.source == address_of(example.source));
  }
}

void neighbours_are_told(void**) {
  assert_true(
      shell("ip neigh add 10.0.0.7 lladdr 02:00:00:00:00:07 dev wan nud permanent &&"
            "ip neigh add 2001:db8::7 lladdr 02:00:00:00:00:08 dev wan nud stale &&"
            "ip neigh add proxy 10.0.0.8 dev wan"));
  Result<NetlinkRequests> kernel = NetlinkRequests::open("");
  size_t found = 0;
  for (const NeighbourMessage& it : dump<NeighbourMessage>(kernel.value(), dump_neighbours())) {
    if (it.interface != ::if_nametoindex("wan")) continue;
    assert_false(it.address == address_of("10.0.0.8"));
    found += it.address == address_of("10.0.0.7") && it.state == NUD_PERMANENT &&
             it.mac == Mac{2, 0, 0, 0, 0, 7};
    found += it.address == address_of("2001:db8::7") && it.state == NUD_STALE &&
             it.mac == Mac{2, 0, 0, 0, 0, 8};
  }
  assert_int_equal(found, 2);
}

// Each request has its own answer, in order, however many there are, and whatever becomes of some.
void many_requests_are_answered_in_order(void**) {
  constexpr uint32_t kCount = 1'000;
  Result<NetlinkRequests> kernel = NetlinkRequests::open("");
  std::vector<NetlinkRequest> requests;
  for (uint32_t i = 0; i < kCount; ++i) {
    // Every third is not to be had.
    requests.push_back(
        find_route(Address::v4(Big32((i % 3 == 0 ? 0xc0000200 : 0x0a000002) + i % 200))));
  }
  size_t next = 0;
  bool is_right = true;
  const Status status =
      kernel.value().exchange(requests, [&](size_t index, int error, const nlmsghdr* message) {
        is_right = is_right && index == next++ && error == (index % 3 == 0 ? ENETUNREACH : 0);
        if (error != 0) return;
        const auto route = std::get<RouteMessage>(parse_netlink(message));
        is_right = is_right &&
                   route.to == Address::v4(Big32(0x0a000002 + static_cast<uint32_t>(index) % 200));
      });
  assert_true(status.ok());
  assert_true(is_right);
  assert_int_equal(next, kCount);
}

void a_dump_can_be_left_and_others_follow(void**) {
  assert_true(
      shell("for i in $(seq 1 254); do for j in 1 2 3 4; do"
            " echo route add 10.$j.$i.0/24 via 10.0.0.254; done; done | ip -batch -"));
  Result<NetlinkRequests> kernel = NetlinkRequests::open("");
  for (int round = 0; round < 3; ++round) {
    size_t seen = 0;
    const Status status = kernel.value().dump(dump_routes(AF_INET),
                                              [&](const NetlinkMessage&) { return ++seen < 5; });
    assert_true(status.ok());
    assert_int_equal(seen, 5);
    assert_int_equal(look_up(kernel.value(), "10.2.3.4").error, 0);
  }
  assert_true(dump<RouteMessage>(kernel.value(), dump_routes(AF_INET)).size() > 4 * 254);
}

void changes_are_heard(void**) {
  Result<NetlinkEvents> events = NetlinkEvents::open("");
  assert_true(
      shell("ip address add 10.9.0.1/24 dev wan && ip route add 10.10.0.0/16 via 10.9.0.2"
            " && ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:09 dev wan nud stale"
            " && ip neigh del 10.9.0.2 dev wan && ip link set far down"));
  size_t heard = 0;
  const auto take = [&](const NetlinkMessage& message) {
    if (const auto* it = std::get_if<AddressMessage>(&message)) {
      if (it->address == address_of("10.9.0.1")) heard |= 1u;
    }
    if (const auto* it = std::get_if<RouteMessage>(&message)) {
      if (it->to == address_of("10.10.0.0") && it->length == 112) heard |= 2u;
    }
    if (const auto* it = std::get_if<NeighbourMessage>(&message)) {
      if (it->address == address_of("10.9.0.2")) heard |= it->state == NUD_STALE ? 4u : 8u;
    }
    if (const auto* it = std::get_if<LinkMessage>(&message)) {
      if (it->name == "wan" && !it->is_up) heard |= 16u;
    }
  };
  assert_true(eventually(
      [&] {
        assert_true(events.value().receive(take));
        return heard == 31;
      },
      events.value().descriptor()));
}

void an_overrun_is_told_once_and_what_is_older_is_dropped(void**) {
  Result<NetlinkEvents> events = NetlinkEvents::open("");
  Result<NetlinkRequests> kernel = NetlinkRequests::open("");
  const uint32_t wan = ::if_nametoindex("wan");
  std::vector<NetlinkRequest> requests;
  for (uint32_t i = 0; i < 10'000; ++i) {
    requests.push_back(add_address(wan, address_of("10.5.0.1"), 128, true));
    requests.push_back(delete_address(wan, address_of("10.5.0.1"), 128));
  }
  assert_true(kernel.value().exchange(requests, [](size_t, int, const nlmsghdr*) {}).ok());
  size_t heard = 0;
  size_t overruns = 0;
  for (int i = 0; i < 1'000; ++i) {
    overruns += events.value().receive([&](const NetlinkMessage&) { ++heard; }) ? 0 : 1;
  }
  assert_int_equal(overruns, 1);
  assert_int_equal(heard, 0);
  assert_true(shell("ip address add 10.5.0.2/32 dev wan"));
  assert_true(events.value().receive([&](const NetlinkMessage&) { ++heard; }));
  assert_true(heard > 0);
}

// Messages that are cut off or twisted, as no kernel sends them; the fuzzer finds the others.
void what_cannot_be_read_is_nothing(void**) {
  alignas(nlmsghdr) char bytes[256] = {};
  nlmsghdr* message = mnl_nlmsg_put_header(bytes);
  const struct {
    const char* description;
    uint16_t type;
    size_t header;  // bytes of the fixed part that are there
    uint8_t family;
  } cases[] = {
      {"no such type", 999, 16, AF_INET},
      {"a link without header", RTM_NEWLINK, 15, 0},
      {"a bridge's link", RTM_NEWLINK, 16, 7},
      {"an address's header", RTM_NEWADDR, 7, AF_INET},
      {"no address in it", RTM_NEWADDR, 8, AF_INET},
      {"a route of MPLS", RTM_NEWROUTE, 12, 28},
      {"a route's header", RTM_NEWROUTE, 11, AF_INET},
      {"a neighbour without address", RTM_NEWNEIGH, 12, AF_INET},
  };
  for (const auto& example : cases) {
    print_message("  %s\n", example.description);
    message->nlmsg_type = example.type;
    message->nlmsg_len = static_cast<uint32_t>(sizeof(nlmsghdr) + example.header);
    bytes[sizeof(nlmsghdr)] = static_cast<char>(example.family);
    assert_true(std::holds_alternative<std::monostate>(parse_netlink(message)));
  }
  // IPv4 has no prefix of 33 bits.
  message->nlmsg_type = RTM_NEWROUTE;
  message->nlmsg_len = sizeof(nlmsghdr) + sizeof(rtmsg);
  bytes[sizeof(nlmsghdr)] = AF_INET;
  bytes[sizeof(nlmsghdr) + 1] = 32;
  assert_true(std::holds_alternative<RouteMessage>(parse_netlink(message)));
  bytes[sizeof(nlmsghdr) + 1] = 33;
  assert_true(std::holds_alternative<std::monostate>(parse_netlink(message)));
}

void an_unknown_namespace_is_refused(void**) {
  assert_false(NetlinkRequests::open("keel-none").ok());
  assert_false(NetlinkEvents::open("keel-none").ok());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(links_and_addresses_are_told, set_up, tear_down),
      cmocka_unit_test_setup_teardown(routes_are_told, set_up, tear_down),
      cmocka_unit_test_setup_teardown(lookups_are_answered, set_up, tear_down),
      cmocka_unit_test_setup_teardown(neighbours_are_told, set_up, tear_down),
      cmocka_unit_test_setup_teardown(many_requests_are_answered_in_order, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_dump_can_be_left_and_others_follow, set_up, tear_down),
      cmocka_unit_test_setup_teardown(changes_are_heard, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_overrun_is_told_once_and_what_is_older_is_dropped, set_up,
                                      tear_down),
      cmocka_unit_test(what_cannot_be_read_is_nothing),
      cmocka_unit_test(an_unknown_namespace_is_refused),
  };
  return cmocka_run_group_tests_name("drivers/netlink", tests, nullptr, nullptr);
}
