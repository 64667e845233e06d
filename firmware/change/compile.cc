#include "firmware/change/compile.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/base/names.h"
#include "firmware/settings/values.h"
#include "firmware/settings/way.h"

namespace evenkeel {
namespace {

bool is_tunnel(Mode mode) { return mode >= Mode::ipip && mode <= Mode::geneve; }

ServiceSpec without_members(const ServiceSettings& service, bool is_v4) {
  const bool is_udp = service.protocol == Protocol::udp;
  ServiceSpec spec;
  spec.name = name_in_plan(service.name, is_v4);
  for (const Prefix& vip : service.vips) {
    if (vip.address.is_v4() != is_v4) continue;
    spec.points.push_back({.address = vip.address,
                           .prefix_length = vip.length,
                           .protocol = static_cast<uint8_t>(service.protocol),
                           .first_port = service.ports.first,
                           .last_port = service.ports.last});
  }
  spec.affinity = service.affinity.value_or(is_udp ? Affinity::stateless : Affinity::connection);
  spec.hash_over = service.hash;
  spec.buckets = service.buckets;
  spec.mss = service.mss;
  spec.allow = service.allow;
  spec.deny = service.deny;
  spec.new_flows_per_source = service.new_flows_per_source;
  return spec;
}

class Compiler {
 public:
  Compiler(const Settings& settings, const Surroundings& surroundings)
      : settings_(settings), surroundings_(surroundings) {}

  Compiled compile(uint64_t generation) && {
    compiled_.spec.generation = generation;
    for (size_t i = 0; i < settings_.services.size(); ++i) add_service(i);
    const bool needs_ways = std::ranges::any_of(
        settings_.services, [](const ServiceSettings& each) { return each.mode == Mode::nat; });
    if (needs_ways) add_ways();
    return std::move(compiled_);
  }

 private:
  void add_service(size_t number) {
    const ServiceSettings& service = settings_.services[number];
    std::vector<NextHop> next_hops;
    next_hops.reserve(service.backends.size());
    const size_t first_state = compiled_.states.size();
    for (size_t i = 0; i < service.backends.size(); ++i) {
      next_hops.push_back(surroundings_.next_hop(service.backends[i].address));
      compiled_.states.push_back({.service = static_cast<uint32_t>(number),
                                  .backend = static_cast<uint32_t>(i),
                                  .usable = true,
                                  .why = {}});
    }
    const std::span<BackendState> states = std::span(compiled_.states).subspan(first_state);
    for (const bool is_v4 : {true, false}) {
      if (has_vips(service, is_v4)) add_service_of_family(service, next_hops, is_v4, states);
    }
  }

  void add_service_of_family(const ServiceSettings& service, const std::vector<NextHop>& next_hops,
                             bool is_v4, std::span<BackendState> states) {
    ServiceSpec spec = without_members(service, is_v4);
    spec.members.reserve(service.backends.size());
    bool is_open = false;
    std::vector<uint32_t> percents;
    for (size_t i = 0; i < service.backends.size(); ++i) {
      const BackendSettings& backend = service.backends[i];
      BackendSpec way = {.name = service.name + "/" + backend.name,
                         .arm = 0,
                         .forwarding = way_of(service, backend, is_v4)};
      std::string why = complete_way(way.forwarding, next_hops[i], settings_, surroundings_.ports);
      if (why.empty() && surroundings_.unhealthy) {
        why = surroundings_.unhealthy(service, backend);
      }
      if (backend.in_maintenance) why = "in maintenance";
      way.is_alive = why.empty();
      const uint32_t weight = way.is_alive ? backend.weight : 0;
      is_open = is_open || weight > 0;
      Part part = surroundings_.part && weight > 0 ? surroundings_.part(service, backend) : Part();
      percents.push_back(part.percent);
      if (way.is_alive) why = std::move(part.why);
      states[i] = {states[i].service, states[i].backend, way.is_alive, std::move(why)};
      spec.members.push_back(
          {.backend = static_cast<uint32_t>(compiled_.spec.backends.size()), .weight = weight});
      compiled_.spec.backends.push_back(std::move(way));
    }
    if (!is_open) spec.closed = Reason::next_hop_unresolved;
    weigh(percents, spec.members);
    compiled_.spec.services.push_back(std::move(spec));
  }

  // Unless nobody would be left then: some are better than none.
  static void weigh(const std::vector<uint32_t>& percents, std::vector<MemberSpec>& members) {
    const auto weight_of = [&](size_t i) { return members[i].weight * percents[i]; };
    bool is_any_less = false;
    bool is_any_left = false;
    for (size_t i = 0; i < members.size(); ++i) {
      is_any_less = is_any_less || percents[i] != 100;
      is_any_left = is_any_left || weight_of(i) > 0;
    }
    if (!is_any_less || !is_any_left) return;
    for (size_t i = 0; i < members.size(); ++i) members[i].weight = weight_of(i);
  }

  void add_ways() {
    std::set<std::tuple<Address, uint8_t>> known;
    for (const PortSettings& port : settings_.ports) {
      for (const InterfaceAddress& own : port.addresses) {
        known.insert({own.address, uint8_t{128}});
        compiled_.spec.ways.push_back({.to = {.address = own.address}, .way = {.is_own = true}});
      }
    }
    if (!surroundings_.ways) return;
    // Of equal prefixes the kernel prefers the first.
    for (const KernelWay& way : surroundings_.ways()) {
      if (known.insert({way.to, way.length}).second) compiled_.spec.ways.push_back(completed(way));
    }
  }

  WaySpec completed(const KernelWay& way) const {
    const Prefix to = {.address = way.to, .length = way.length};
    if (!way.resolved) return {.to = to, .way = {}};
    REQUIRE(way.port < surroundings_.ports.size());
    const PortState& port = surroundings_.ports[way.port];
    return {.to = to,
            .way = {.resolved = true,
                    .is_own = false,
                    .port = way.port,
                    .vlan = settings_.ports[way.port].vlan,
                    .mtu = port.mtu,
                    .source_mac = port.mac,
                    .destination_mac = way.destination}};
  }

  const Settings& settings_;
  const Surroundings& surroundings_;
  Compiled compiled_;
};

}  // namespace

std::string complete_way(ForwardingSpec& way, const NextHop& next_hop, const Settings& settings,
                         std::span<const PortState> ports) {
  if (!next_hop.resolved) return next_hop.why;
  if (way.mode == Mode::l2_direct && next_hop.gateway != way.destination) {
    return "mode l2_direct reaches neighbours only, and it is behind router " +
           to_string(next_hop.gateway);
  }
  if (is_tunnel(way.mode) && way.tunnel_source == Address{}) {
    way.tunnel_source = next_hop.source;
  }
  REQUIRE(next_hop.port < ports.size());
  const PortState& port = ports[next_hop.port];
  way.port = next_hop.port;
  way.source_mac = port.mac;
  way.mtu = port.mtu;
  way.vlan = settings.ports[next_hop.port].vlan;
  way.destination_mac = next_hop.destination;
  const Result<Forwarding> made = make_forwarding(way);
  if (made.ok()) return {};
  way.destination_mac = {};
  return made.message();
}

uint64_t server_of(const ServiceSettings& service, const BackendSettings& backend) {
  const ForwardingSpec way = way_of(service, backend, true);
  return server_digest(service.name + "/" + backend.name, way.destination, way.destination_port);
}

Compiled compile(const Settings& settings, const Surroundings& surroundings, uint64_t generation) {
  REQUIRE(surroundings.ports.size() == settings.ports.size());
  return Compiler(settings, surroundings).compile(generation);
}

std::vector<Address> destinations_of(const Settings& settings) {
  std::vector<Address> destinations;
  for (const ServiceSettings& service : settings.services) {
    for (const BackendSettings& backend : service.backends) {
      destinations.push_back(backend.address);
    }
  }
  std::ranges::sort(destinations);
  const auto repeated = std::ranges::unique(destinations);
  destinations.erase(repeated.begin(), repeated.end());
  return destinations;
}

}  // namespace evenkeel
