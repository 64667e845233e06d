// Settings and what the world is like today, put together as what a plan is to be: which ports
// there are, and by which next hop each backend is reached. A pure function, so that "what would
// happen if" is asked like "what is".
//
// A backend that cannot be reached or fails its check takes no flows, new or old, but keeps its
// place: its share is the others' until it is back. A service that nobody is left for is closed:
// new flows are counted as dropped for that, and those on a backend that lives and just takes no
// new ones go on. Neither stops the rest.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/neighbours.h"
#include "firmware/exchange/spec.h"
#include "firmware/settings/settings.h"
#include "firmware/wire/headers.h"

namespace evenkeel {

struct PortState {
  Mac mac{};
  uint16_t mtu = 1500;
};

// NOLINTBEGIN(readability-redundant-member-init): gcc 12 warns of members without.

// Of a weight, in percent.
struct Part {
  uint32_t percent = 100;
  std::string why = {};
};

// What is not up to the settings.
struct Surroundings {
  std::span<const PortState> ports;  // by port number
  std::function<NextHop(const Address&)> next_hop;
  // To clients; asked only where packets come back. No function: there are none.
  std::function<std::vector<KernelWay>()> ways = {};
  // Why a backend fails its check; empty, or no function: it does not.
  std::function<std::string(const ServiceSettings&, const BackendSettings&)> unhealthy = {};
  // How much of its weight a backend has, and if that is not all, why. No function: all.
  std::function<Part(const ServiceSettings&, const BackendSettings&)> part = {};
};
// NOLINTEND(readability-redundant-member-init)

// server_digest() of the slots that a backend of a service gets.
uint64_t server_of(const ServiceSettings& service, const BackendSettings& backend);

// How it is with one backend of the settings.
struct BackendState {
  uint32_t service = 0;  // place in Settings::services
  uint32_t backend = 0;  // place in ServiceSettings::backends
  bool usable = false;
  std::string why;  // it is not, or does not have all of its weight
};

struct Compiled {
  PlanSpec spec;
  std::vector<BackendState> states;  // in the order of the settings
  // Of a rollout (arms.h): services that are open, and would be closed by the settings tried.
  std::set<std::string, std::less<>> closed_by_trial;
};

// A service with VIPs of both families becomes two, named by name_in_plan(). A backend is named
// "SERVICE/BACKEND".
// REQUIRES: settings that were loaded without mistakes; a state for each of their ports; next hops
// lead to those.
Compiled compile(const Settings& settings, const Surroundings& surroundings, uint64_t generation);

// Adds what the next hop decides to a way of way_of() (settings/way.h). Answers why it cannot be
// used; its destination_mac is not set then.
// REQUIRES: settings and ports as compile() has them.
std::string complete_way(ForwardingSpec& way, const NextHop& next_hop, const Settings& settings,
                         std::span<const PortState> ports);

// What next_hop() will be asked for: each address once.
std::vector<Address> destinations_of(const Settings& settings);

}  // namespace evenkeel
