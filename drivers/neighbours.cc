#include "drivers/neighbours.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <tuple>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"

namespace evenkeel {
namespace {

// Of one call: a few milliseconds of the kernel's work.
constexpr size_t kLookupsAtOnce = 1'024;
constexpr size_t kAskedAtOnce = 1'024;
// Routes may change in torrents, and a limit that was reached may no longer be.
constexpr Microseconds kRoutesInterval = 100'000;
constexpr Microseconds kRetryInterval = 1'000'000;
constexpr Microseconds kOverfullInterval = 10'000'000;

bool is_link_local(const Address& address) {
  return address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0u) == 0x80;
}

std::string why_no_route(const Address& destination, int error) {
  const std::string text = to_string(destination);
  switch (error) {
    case ENETUNREACH:
    case EHOSTUNREACH:
      return "no route to " + text;
    case EACCES:
      return "the route to " + text + " prohibits packets";
    case EINVAL:
      return "the route to " + text + " swallows packets (a black hole)";
    default:
      return "the kernel does not tell the route to " + text + ": " + std::strerror(error);
  }
}

std::string why_no_host(const Address& destination, uint8_t route_type) {
  const std::string text = to_string(destination);
  return route_type == RTN_LOCAL ? text + " is an address of the box itself"
                                 : text + " is not the address of one host";
}

}  // namespace

Result<Neighbours> Neighbours::open(const std::string& network_namespace, std::vector<Port> ports,
                                    Microseconds now) {
  REQUIRE(ports.size() <= kMaxPorts);
  // Listening begins before reading: what changes in between is told twice rather than never.
  Result<NetlinkEvents> events = NetlinkEvents::open(network_namespace);
  if (!events.ok()) return Error{events.message()};
  Result<NetlinkRequests> requests = NetlinkRequests::open(network_namespace);
  if (!requests.ok()) return Error{requests.message()};
  Neighbours neighbours(std::move(events.value()), std::move(requests.value()), std::move(ports));
  neighbours.read_everything(now);
  neighbours.read_routes(now);
  if (!neighbours.trouble_.empty()) return Error{neighbours.trouble_};
  return neighbours;
}

bool Neighbours::on_readable(Microseconds now) {
  trouble_.clear();
  const bool is_complete =
      events_.receive([&](const NetlinkMessage& message) { take(message, now); });
  if (!is_complete) read_everything(now);
  return work(now);
}

bool Neighbours::on_timer(Microseconds now) {
  trouble_.clear();
  const bool is_again_due =
      (is_everything_due_ && now >= everything_read_ + kRetryInterval) ||
      (neighbours_.is_overfull() && now >= everything_read_ + kOverfullInterval);
  if (is_again_due) read_everything(now);
  return work(now);
}

bool Neighbours::watch(std::vector<Address> destinations, Microseconds now) {
  trouble_.clear();
  std::sort(destinations.begin(), destinations.end());
  destinations.erase(std::unique(destinations.begin(), destinations.end()), destinations.end());
  REQUIRE(destinations.size() <= kMaxBackends);
  std::vector<Destination> watched;
  watched.reserve(destinations.size());
  auto old = destinations_.begin();
  const auto let_go = [&](const Destination& destination) {
    if (destination.neighbour != nullptr) neighbours_.release(destination.neighbour->key);
  };
  for (const Address& address : destinations) {
    for (; old != destinations_.end() && old->address < address; ++old) let_go(*old);
    const bool is_known = old != destinations_.end() && old->address == address;
    watched.push_back(is_known ? std::move(*old++) : Destination{.address = address});
  }
  for (; old != destinations_.end(); ++old) let_go(*old);
  destinations_ = std::move(watched);
  due_ = static_cast<size_t>(std::count_if(destinations_.begin(), destinations_.end(),
                                           [](const Destination& it) { return it.is_due; }));
  next_ = 0;
  return work(now);
}

NextHop Neighbours::next_hop(const Address& destination, Microseconds now) const {
  const auto found =
      std::lower_bound(destinations_.begin(), destinations_.end(), destination,
                       [](const Destination& it, const Address& key) { return it.address < key; });
  REQUIRE(found != destinations_.end() && found->address == destination);
  NextHop answer;
  answer.source = found->source;
  if (found->neighbour == nullptr) {
    answer.why = found->why;
    return answer;
  }
  const Neighbour& neighbour = *found->neighbour;
  answer.port = neighbour.key.port;
  answer.gateway = neighbour.key.address;
  answer.destination = neighbour.mac;
  answer.resolved = neighbour.is_usable && is_link_up(answer.port);
  if (!answer.resolved) answer.why = why_not(neighbour, now);
  return answer;
}

std::string Neighbours::why_not(const Neighbour& neighbour, Microseconds now) const {
  const std::string& port = ports_[neighbour.key.port].name;
  const std::string who = to_string(neighbour.key.address) + " on " + port;
  const std::string how = neighbour.key.address.is_v4() ? "ARP" : "neighbour discovery";
  if (!is_link_up(neighbour.key.port)) return port + " has no link";
  if (neighbour.refusal == ENOBUFS) {
    return "the kernel's neighbour table has no room for " + who +
           "; raise net.ipv4.neigh.default.gc_thresh3 and that of ipv6";
  }
  if (neighbour.refusal != 0) {
    return "the kernel does not ask for " + who + ": " + std::strerror(neighbour.refusal);
  }
  if (neighbour.failed_since != Neighbour::kNever) {
    return who + " does not answer " + how + " (failed since " +
           std::to_string((now - neighbour.failed_since) / kMicrosecondsPerTick) + " s)";
  }
  return "waiting for " + how + " from " + who;
}

std::vector<KernelWay> Neighbours::ways() const {
  std::vector<KernelWay> ways;
  for (const auto& [key, neighbour] : neighbours_.all()) {
    if (!neighbour.is_usable || is_link_local(key.address) || !is_link_up(key.port)) continue;
    ways.push_back({.to = key.address,
                    .length = 128,
                    .resolved = true,
                    .port = key.port,
                    .destination = neighbour.mac});
  }
  for (const MainRoute& route : routes_) {
    KernelWay way{.to = route.to, .length = route.length, .port = route.gateways[0].port};
    for (const Neighbour::Key& key : route.gateways) {
      const Neighbour& gateway = neighbours_.all().at(key);
      if (way.resolved || !gateway.is_usable || !is_link_up(key.port)) continue;
      way.resolved = true;
      way.port = key.port;
      way.destination = gateway.mac;
    }
    ways.push_back(way);
  }
  // A host with a route of its own may be a neighbour too, or one on two ports.
  const auto order = [](const KernelWay& a, const KernelWay& b) {
    return std::tie(b.length, a.to, b.resolved, a.port) <
           std::tie(a.length, b.to, a.resolved, b.port);
  };
  std::sort(ways.begin(), ways.end(), order);
  const auto is_same = [](const KernelWay& a, const KernelWay& b) {
    return a.length == b.length && a.to == b.to;
  };
  ways.erase(std::unique(ways.begin(), ways.end(), is_same), ways.end());
  return ways;
}

std::vector<std::string> Neighbours::troubles() const {
  std::vector<std::string> troubles;
  if (!trouble_.empty()) troubles.push_back(trouble_);
  if (routes_left_out_ > 0) {
    troubles.push_back("The main routing table has more routes than replies to clients can use; " +
                       std::to_string(routes_left_out_) + " at least are left out; limit is " +
                       std::to_string(kMaxRoutes) + ".");
  }
  if (neighbours_.is_overfull()) {
    troubles.push_back("There are more neighbours than the box keeps for replies to clients, " +
                       std::to_string(kMaxNeighbours) + "; put clients behind a router.");
  }
  return troubles;
}

void Neighbours::take(const NetlinkMessage& message, Microseconds now) {
  if (const auto* link = std::get_if<LinkMessage>(&message)) take_link(*link);
  if (const auto* route = std::get_if<RouteMessage>(&message)) take_route(*route);
  if (const auto* neighbour = std::get_if<NeighbourMessage>(&message)) {
    take_neighbour(*neighbour, now);
  }
  // Other sources for packets, and routes that come and go without a word.
  if (std::holds_alternative<AddressMessage>(message)) are_all_due_ = true;
}

void Neighbours::take_link(const LinkMessage& link) {
  const auto found = links_.find(link.interface);
  const Link fresh{.name = link.name, .is_up = link.is_up && !link.is_gone};
  if (found != links_.end() && found->second == fresh && !link.is_gone) return;
  if (link.is_gone) {
    links_.erase(link.interface);
  } else {
    links_[link.interface] = fresh;
  }
  are_all_due_ = true;
  has_changed_ = has_changed_ || port_of(link.interface).has_value();
}

void Neighbours::take_route(const RouteMessage& route) {
  mark_due(route.to, route.length);
  are_routes_due_ = are_routes_due_ || route.table == RT_TABLE_MAIN;
}

void Neighbours::take_neighbour(const NeighbourMessage& neighbour, Microseconds now) {
  const std::optional<uint8_t> port = port_of(neighbour.interface);
  if (!port) return;
  neighbours_.update({.port = *port, .address = neighbour.address}, neighbour.state, neighbour.mac,
                     now);
}

std::optional<uint8_t> Neighbours::port_of(uint32_t interface) const {
  for (size_t port = 0; port < ports_.size(); ++port) {
    if (ports_[port].interface == interface) return static_cast<uint8_t>(port);
  }
  return std::nullopt;
}

bool Neighbours::is_link_up(uint8_t port) const {
  const auto found = links_.find(ports_[port].interface);
  return found != links_.end() && found->second.is_up;
}

void Neighbours::read_everything(Microseconds now) {
  everything_read_ = now;
  are_all_due_ = are_routes_due_ = is_everything_due_ = true;
  const auto take_all = [&](const NetlinkMessage& message) {
    take(message, now);
    return true;
  };
  const std::map<uint32_t, Link> before = std::exchange(links_, {});
  Status status = requests_.dump(dump_links(), take_all);
  has_changed_ = has_changed_ || links_ != before;
  neighbours_.begin_dump();
  if (status.ok()) status = requests_.dump(dump_neighbours(), take_all);
  note(status);
  if (!status.ok()) return;
  neighbours_.end_dump(now);
  is_everything_due_ = false;
}

bool Neighbours::work(Microseconds now) {
  if (std::exchange(are_all_due_, false)) mark_all_due();
  if (due_ > 0) look_up(now);
  const bool has_too_many = routes_left_out_ > 0;
  if (has_too_many && now >= routes_read_ + kOverfullInterval) are_routes_due_ = true;
  if (are_routes_due_ &&
      now >= routes_read_ + (has_too_many ? kOverfullInterval : kRoutesInterval)) {
    read_routes(now);
  }
  ask_for_neighbours(now);
  const bool has_changed = neighbours_.take_changed();
  return std::exchange(has_changed_, false) || has_changed;
}

void Neighbours::mark_all_due() {
  for (Destination& destination : destinations_) destination.is_due = true;
  due_ = destinations_.size();
  are_routes_due_ = true;
}

void Neighbours::mark_due(const Address& to, uint8_t length) {
  // ::/0 takes all of IPv4 along, which is looked up in vain then.
  auto at =
      std::lower_bound(destinations_.begin(), destinations_.end(), to,
                       [](const Destination& it, const Address& key) { return it.address < key; });
  for (; at != destinations_.end() && masked(at->address, length) == to; ++at) {
    due_ += at->is_due ? 0 : 1;
    at->is_due = true;
  }
}

void Neighbours::look_up(Microseconds now) {
  std::vector<NetlinkRequest> requests;
  std::vector<size_t> indexes;
  for (size_t seen = 0; seen < destinations_.size() && indexes.size() < kLookupsAtOnce; ++seen) {
    const size_t index = next_;
    next_ = (next_ + 1) % destinations_.size();
    if (!destinations_[index].is_due) continue;
    indexes.push_back(index);
    requests.push_back(find_route(destinations_[index].address));
  }
  note(requests_.exchange(requests, [&](size_t at, int error, const nlmsghdr* message) {
    Destination& destination = destinations_[indexes[at]];
    destination.is_due = false;
    --due_;
    set_answer(destination, answer_of(destination.address, error, message), now);
  }));
}

// `resolved` says whether there is a neighbour to resolve.
NextHop Neighbours::answer_of(const Address& destination, int error,
                              const nlmsghdr* message) const {
  NextHop answer;
  if (error != 0) {
    answer.why = why_no_route(destination, error);
    return answer;
  }
  const NetlinkMessage parsed = parse_netlink(message);
  const auto* route = std::get_if<RouteMessage>(&parsed);
  if (route == nullptr || route->hop_count == 0) {
    answer.why = why_no_route(destination, EBADMSG);
    return answer;
  }
  if (route->type != RTN_UNICAST) {
    answer.why = why_no_host(destination, route->type);
    return answer;
  }
  const RouteMessage::Hop& hop = route->hops[0];
  const std::optional<uint8_t> port = port_of(hop.interface);
  if (!port) {
    const auto link = links_.find(hop.interface);
    answer.why = "the route to " + to_string(destination) + " leaves through " +
                 (link == links_.end() ? std::to_string(hop.interface) : link->second.name) +
                 ", which is no port of the box";
    return answer;
  }
  answer.resolved = true;
  answer.port = *port;
  answer.source = route->source;
  answer.gateway = hop.has_gateway ? hop.gateway : destination;
  return answer;
}

void Neighbours::set_answer(Destination& destination, const NextHop& answer, Microseconds now) {
  const Neighbour* before = destination.neighbour;
  destination.neighbour =
      answer.resolved ? &neighbours_.acquire({.port = answer.port, .address = answer.gateway}, now)
                      : nullptr;
  const bool is_same = destination.neighbour == before && destination.source == answer.source &&
                       destination.why == answer.why;
  has_changed_ = has_changed_ || !is_same;
  destination.source = answer.source;
  destination.why = answer.why;
  if (before != nullptr) neighbours_.release(before->key);
}

void Neighbours::read_routes(Microseconds now) {
  routes_read_ = now;
  size_t seen = 0;
  size_t left_out = 0;
  std::vector<MainRoute> routes;
  for (const int family : {AF_INET, AF_INET6}) {
    const Status status = requests_.dump(dump_routes(family), [&](const NetlinkMessage& message) {
      const auto* route = std::get_if<RouteMessage>(&message);
      std::optional<MainRoute> fresh = route != nullptr ? main_route(*route) : std::nullopt;
      if (fresh && routes.size() < kMaxRoutes) {
        routes.push_back(std::move(*fresh));
      } else if (fresh) {
        ++left_out;
      }
      return ++seen < kMaxRoutesSeen;
    });
    note(status);
    are_routes_due_ = !status.ok();
    if (!status.ok()) return;
  }
  const auto order = [](const MainRoute& a, const MainRoute& b) {
    return std::tie(b.length, a.to, a.metric) < std::tie(a.length, b.to, b.metric);
  };
  std::sort(routes.begin(), routes.end(), order);
  const auto is_worse = [](const MainRoute& better, const MainRoute& worse) {
    return better.length == worse.length && better.to == worse.to;
  };
  routes.erase(std::unique(routes.begin(), routes.end(), is_worse), routes.end());

  has_changed_ = has_changed_ || routes != routes_ || left_out != routes_left_out_;
  routes_left_out_ = left_out;
  for (const MainRoute& route : routes) {
    for (const Neighbour::Key& key : route.gateways) neighbours_.acquire(key, now);
  }
  routes_.swap(routes);
  for (const MainRoute& route : routes) {
    for (const Neighbour::Key& key : route.gateways) neighbours_.release(key);
  }
}

std::optional<Neighbours::MainRoute> Neighbours::main_route(const RouteMessage& route) const {
  if (route.table != RT_TABLE_MAIN || route.type != RTN_UNICAST) return std::nullopt;
  MainRoute result{.to = route.to, .length = route.length, .metric = route.metric, .gateways = {}};
  for (size_t i = 0; i < route.hop_count; ++i) {
    const std::optional<uint8_t> port = port_of(route.hops[i].interface);
    if (!port || !route.hops[i].has_gateway) continue;
    result.gateways.push_back({.port = *port, .address = route.hops[i].gateway});
  }
  if (result.gateways.empty()) return std::nullopt;
  return result;
}

void Neighbours::ask_for_neighbours(Microseconds now) {
  const std::vector<Neighbour::Key> keys = neighbours_.due(now, kAskedAtOnce);
  std::vector<NetlinkRequest> requests;
  requests.reserve(keys.size());
  for (const Neighbour::Key& key : keys) {
    requests.push_back(use_neighbour(ports_[key.port].interface, key.address));
  }
  note(requests_.exchange(requests, [&](size_t at, int error, const nlmsghdr* /*message*/) {
    neighbours_.refuse(keys[at], error);
  }));
}

void Neighbours::note(const Status& status) {
  if (!status.ok()) trouble_ = status.message();
}

}  // namespace evenkeel
