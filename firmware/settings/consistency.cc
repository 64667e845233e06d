#include "firmware/settings/consistency.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

#include "firmware/base/limits.h"
#include "firmware/settings/consistency_check.h"
#include "firmware/settings/consistency_credentials.h"
#include "firmware/settings/consistency_queries.h"
#include "firmware/settings/values.h"
#include "firmware/settings/way.h"

namespace evenkeel {
namespace {

using Objections = std::vector<Objection>;

Step service_at(size_t index) { return {"services", index}; }
Step backend_at(size_t index) { return {"backends", index}; }
Step port_at(size_t index) { return {"ports", index}; }

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

// `path` of an element of a list leads to it; its name is behind.
template <typename Element>
void object_to_same_names(const std::vector<Element>& list, const auto& path_to,
                          Objections& found) {
  std::unordered_map<std::string_view, size_t> known;
  for (size_t i = 0; i < list.size(); ++i) {
    if (list[i].name.empty()) continue;  // could not be read
    const auto [first, is_new] = known.emplace(list[i].name, i);
    if (is_new) continue;
    KeyPath path = path_to(i);
    path.push_back({"name"});
    found.push_back({.path = std::move(path),
                     .what = "found " + quoted(list[i].name) + ", the name of number " +
                             std::to_string(first->second + 1) + " too; allowed: a name of its own",
                     .judges = {}});
  }
}

void object_to_same_names(const Settings& settings, Objections& found) {
  object_to_same_names(settings.ports, [](size_t i) { return KeyPath{port_at(i)}; }, found);
  object_to_same_names(settings.services, [](size_t i) { return KeyPath{service_at(i)}; }, found);
  object_to_same_names(
      settings.credentials, [](size_t i) { return KeyPath{Step{"credentials", i}}; }, found);
  for (size_t i = 0; i < settings.services.size(); ++i) {
    object_to_same_names(
        settings.services[i].backends,
        [&](size_t j) { return KeyPath{service_at(i), backend_at(j)}; }, found);
    object_to_same_names(
        settings.services[i].queries,
        [&](size_t j) { return KeyPath{service_at(i), Step{"queries", j}}; }, found);
  }
}

void object_to_totals(const Settings& settings, Objections& found) {
  size_t services = 0;
  size_t backends = 0;
  size_t points = 0;
  size_t clients = 0;
  std::set<unsigned> lengths;
  for (const ServiceSettings& service : settings.services) {
    const size_t families = size_t{has_vips(service, true)} + size_t{has_vips(service, false)};
    services += families;
    backends += families * service.backends.size();
    points += service.vips.size();
    clients += families * (service.allow.size() + service.deny.size());
    for (const Prefix& vip : service.vips) lengths.insert(vip.length);
  }
  const auto object = [&](size_t count, size_t most, const char* of_what) {
    if (count <= most) return;
    found.push_back({.path = {{"services"}},
                     .what = "found " + std::to_string(count) + " " + of_what +
                             "; allowed: " + std::to_string(most) + " in all",
                     .judges = {}});
  };
  object(services, kMaxServices, "services, twice those with VIPs of both IP versions");
  object(backends, kMaxBackends, "backends, twice those of VIPs of both IP versions");
  object(points, kMaxServicePoints, "VIPs");
  object(clients, kMaxPrefixes, "prefixes to allow and deny, twice those for VIPs of both");
  object(lengths.size(), kMaxPrefixLengths, "different prefix lengths of VIPs");
}

void object_to_workers(const Settings& settings, Objections& found) {
  std::set<uint32_t> cores;
  for (const uint32_t core : settings.cpu.workers) {
    if (cores.insert(core).second) continue;
    found.push_back({.path = {{"cpu"}, {"workers"}},
                     .what = "found core " + std::to_string(core) +
                             " twice; allowed: a core of its own for each worker",
                     .judges = {}});
  }
}

bool is_within(const Address& address, const InterfaceAddress& subnet) {
  return address.is_v4() == subnet.address.is_v4() &&
         masked(address, subnet.length) == masked(subnet.address, subnet.length);
}

void object_to_routes(const Settings& settings, Objections& found) {
  for (size_t i = 0; i < settings.ports.size(); ++i) {
    const PortSettings& port = settings.ports[i];
    for (size_t j = 0; j < port.routes.size(); ++j) {
      const RouteSettings& route = port.routes[j];
      if (route.via == Address{}) continue;  // could not be read
      const KeyPath via = {port_at(i), {"routes", j}, {"via"}};
      if (route.via.is_v4() != route.to.address.is_v4()) {
        found.push_back({.path = via,
                         .what = "found " + to_string(route.via) + " for " + to_string(route.to) +
                                 "; allowed: both of one IP version",
                         .judges = {{port_at(i), {"routes", j}, {"to"}}}});
      } else if (!is_link_local(route.via) &&
                 std::ranges::none_of(port.addresses, [&](const InterfaceAddress& own) {
                   return is_within(route.via, own);
                 })) {
        found.push_back({.path = via,
                         .what = "found " + to_string(route.via) +
                                 "; allowed: a router in the subnet of one of the port's addresses",
                         .judges = {{port_at(i), {"addresses"}}}});
      }
    }
  }
}

void object_to_same_addresses(const Settings& settings, Objections& found) {
  std::map<Address, std::string> known;
  for (size_t i = 0; i < settings.ports.size(); ++i) {
    for (const InterfaceAddress& own : settings.ports[i].addresses) {
      const auto [first, is_new] = known.emplace(own.address, settings.ports[i].name);
      if (is_new) continue;
      found.push_back({.path = {port_at(i), {"addresses"}},
                       .what = "found " + to_string(own.address) + ", an address of port " +
                               quoted(first->second) + " already; allowed: addresses of its own",
                       .judges = {}});
    }
  }
}

void object_to_vips(const Settings& settings, Objections& found) {
  struct Point {
    Prefix vip;
    Protocol protocol;
    PortRange ports;
    size_t service;

    // Ranges that are within another one come behind it.
    auto order() const {
      return std::make_tuple(vip.address, vip.length, protocol, ports.first, -int{ports.last},
                             service);
    }
    bool is_of(const Point& other) const { return vip == other.vip && protocol == other.protocol; }
  };
  std::vector<Point> points;
  for (size_t i = 0; i < settings.services.size(); ++i) {
    const ServiceSettings& service = settings.services[i];
    for (const Prefix& vip : service.vips)
      points.push_back({vip, service.protocol, service.ports, i});
  }
  std::ranges::sort(points, {}, &Point::order);
  std::vector<const Point*> around;  // the ranges that the present one is within
  for (const Point& point : points) {
    while (!around.empty() &&
           (!around.back()->is_of(point) || around.back()->ports.last < point.ports.first)) {
      around.pop_back();
    }
    if (!around.empty()) {
      const Point& other = *around.back();
      if (other.ports == point.ports || other.ports.last < point.ports.last) {
        const auto path_to = [](size_t service, std::string_view key) {
          return KeyPath{service_at(service), {key}};
        };
        found.push_back(
            {.path = path_to(point.service, "vips"),
             .what = "found " + to_string(point.vip) + " with ports " + to_string(point.ports) +
                     ", where service " + quoted(settings.services[other.service].name) +
                     " has ports " + to_string(other.ports) +
                     "; allowed: ports of its own, or a narrower range within",
             .judges = {path_to(point.service, "ports"), path_to(point.service, "protocol"),
                        path_to(other.service, "ports"), path_to(other.service, "protocol")}});
      }
    }
    around.push_back(&point);
  }
}

// --- Of one service ------------------------------------------------------------------------------

// A service, and what is wrong with it.
class ServiceObjections {
 public:
  ServiceObjections(const ServiceSettings& service, size_t number, Objections& found)
      : service_(service), number_(number), found_(found) {}

  void find() {
    object_to_affinity();
    object_to_weights();
    object_to_clients();
    object_to_mark();
    if (service_.check.type != CheckType::none) object_to_check(service_, path_to({}), found_);
    if (service_.mode == Mode::nat) object_to_translation();
    for (size_t i = 0; i < service_.backends.size(); ++i) {
      const BackendSettings& backend = service_.backends[i];
      if (backend.address == Address{}) continue;  // could not be read
      if (is_tunnel()) object_to_tunnel(i, backend);
      if (service_.mode == Mode::l3_direct) object_to_family(i, backend);
      if (service_.mode == Mode::nat) object_to_new_port(i, backend);
    }
  }

 private:
  bool is_tunnel() const { return service_.mode >= Mode::ipip && service_.mode <= Mode::geneve; }

  KeyPath path_to(std::initializer_list<Step> behind) const {
    KeyPath path = {service_at(number_)};
    path.insert(path.end(), behind);
    return path;
  }

  void object(KeyPath path, std::string what, std::initializer_list<KeyPath> judges) {
    found_.push_back({.path = std::move(path), .what = std::move(what), .judges = judges});
  }

  void object_to_affinity() {
    if (service_.protocol != Protocol::udp || service_.affinity != Affinity::connection) return;
    object(path_to({{"affinity"}}),
           R"(found "connection", which UDP has none of; allowed: "stateless" or "sticky")",
           {path_to({{"protocol"}})});
  }

  void object_to_weights() {
    if (service_.backends.empty()) return;
    for (const BackendSettings& backend : service_.backends) {
      if (backend.weight > 0) return;
    }
    object(path_to({{"backends"}}),
           "found weight 0 only, so that nobody may take a new flow; allowed: at least one above 0",
           {});
  }

  void object_to_clients() {
    std::set<std::tuple<Address, uint8_t>> known;
    const auto object_to_second = [&](const std::vector<Prefix>& clients, std::string_view key) {
      for (const Prefix& prefix : clients) {
        if (known.insert({prefix.address, prefix.length}).second) continue;
        object(path_to({{key}}),
               "found " + to_string(prefix) + " twice; allowed: once, in allow or in deny", {});
      }
    };
    object_to_second(service_.allow, "allow");
    object_to_second(service_.deny, "deny");
  }

  void object_to_mark() {
    if (service_.mode != Mode::l3_direct || service_.dscp != 0) return;
    object(path_to({{"dscp"}}), "is not set, but mode l3_direct needs it; allowed: 1 to 63",
           {path_to({{"mode"}}), path_to({{"dscp"}})});
  }

  void object_to_tunnel(size_t index, const BackendSettings& backend) {
    const TunnelSettings& tunnel = service_.tunnel;
    const KeyPath address = path_to({backend_at(index), {"address"}});
    const bool is_v4 = backend.address.is_v4();
    if (tunnel.source.has_value() && tunnel.source->is_v4() != is_v4) {
      object(address,
             "found " + to_string(backend.address) + ", but tunnel.source is " +
                 to_string(*tunnel.source) + "; allowed: addresses of one IP version",
             {path_to({{"mode"}})});
    }
    if (is_v4 && tunnel.source_entropy_bits > kMaxEntropyBitsOfV4) {
      object(path_to({{"tunnel"}, {"source_entropy_bits"}}),
             "found " + std::to_string(tunnel.source_entropy_bits) + ", for backend " +
                 to_string(backend.address) + "; allowed: 0 to " +
                 std::to_string(kMaxEntropyBitsOfV4) + " with IPv4",
             {path_to({{"mode"}})});
    }
  }

  void object_to_family(size_t index, const BackendSettings& backend) {
    if (!has_vips(service_, !backend.address.is_v4())) return;
    object(path_to({backend_at(index), {"address"}}),
           "found " + to_string(backend.address) +
               "; allowed in mode l3_direct: one of the IP version of all VIPs",
           {path_to({{"mode"}})});
  }

  void object_to_translation() {
    const Prefix& prefix = service_.translation_prefix;
    if (prefix.length != 96 || prefix.address.is_v4()) {
      object(path_to({{"translation_prefix"}}),
             "found " + to_string(prefix) + "; allowed: an IPv6 prefix of 96 bits",
             {path_to({{"mode"}})});
    }
    for (const Prefix& vip : service_.vips) {
      if (vip.length == 128) continue;
      object(path_to({{"vips"}}),
             "found " + to_string(vip) +
                 "; allowed in mode nat: single addresses, in whose name replies can be sent",
             {path_to({{"mode"}})});
    }
  }

  // The way back is found without remembering flows, so the way there must be unique.
  void object_to_new_port(size_t index, const BackendSettings& backend) {
    if (backend.port == 0 || service_.ports.first == service_.ports.last) return;
    object(path_to({backend_at(index), {"port"}}),
           "found " + std::to_string(backend.port) + " for ports " + to_string(service_.ports) +
               "; allowed: none, for many ports cannot become one and come back",
           {path_to({{"mode"}}), path_to({{"ports"}})});
  }

  static constexpr unsigned kMaxEntropyBitsOfV4 = 16;

  const ServiceSettings& service_;
  const size_t number_;
  Objections& found_;
};

// --- Of the API ----------------------------------------------------------------------------------

void object_to_api(const Settings& settings, Objections& found) {
  const ApiSettings& api = settings.api;
  const auto object = [&](std::string_view key, const char* what) {
    found.push_back({.path = {{"api"}, {key}}, .what = what, .judges = {{{"api"}, {"listen"}}}});
  };
  if (api.listen.empty()) return;
  if (api.certificate.empty()) {
    object("certificate", "is not set, but listen needs it; allowed: a file's path from /");
  }
  if (api.certificate_key.empty()) {
    object("certificate_key", "is not set, but listen needs it; allowed: a file's path from /");
  }
  if (api.client_ca.empty() && api.tokens.empty()) {
    object("listen",
           "is set, but neither client_ca nor tokens, so that nobody could be known; allowed: with "
           "at least one of them");
  }
}

void object_to_rollout(const Settings& settings, Objections& found) {
  const std::vector<uint32_t>& steps = settings.rollout.steps;
  if (std::ranges::adjacent_find(steps, std::greater_equal<>()) == steps.end()) return;
  found.push_back({.path = {{"rollout"}, {"steps"}},
                   .what = "is not in order; allowed: each step larger than the one before",
                   .judges = {}});
}

// Whoever asks for a VIP is to be answered.
void object_to_same_paths(const Settings& settings, Objections& found) {
  for (size_t i = 0; i < settings.services.size(); ++i) {
    const ServiceSettings& service = settings.services[i];
    const CheckSettings& check = service.check;
    if (!check.same_path || check.type == CheckType::none || service.mode == Mode::nat) continue;
    for (const bool is_v4 : {true, false}) {
      if (!has_vips(service, is_v4) || own_address(settings, 0, is_v4)) continue;
      const char* const family = is_v4 ? "IPv4" : "IPv6";
      std::string what = "is set, but no port has an address of ";
      what.append(family).append(" to ask the service's VIPs of ").append(family);
      found.push_back({.path = {service_at(i), {"check"}, {"same_path"}},
                       .what = what + " from; allowed: with one, or false",
                       .judges = {{{"ports"}}, {service_at(i), {"vips"}}}});
    }
  }
}

void object_to_services(const Settings& settings, Objections& found) {
  for (size_t i = 0; i < settings.services.size(); ++i) {
    ServiceObjections(settings.services[i], i, found).find();
  }
}

}  // namespace

std::vector<Objection> objections_to(const Settings& settings) {
  constexpr std::array kRules = {
      static_cast<void (*)(const Settings&, Objections&)>(object_to_same_names),
      object_to_totals,
      object_to_workers,
      object_to_routes,
      object_to_same_addresses,
      object_to_vips,
      object_to_services,
      object_to_same_paths,
      object_to_api,
      object_to_rollout,
      object_to_queries,
      object_to_credentials,
  };
  Objections found;
  for (const auto rule : kRules) rule(settings, found);
  return found;
}

}  // namespace evenkeel
