// A world in which settings are compiled, for tests of what comes of them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "firmware/base/check.h"
#include "firmware/change/compile.h"
#include "firmware/exchange/build.h"
#include "firmware/settings/load.h"
#include "tests/cmocka.h"

namespace evenkeel {

inline constexpr Mac kWanMac = {2, 0, 0, 0, 0, 1};
inline constexpr Mac kLanMac = {2, 0, 0, 0, 0, 2};
inline constexpr Mac kServerMac = {2, 0, 0, 0, 1, 1};

inline constexpr const char* kPorts = R"(
ports = ( { name = "wan"; device = "x"; addresses = ["192.0.2.2/24"]; },
          { name = "lan"; device = "y"; vlan = 7; addresses = ["10.0.0.2/24", "fd00::2/64"]; } );
)";

inline Settings settings_of(const std::string& services) {
  const Loaded loaded = load_settings_text(kPorts + ("services = ( " + services + " );"), "text");
  if (!loaded.ok()) print_error("%s", loaded.message().c_str());
  CHECK(loaded.ok());
  return loaded.settings;
}

inline Address address_of(const char* text) { return *parse_address(text); }

// Two ports, and next hops that are all neighbours on the second one, but for those that a test
// makes otherwise.
struct World {
  std::vector<PortState> ports = {{.mac = kWanMac, .mtu = 1500}, {.mac = kLanMac, .mtu = 9000}};
  std::map<Address, NextHop> others;
  std::vector<KernelWay> ways;
  std::map<std::string, std::string> complaints;  // of health, by full name
  std::map<std::string, uint32_t> parts;          // of weights, by full name

  static NextHop neighbour(const Address& address) {
    return {.resolved = true,
            .port = 1,
            .destination = kServerMac,
            .source = address_of(address.is_v4() ? "10.0.0.2" : "fd00::2"),
            .gateway = address,
            .why = {}};
  }
  void lose(const char* address) {
    NextHop lost;
    lost.why = "no answer";
    others[address_of(address)] = lost;
  }

  Compiled compile(const Settings& settings) const {
    const Surroundings surroundings = {
        .ports = ports,
        .next_hop =
            [&](const Address& address) {
              const auto other = others.find(address);
              return other == others.end() ? neighbour(address) : other->second;
            },
        .ways = [this] { return ways; },
        .unhealthy =
            [&](const ServiceSettings& service, const BackendSettings& backend) {
              const auto found = complaints.find(service.name + "/" + backend.name);
              return found == complaints.end() ? "" : found->second;
            },
        .part =
            [&](const ServiceSettings& service, const BackendSettings& backend) {
              const auto found = parts.find(service.name + "/" + backend.name);
              return found == parts.end() ? Part() : Part{found->second, "asked for less"};
            }};
    return evenkeel::compile(settings, surroundings, 42);
  }
};

inline constexpr uint8_t kSecretBytes[] = {1};

inline std::shared_ptr<const Plan> plan_of(const Compiled& compiled) {
  const auto plan = build_plan(compiled.spec, Secret(kSecretBytes), {}, 100'000);
  if (!plan.ok()) print_error("refused: %s\n", plan.message().c_str());
  CHECK(plan.ok());
  return plan.value();
}

inline constexpr const char* kShop = R"(
{ name = "shop"; vips = ["198.51.100.1", "198.51.100.128/25"]; ports = "80-81";
  backends = ( { name = "a"; address = "10.0.0.11"; weight = 3; },
               { name = "b"; address = "10.0.0.12"; } ); }
)";

inline constexpr const char* kBoth = R"(
{ name = "shop"; vips = ["2001:db8::1", "198.51.100.1", "2001:db8::2"]; ports = "80";
  backends = ( { name = "a"; address = "10.0.0.11"; }, { name = "b"; address = "fd00::12"; } ); },
{ name = "six"; vips = ["2001:db8::3"]; ports = "80";
  backends = ( { name = "a"; address = "10.0.0.11"; } ); }
)";

}  // namespace evenkeel
