// A small box for tests of what a change does: settings that no rule objects to, and their plan.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "firmware/base/check.h"
#include "firmware/change/compile.h"
#include "firmware/change/rules.h"
#include "firmware/exchange/build.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

inline Address address_of(const std::string& text) { return *parse_address(text); }

inline Prefix single(const std::string& text) {
  return {.address = address_of(text), .length = 128};
}

// Server `number` of the box's second port.
inline BackendSettings server(unsigned number, uint32_t weight = 1) {
  return {.name = "web" + std::to_string(number),
          .address = address_of("10.0." + std::to_string(number / 250) + "." +
                                std::to_string(number % 250 + 3)),
          .port = 0,
          .weight = weight,
          .capacity = 1'000,
          .in_maintenance = false};
}

inline ServiceSettings service_of(const std::string& name, const std::string& vip,
                                  unsigned servers) {
  ServiceSettings service;
  service.name = name;
  service.vips = {single(vip)};
  service.ports = {.first = 80, .last = 80};
  service.mss = 1'400;
  service.check.type = CheckType::http;
  for (unsigned i = 1; i <= servers; ++i) service.backends.push_back(server(i));
  return service;
}

// Two ports, and services "shop" of four servers, "mail" of three, "news" and "api" of two.
inline Settings sound_settings() {
  Settings settings;
  settings.ports = {{.name = "wan",
                     .device = "x",
                     .mtu = 1'500,
                     .vlan = 0,
                     .addresses = {{.address = address_of("192.0.2.2"), .length = 120}},
                     .routes = {}},
                    {.name = "lan",
                     .device = "y",
                     .mtu = 1'500,
                     .vlan = 0,
                     .addresses = {{.address = address_of("10.0.0.2"), .length = 112}},
                     .routes = {}}};
  settings.services = {service_of("shop", "198.51.100.1", 4), service_of("mail", "198.51.100.2", 3),
                       service_of("news", "198.51.100.3", 2), service_of("api", "198.51.100.4", 2)};
  return settings;
}

// Settings and what became of them; a plan is built beside the one before, as in the box.
struct TestBox {
  Settings settings;
  Compiled compiled;
  std::shared_ptr<const Plan> plan;  // null: refused

  TestBox(Settings wanted, const std::set<Address>& lost, const Plan* before)
      : settings(std::move(wanted)) {
    const std::vector<PortState> ports = {
        {.mac = {2, 0, 0, 0, 0, 1}, .mtu = 1'500},
        {.mac = {2, 0, 0, 0, 0, 2}, .mtu = settings.ports.at(1).mtu}};
    const auto next_hop = [&](const Address& address) {
      NextHop hop = {.resolved = !lost.contains(address),
                     .port = 1,
                     .destination = {2, 0, 0, 0, 1, 1},
                     .source = address_of(address.is_v4() ? "10.0.0.2" : "fd00::2"),
                     .gateway = address,
                     .why = {}};
      if (!hop.resolved) hop.why = "it does not answer";
      return hop;
    };
    compiled = compile(settings, {.ports = ports, .next_hop = next_hop, .ways = {}}, 1);
    constexpr uint8_t kSecret[] = {1};
    const auto built =
        build_plan(compiled.spec, Secret(kSecret),
                   {.plan = before, .settled = 0, .window = 10, .quiet_for = {}}, 100'000);
    if (built.ok()) plan = built.value();
  }

  Side side() const {
    return {.settings = &settings, .plan = plan.get(), .states = compiled.states};
  }
};

}  // namespace evenkeel
