#include "firmware/exchange/replies.h"

#include <string>

#include "firmware/exchange/build.h"
#include "tests/cmocka.h"
#include "tests/exchange/specs.h"

namespace evenkeel {
namespace {

constexpr auto kTcp = static_cast<uint8_t>(Protocol::tcp);
constexpr auto kUdp = static_cast<uint8_t>(Protocol::udp);

// Of mode nat, at 10.0.0.1 + number; port 0: the VIP's.
BackendSpec nat_backend(uint32_t number, uint16_t port) {
  BackendSpec backend = backend_of(number);
  backend.forwarding.mode = Mode::nat;
  backend.forwarding.destination_port = port;
  return backend;
}

// "web" is translated to two servers, port 8080; "any" keeps its ports on a third; "tunnelled" is
// not translated, at the first server.
PlanSpec nat_spec() {
  PlanSpec spec;
  spec.backends = {nat_backend(0, 8080), nat_backend(1, 8080), nat_backend(2, 0), backend_of(3)};
  spec.backends[3].forwarding.destination = spec.backends[0].forwarding.destination;
  spec.services = {service_of("web", "192.0.2.1", 80, {{0}, {1, 0}}),
                   service_of("any", "192.0.2.2", 1, {{2}}),
                   service_of("tunnelled", "192.0.2.3", 8080, {{3}})};
  spec.services[1].points = {point_of("192.0.2.2", 1, 65'535),
                             point_of("192.0.2.2", 53, 53, Protocol::udp)};
  return spec;
}

ServiceSpec& web(PlanSpec& spec) { return spec.services[0]; }
ServiceSpec& any(PlanSpec& spec) { return spec.services[1]; }
ForwardingSpec& way(PlanSpec& spec, size_t backend) { return spec.backends[backend].forwarding; }

void replies_lead_back(void** /*state*/) {
  static constexpr struct {
    const char* server;
    uint8_t protocol;
    uint16_t port;
    const char* vip;  // null: none
    uint16_t vip_port;
  } kCases[] = {
      {"10.0.0.1", kTcp, 8080, "192.0.2.1", 80},
      {"10.0.0.2", kTcp, 8080, "192.0.2.1", 80},  // drained: its flows go on
      {"10.0.0.2", kTcp, 80, nullptr, 0},
      {"10.0.0.1", kUdp, 8080, nullptr, 0},
      {"10.0.0.3", kTcp, 1, "192.0.2.2", 0},
      {"10.0.0.3", kTcp, 65'535, "192.0.2.2", 0},
      {"10.0.0.3", kUdp, 53, "192.0.2.2", 0},
      {"10.0.0.3", kUdp, 54, nullptr, 0},
      {"10.0.0.4", kTcp, 8080, nullptr, 0},
  };
  const PlanPointer plan = built(nat_spec());
  for (const auto& c : kCases) {
    const VipOfServer* const found = plan->servers->find(address_of(c.server), c.protocol, c.port);
    if ((found == nullptr) != (c.vip == nullptr)) fail_msg("%s:%u", c.server, c.port);
    if (found == nullptr) continue;
    assert_true(found->vip == address_of(c.vip));
    assert_int_equal(found->vip_port, c.vip_port);
  }
}

struct Case {
  const char* description;
  void (*change)(PlanSpec& spec);
  const char* words;  // of the refusal; null: it is unique
};

const Case kCases[] = {
    {"another service at the same port of a server",
     [](PlanSpec& spec) { spec.services.push_back(service_of("mail", "192.0.2.9", 25, {{1}})); },
     "service 'web' and service 'mail' both translate to 10.0.0.2:8080/tcp"},
    {"the same, by another backend of that address",
     [](PlanSpec& spec) {
       spec.backends.push_back(nat_backend(9, 8080));
       way(spec, 4).destination = way(spec, 0).destination;
       spec.services.push_back(service_of("mail", "192.0.2.9", 25, {{4, 0}, {3}}));
     },
     "service 'web' and service 'mail' both translate to 10.0.0.1:8080/tcp"},
    {"another service at another port of a server",
     [](PlanSpec& spec) {
       spec.backends.push_back(nat_backend(9, 8081));
       way(spec, 4).destination = way(spec, 0).destination;
       spec.services.push_back(service_of("mail", "192.0.2.9", 25, {{4}}));
     },
     nullptr},
    {"two VIPs", [](PlanSpec& spec) { web(spec).points.push_back(point_of("192.0.2.9", 80, 80)); },
     "service 'web' translates more than one VIP or port to 10.0.0.1:8080/tcp"},
    {"two ports", [](PlanSpec& spec) { web(spec).points.push_back(point_of("192.0.2.1", 81, 81)); },
     "service 'web' translates more than one VIP or port to 10.0.0.1:8080/tcp"},
    {"two protocols",
     [](PlanSpec& spec) {
       web(spec).points.push_back(point_of("192.0.2.1", 80, 80, Protocol::udp));
     },
     nullptr},
    {"a port with a range around it",
     [](PlanSpec& spec) { web(spec).points = {point_of("192.0.2.1", 80, 90)}; },
     "'web': a reply from port 8080 of backend 'four-0' could be of any of the ports 80-90 of VIP "
     "192.0.2.1: let the backend keep the port"},
    {"a prefix",
     [](PlanSpec& spec) {
       web(spec).points[0].address = address_of("198.51.100.0");
       web(spec).points[0].prefix_length = 96 + 24;
     },
     "'web': a reply of backend 'four-0' could be of any address of VIP 198.51.100.0/24"},
    {"two VIPs that keep their port",
     [](PlanSpec& spec) { any(spec).points.push_back(point_of("192.0.2.9", 80, 80)); },
     "service 'any' translates more than one VIP or port to 10.0.0.3:80/tcp"},
    {"two VIPs that keep different ports",
     [](PlanSpec& spec) {
       any(spec).points = {point_of("192.0.2.2", 80, 89), point_of("192.0.2.9", 90, 99)};
     },
     nullptr},
    {"another service within the range, at the same server",
     [](PlanSpec& spec) { spec.services.push_back(service_of("ssh", "192.0.2.2", 22, {{2}})); },
     nullptr},
    {"another VIP's service within the range, at the same server",
     [](PlanSpec& spec) { spec.services.push_back(service_of("ssh", "192.0.2.9", 22, {{2}})); },
     "service 'any' and service 'ssh' both translate to 10.0.0.3:22/tcp"},
    {"two backends of one address",
     [](PlanSpec& spec) {
       spec.backends.push_back(nat_backend(9, 8080));
       way(spec, 4).destination = way(spec, 0).destination;
       web(spec).members.push_back({4});
     },
     nullptr},
    {"the VIP's own port, given",
     [](PlanSpec& spec) {
       way(spec, 0).destination_port = way(spec, 1).destination_port = 80;
       spec.services.push_back(service_of("all", "192.0.2.1", 1, {{2}}));
       spec.services.back().points = {point_of("192.0.2.1", 1, 65'535)};
       spec.services.back().members = {{0}};
       spec.backends[0].forwarding.destination_port = 0;
       any(spec).members = {{3}};
     },
     nullptr},
    {"a closed service counts: it will open",
     [](PlanSpec& spec) {
       spec.services.push_back(service_of("mail", "192.0.2.9", 25, {{1}}));
       spec.services.back().closed = Reason::no_backend;
     },
     "service 'web' and service 'mail'"},
};

void what_is_not_unique_is_refused_by_name(void** /*state*/) {
  const PlanPointer before = built(nat_spec());
  for (const Case& row : kCases) {
    PlanSpec spec = nat_spec();
    row.change(spec);
    const Result<PlanPointer> result =
        build_plan(spec, secret_of(1), {.plan = before.get(), .quiet_for = {}}, kNow + 1);
    if (result.ok() != (row.words == nullptr)) {
      fail_msg("%s: %s", row.description, result.ok() ? "built" : result.message().c_str());
    }
    if (row.words == nullptr || result.message().find(row.words) != std::string::npos) continue;
    fail_msg("%s: %s", row.description, result.message().c_str());
  }
}

WaySpec way_to(const char* prefix, unsigned length, uint8_t last) {
  const Address address = address_of(prefix);
  WaySpec spec{.to = {.address = address,
                      .length = static_cast<uint8_t>(length + (address.is_v4() ? 96 : 0))},
               .way = {.resolved = true}};
  spec.way.port = last;
  spec.way.source_mac = {2, 0, 0, 0, 0, 1};
  spec.way.destination_mac = {2, 0, 0, 0, 0, last};
  return spec;
}

PlanSpec spec_with_ways() {
  PlanSpec spec = nat_spec();
  spec.ways = {way_to("0.0.0.0", 0, 10), way_to("198.51.100.0", 24, 11),
               way_to("198.51.100.7", 32, 12), way_to("::", 0, 13)};
  spec.ways[2].way = {.resolved = false, .is_own = true};
  return spec;
}

void the_longest_way_is_taken(void** /*state*/) {
  const PlanPointer plan = built(spec_with_ways());
  static constexpr struct {
    const char* client;
    uint8_t port;
  } kWays[] = {{"203.0.113.1", 10}, {"198.51.100.6", 11}, {"2001:db8::1", 13}};
  for (const auto& c : kWays) {
    const uint16_t number = plan->way_numbers->find(address_of(c.client));
    assert_int_equal(plan->ways[number].port, c.port);
    assert_true(plan->ways[number].resolved);
  }
  assert_true(plan->ways[plan->way_numbers->find(address_of("198.51.100.7"))].is_own);
  assert_int_equal(built(nat_spec())->way_numbers->find(address_of("203.0.113.1")),
                   Prefixes::kNone);
}

const Case kWayCases[] = {
    {"the same prefix twice",
     [](PlanSpec& spec) { spec.ways.push_back(way_to("198.51.100.0", 24, 9)); },
     "ways back to clients: prefix 198.51.100.0/24 is there twice"},
    {"bits beyond the prefix",
     [](PlanSpec& spec) { spec.ways.push_back(way_to("198.51.100.1", 25, 9)); },
     "prefix 198.51.100.1/25 has bits set beyond"},
    {"no next hop", [](PlanSpec& spec) { spec.ways[1].way.destination_mac = {}; },
     "way to 198.51.100.0/24: destination_mac is not set"},
    {"no sender", [](PlanSpec& spec) { spec.ways[0].way.source_mac = {}; },
     "way to 0.0.0.0/0: source_mac is not set"},
    {"VLAN too large", [](PlanSpec& spec) { spec.ways[3].way.vlan = 4'095; },
     "way to ::/0: vlan 4095"},
    {"MTU too small for IPv6", [](PlanSpec& spec) { spec.ways[3].way.mtu = 1'279; },
     "way to ::/0: mtu 1279"},
    {"MTU small for IPv4", [](PlanSpec& spec) { spec.ways[0].way.mtu = 68; }, nullptr},
    {"only one that ends among IPv4", [](PlanSpec& spec) { spec.ways = {way_to("::", 80, 9)}; },
     nullptr},
    {"nothing is said of an unresolved one", [](PlanSpec& spec) { spec.ways[0].way = {}; },
     nullptr},
    {"too many",
     [](PlanSpec& spec) { spec.ways.resize(kMaxPrefixes + 1, way_to("10.0.0.0", 8, 9)); },
     "16385 ways back to clients; a plan has at most 16384"},
    {"far too many", [](PlanSpec& spec) { spec.ways.resize(70'000, way_to("10.0.0.0", 8, 9)); },
     "70000 ways"},
};

void ways_that_no_frame_could_take_are_refused(void** /*state*/) {
  for (const Case& row : kWayCases) {
    PlanSpec spec = spec_with_ways();
    row.change(spec);
    const Result<PlanPointer> result = build_plan(spec, secret_of(1), {.quiet_for = {}}, kNow);
    if (result.ok() != (row.words == nullptr)) fail_msg("%s", row.description);
    if (row.words == nullptr || result.message().find(row.words) != std::string::npos) continue;
    fail_msg("%s: %s", row.description, result.message().c_str());
  }
}

void what_did_not_change_is_shared(void** /*state*/) {
  static constexpr struct {
    const char* description;
    void (*change)(PlanSpec& spec);
    bool servers;
    bool way_numbers;
  } kSharings[] = {
      {"nothing", [](PlanSpec& /*spec*/) {}, true, true},
      {"a weight", [](PlanSpec& spec) { web(spec).members[1].weight = 3; }, true, true},
      {"a way's next hop", [](PlanSpec& spec) { spec.ways[0].way.destination_mac[5] = 99; }, true,
       true},
      {"a way is lost", [](PlanSpec& spec) { spec.ways[0].way = {}; }, true, true},
      {"a server's port", [](PlanSpec& spec) { way(spec, 1).destination_port = 8081; }, false,
       true},
      {"a VIP",
       [](PlanSpec& spec) { web(spec).points[0].first_port = web(spec).points[0].last_port = 81; },
       false, true},
      {"a way more", [](PlanSpec& spec) { spec.ways.push_back(way_to("10.0.0.0", 8, 9)); }, true,
       false},
      {"a way elsewhere",
       [](PlanSpec& spec) { spec.ways[1].to.address = address_of("198.51.101.0"); }, true, false},
  };
  const PlanPointer before = built(spec_with_ways());
  for (const auto& row : kSharings) {
    PlanSpec spec = spec_with_ways();
    row.change(spec);
    const PlanPointer after = built_after(before, spec, kNow + 1);
    if ((before->servers == after->servers) != row.servers) fail_msg("%s", row.description);
    if ((before->way_numbers == after->way_numbers) != row.way_numbers) {
      fail_msg("%s", row.description);
    }
    for (size_t i = 0; i < spec.ways.size(); ++i) assert_true(after->ways[i] == spec.ways[i].way);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(replies_lead_back),
      cmocka_unit_test(what_is_not_unique_is_refused_by_name),
      cmocka_unit_test(the_longest_way_is_taken),
      cmocka_unit_test(ways_that_no_frame_could_take_are_refused),
      cmocka_unit_test(what_did_not_change_is_shared),
  };
  return cmocka_run_group_tests_name("exchange/replies", tests, nullptr, nullptr);
}
