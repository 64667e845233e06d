#include "firmware/settings/way.h"

#include <initializer_list>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

void a_way_is_what_the_settings_say(void**) {
  ServiceSettings service;
  service.mode = Mode::vxlan;
  service.tunnel = {.port = 8'472,
                    .source = parse_address("10.0.0.9"),
                    .source_entropy_bits = 3,
                    .ttl = 9,
                    .vni = 77,
                    .inner_source_mac = {2, 1},
                    .inner_destination_mac = {2, 2}};
  service.dscp = 5;
  BackendSettings backend;
  backend.address = *parse_address("10.0.0.11");
  backend.port = 8'080;
  const ForwardingSpec way = way_of(service, backend, false);
  assert_int_equal(way.mode, Mode::vxlan);
  assert_false(way.inner_is_v4);
  assert_true(way.destination == backend.address);
  assert_int_equal(way.destination_port, 8'472);
  assert_true(way.tunnel_source == *service.tunnel.source);
  assert_int_equal(way.source_entropy_bits, 3);
  assert_int_equal(way.tunnel_ttl, 9);
  assert_int_equal(way.vni, 77);
  assert_true(way.inner_source_mac == service.tunnel.inner_source_mac);
  assert_true(way.inner_destination_mac == service.tunnel.inner_destination_mac);
  assert_int_equal(way.dscp, 5);
  assert_true(way.destination_mac == Mac{});

  service.mode = Mode::nat;
  service.tunnel.source.reset();
  const ForwardingSpec translated = way_of(service, backend, true);
  assert_true(translated.inner_is_v4);
  assert_int_equal(translated.destination_port, 8'080);
  assert_true(translated.tunnel_source == Address{});
  assert_true(translated.translation_prefix == service.translation_prefix.address);
}

PortSettings port_of(std::initializer_list<const char*> addresses) {
  PortSettings port;
  for (const char* text : addresses) {
    port.addresses.push_back({.address = *parse_address(text), .length = 120});
  }
  return port;
}

void the_ports_own_address_comes_first(void**) {
  Settings settings;
  settings.ports = {port_of({"192.0.2.2"}), port_of({"fe80::1", "10.0.0.2", "10.0.0.3"}),
                    port_of({"fd00::2"})};
  const struct {
    size_t port;
    bool is_v4;
    const char* expected;
  } cases[] = {
      {0, true, "192.0.2.2"}, {1, true, "10.0.0.2"}, {2, true, "192.0.2.2"},
      {0, false, "fd00::2"},  {1, false, "fd00::2"}, {9, true, "192.0.2.2"},
  };
  for (const auto& [port, is_v4, expected] : cases) {
    assert_string_equal(to_string(own_address(settings, port, is_v4).value()).c_str(), expected);
  }
  settings.ports.pop_back();
  assert_false(own_address(settings, 1, false).has_value());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_way_is_what_the_settings_say),
      cmocka_unit_test(the_ports_own_address_comes_first),
  };
  return cmocka_run_group_tests_name("settings/way", tests, nullptr, nullptr);
}
