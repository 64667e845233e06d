// What settings become: ways, services, families, lists.
#include "firmware/change/compile.h"

#include "firmware/settings/way.h"
#include "tests/change/compiling.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

// Who asks a backend by the traffic's own way has the very bytes that workers have.
void a_way_completed_alone_is_the_plans(void** /*state*/) {
  const World world;
  const Settings settings = settings_of(kShop);
  const std::shared_ptr<const Plan> plan = plan_of(world.compile(settings));
  for (size_t i = 0; i < plan->backend_records.size(); ++i) {
    const BackendSettings& backend = settings.services[0].backends[i];
    ForwardingSpec way = way_of(settings.services[0], backend, true);
    const NextHop next_hop = World::neighbour(backend.address);
    assert_string_equal(complete_way(way, next_hop, settings, world.ports).c_str(), "");
    const Forwarding made = make_forwarding(way).value();
    assert_string_equal(plan->backend_records[i].name.c_str(), ("shop/" + backend.name).c_str());
    assert_memory_equal(&plan->forwardings[i], &made, sizeof(made));
  }
}

void a_backend_is_settings_and_next_hop(void** /*state*/) {
  const World world;
  const Compiled compiled = world.compile(settings_of(kShop));
  assert_int_equal(compiled.spec.generation, 42);
  assert_int_equal(compiled.spec.backends.size(), 2);
  const BackendSpec& backend = compiled.spec.backends[0];
  assert_string_equal(backend.name.c_str(), "shop/a");
  assert_true(backend.is_alive);
  const ForwardingSpec& way = backend.forwarding;
  assert_true(way.mode == Mode::ipip && way.inner_is_v4);
  assert_true(way.source_mac == kLanMac && way.destination_mac == kServerMac);
  assert_int_equal(way.port, 1);
  assert_int_equal(way.vlan, 7);
  assert_int_equal(way.mtu, 9000);
  assert_true(way.destination == address_of("10.0.0.11"));
  assert_true(way.tunnel_source == address_of("10.0.0.2"));
  assert_int_equal(way.tunnel_ttl, 64);

  assert_int_equal(compiled.spec.services.size(), 1);
  const ServiceSpec& service = compiled.spec.services[0];
  assert_string_equal(service.name.c_str(), "shop");
  assert_true(service.closed == Reason::none);
  assert_int_equal(service.points.size(), 2);
  assert_true(service.points[0].address == address_of("198.51.100.1"));
  assert_int_equal(service.points[0].prefix_length, 128);
  assert_int_equal(service.points[1].prefix_length, 96 + 25);
  assert_int_equal(service.points[1].first_port, 80);
  assert_int_equal(service.points[1].last_port, 81);
  assert_int_equal(service.members[0].weight, 3);
  assert_int_equal(service.members[1].backend, 1);
  assert_true(compiled.spec.ways.empty());
  assert_true(compiled.states.size() == 2 && compiled.states[1].backend == 1);
  assert_true(compiled.states[0].usable && compiled.states[1].usable);
  plan_of(compiled);
}

void what_a_service_says_is_in_its_spec(void** /*state*/) {
  const World world;
  const Compiled compiled = world.compile(settings_of(R"(
{ name = "a"; vips = ["198.51.100.1"]; ports = "all"; protocol = "udp"; hash = "source";
  buckets = 251; mss = 1400; allow = ["10.0.0.0/8"]; deny = ["10.1.0.0/16"];
  new_flows_per_source = 5; backends = ( { name = "a"; address = "10.0.0.11"; } ); },
{ name = "b"; vips = ["198.51.100.2"]; ports = "all"; protocol = "sctp";
  backends = ( { name = "a"; address = "10.0.0.11"; } ); },
{ name = "c"; vips = ["198.51.100.3"]; ports = "all"; protocol = "udp"; affinity = "sticky";
  backends = ( { name = "a"; address = "10.0.0.11"; } ); })"));
  const ServiceSpec& first = compiled.spec.services[0];
  assert_int_equal(first.points[0].protocol, 17);
  assert_int_equal(first.points[0].first_port, 0);
  assert_int_equal(first.points[0].last_port, 65'535);
  assert_true(first.affinity == Affinity::stateless && first.hash_over == HashOver::source);
  assert_int_equal(first.buckets, 251);
  assert_int_equal(first.mss, 1'400);
  assert_int_equal(first.new_flows_per_source, 5);
  assert_true(first.allow.size() == 1 && first.allow[0].length == 104);
  assert_true(first.deny.size() == 1 && first.deny[0].length == 112);
  assert_true(compiled.spec.services[1].affinity == Affinity::connection);
  assert_true(compiled.spec.services[2].affinity == Affinity::sticky);
  plan_of(compiled);
}

// Every mode, with what it alone needs.
struct ModeRow {
  const char* keys;
  const char* address;
  Mode mode;
};

constexpr ModeRow kModeRows[] = {
    {"mode = \"l2_direct\";", "10.0.0.11", Mode::l2_direct},
    {"mode = \"l3_direct\"; dscp = 9;", "10.0.0.11", Mode::l3_direct},
    {"mode = \"ipip\"; tunnel = { source_entropy_bits = 8; };", "fd00::1:11", Mode::ipip},
    {"mode = \"gre\";", "10.0.0.11", Mode::gre},
    {"mode = \"gue\"; tunnel = { port = 6080; };", "fd00::11", Mode::gue},
    {"mode = \"vxlan\"; tunnel = { vni = 5; };", "10.0.0.11", Mode::vxlan},
    {"mode = \"geneve\"; tunnel = { vni = 5; };", "fd00::11", Mode::geneve},
    {"mode = \"nat\";", "10.0.0.11", Mode::nat},
};

void every_mode_makes_a_plan(void** /*state*/) {
  const World world;
  for (const ModeRow& row : kModeRows) {
    const Compiled compiled = world.compile(settings_of(
        "{ name = \"s\"; vips = [\"198.51.100.1\"]; ports = \"80\"; " + std::string(row.keys) +
        " backends = ( { name = \"a\"; address = \"" + row.address + "\"; } ); }"));
    if (!compiled.states[0].usable) print_error("%s", compiled.states[0].why.c_str());
    assert_true(compiled.states[0].usable);
    assert_true(compiled.spec.backends[0].forwarding.mode == row.mode);
    plan_of(compiled);
  }
}

void what_a_mode_needs_is_in_the_way(void** /*state*/) {
  const World world;
  const auto way = [&](const char* service, const char* backend) {
    const Compiled compiled = world.compile(
        settings_of("{ name = \"s\"; vips = [\"198.51.100.1\"]; ports = \"80\"; " +
                    std::string(service) + " backends = ( { name = \"a\"; " + backend + " } ); }"));
    return compiled.spec.backends[0].forwarding;
  };
  const ForwardingSpec vxlan = way(R"(mode = "vxlan"; tunnel = { port = 8472; vni = 5; ttl = 9;
      source = "10.0.0.99"; inner_destination_mac = "02:00:00:00:00:aa"; };)",
                                   R"(address = "10.0.0.11";)");
  assert_int_equal(vxlan.destination_port, 8'472);
  assert_int_equal(vxlan.vni, 5);
  assert_int_equal(vxlan.tunnel_ttl, 9);
  assert_true(vxlan.tunnel_source == address_of("10.0.0.99"));
  assert_true(vxlan.inner_destination_mac == (Mac{2, 0, 0, 0, 0, 0xaa}));
  assert_true(vxlan.inner_source_mac == TunnelSettings{}.inner_source_mac);
  const ForwardingSpec marked = way("mode = \"l3_direct\"; dscp = 9;", "address = \"10.0.0.11\";");
  assert_int_equal(marked.dscp, 9);
  const ForwardingSpec nat = way("mode = \"nat\"; translation_prefix = \"2001:db8:64::/96\";",
                                 "address = \"10.0.0.11\"; port = 8080;");
  assert_int_equal(nat.destination_port, 8'080);
  assert_true(nat.translation_prefix == address_of("2001:db8:64::"));
  const ForwardingSpec kept = way("mode = \"nat\";", "address = \"10.0.0.11\";");
  assert_int_equal(kept.destination_port, 0);
  const ForwardingSpec spread =
      way("mode = \"gre\"; tunnel = { source_entropy_bits = 9; };", "address = \"10.0.0.11\";");
  assert_int_equal(spread.source_entropy_bits, 9);
}

void a_service_of_both_families_is_two(void** /*state*/) {
  World world;
  world.lose("fd00::12");
  const Compiled compiled = world.compile(settings_of(kBoth));
  const std::vector<ServiceSpec>& services = compiled.spec.services;
  assert_int_equal(services.size(), 3);
  assert_string_equal(services[0].name.c_str(), "shop");
  assert_string_equal(services[1].name.c_str(), "shop/v6");
  assert_string_equal(services[2].name.c_str(), "six/v6");
  assert_int_equal(services[0].points.size(), 1);
  assert_int_equal(services[1].points.size(), 2);
  assert_int_equal(compiled.spec.backends.size(), 5);
  for (size_t i = 0; i < 2; ++i) {
    for (size_t j = 0; j < 2; ++j) {
      const BackendSpec& backend = compiled.spec.backends[services[i].members[j].backend];
      assert_string_equal(backend.name.c_str(), j == 0 ? "shop/a" : "shop/b");
      assert_int_equal(backend.forwarding.inner_is_v4, i == 0);
      assert_int_equal(backend.is_alive, j == 0);
    }
  }
  assert_int_equal(compiled.states.size(), 3);
  assert_true(compiled.states[0].usable && !compiled.states[1].usable);
  assert_int_equal(compiled.states[2].service, 1);
  plan_of(compiled);
}

void translation_knows_the_ways_back(void** /*state*/) {
  World world;
  world.ways = {{.to = address_of("192.0.2.9"),
                 .length = 128,
                 .resolved = true,
                 .port = 0,
                 .destination = kServerMac},
                {.to = address_of("192.0.2.9"), .length = 128, .resolved = false},
                {.to = address_of("10.0.0.2"), .length = 128, .resolved = true, .port = 1},
                {.to = address_of("10.0.0.0"),
                 .length = 120,
                 .resolved = true,
                 .port = 1,
                 .destination = kServerMac},
                {.to = address_of("0.0.0.0"), .length = 96, .resolved = false}};
  Settings settings = settings_of(kShop);
  assert_true(world.compile(settings).spec.ways.empty());
  settings.services[0].vips.resize(1);
  settings.services[0].mode = Mode::nat;
  const Compiled compiled = world.compile(settings);
  const std::vector<WaySpec>& ways = compiled.spec.ways;
  assert_int_equal(ways.size(), 6);
  for (size_t i = 0; i < 3; ++i) assert_true(ways[i].way.is_own && !ways[i].way.resolved);
  assert_true(ways[0].to == (Prefix{address_of("192.0.2.2"), 128}));
  assert_true(ways[3].to == (Prefix{address_of("192.0.2.9"), 128}));
  assert_true(ways[3].way == (Way{.resolved = true,
                                  .is_own = false,
                                  .port = 0,
                                  .vlan = 0,
                                  .mtu = 1500,
                                  .source_mac = kWanMac,
                                  .destination_mac = kServerMac}));
  assert_true(ways[4].way.vlan == 7 && ways[4].way.mtu == 9000 && ways[4].to.length == 120);
  assert_true(!ways[5].way.resolved && !ways[5].way.is_own);
  plan_of(compiled);
}

void destinations_are_asked_for_once(void** /*state*/) {
  const std::vector<Address> destinations =
      destinations_of(settings_of(std::string(kShop) + "," + R"(
{ name = "other"; vips = ["198.51.100.9"]; ports = "90";
  backends = ( { name = "a"; address = "10.0.0.12"; },
               { name = "b"; address = "fd00::1"; } ); })"));
  assert_int_equal(destinations.size(), 3);
  const Settings none;  // named, for gcc 12 takes a temporary one for uninitialized
  assert_true(destinations_of(none).empty());
}

// As many backends as there may be, all of both families but the last.
void the_largest_settings_compile(void** /*state*/) {
  Settings settings = settings_of("");
  World world;
  settings.services.resize(8);
  for (size_t i = 0; i < settings.services.size(); ++i) {
    ServiceSettings& service = settings.services[i];
    service.name = "s" + std::to_string(i);
    service.ports = {.first = 80, .last = 80};
    service.vips = {{.address = Address::v4(Big32(static_cast<uint32_t>(0xc633'6400 + i)))}};
    service.vips.push_back({.address = address_of("2001:db8::")});
    service.vips[1].address.bytes[15] = static_cast<uint8_t>(i + 1);
    if (i == 7) service.vips.pop_back();
    for (size_t j = 0; j < kMaxBackendsPerService; ++j) {
      const auto number = static_cast<uint32_t>(i * kMaxBackendsPerService + j);
      service.backends.push_back(
          {.name = "b" + std::to_string(j), .address = Address::v4(Big32(0x0a00'0100u + number))});
    }
  }
  const Compiled compiled = world.compile(settings);
  assert_int_equal(compiled.spec.services.size(), 15);
  assert_int_equal(compiled.spec.backends.size(), 15 * kMaxBackendsPerService);
  assert_int_equal(compiled.states.size(), 8 * kMaxBackendsPerService);
  assert_int_equal(plan_of(compiled)->backend_records.size(), 15 * kMaxBackendsPerService);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_way_completed_alone_is_the_plans),
      cmocka_unit_test(a_backend_is_settings_and_next_hop),
      cmocka_unit_test(what_a_service_says_is_in_its_spec),
      cmocka_unit_test(every_mode_makes_a_plan),
      cmocka_unit_test(what_a_mode_needs_is_in_the_way),
      cmocka_unit_test(a_service_of_both_families_is_two),
      cmocka_unit_test(translation_knows_the_ways_back),
      cmocka_unit_test(destinations_are_asked_for_once),
      cmocka_unit_test(the_largest_settings_compile),
  };
  return cmocka_run_group_tests_name("change/compile", tests, nullptr, nullptr);
}
