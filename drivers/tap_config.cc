#include "drivers/tap_config.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace evenkeel {
namespace {

using Prefix = TapConfig::Prefix;

std::string in_words(const Prefix& prefix) {
  const int length = prefix.address.is_v4() ? prefix.length - 96 : prefix.length;
  return to_string(prefix.address) + "/" + std::to_string(length);
}

// Requests, with what to say should the kernel refuse one.
struct Orders {
  std::vector<NetlinkRequest> requests;
  std::vector<std::string> meanings;

  void add(const NetlinkRequest& request, std::string meaning) {
    requests.push_back(request);
    meanings.push_back(std::move(meaning));
  }
};

// Every order is given; the error is the first refusal's.
Status give(NetlinkRequests& kernel, const TapConfig& config, Orders& orders) {
  std::string first_refusal;
  Status status =
      kernel.exchange(orders.requests, [&](size_t index, int error, const nlmsghdr* /*message*/) {
        if (error == 0 || !first_refusal.empty()) return;
        first_refusal = "Port \"" + config.name + "\": the kernel refuses to " +
                        orders.meanings[index] + ": " + std::strerror(error) +
                        "; correct the port's addresses and routes.";
      });
  if (!status.ok()) return status;
  if (!first_refusal.empty()) return Error{first_refusal};
  return {};
}

Status configure_addresses(NetlinkRequests& kernel, const TapConfig& config) {
  std::set<Prefix> present;
  Status status = kernel.dump(dump_addresses(), [&](const NetlinkMessage& message) {
    const auto* address = std::get_if<AddressMessage>(&message);
    if (address != nullptr && address->interface == config.interface && !address->is_link_local) {
      present.insert({.address = address->address, .length = address->length});
    }
    return true;
  });
  if (!status.ok()) return status;

  const std::set<Prefix> own(config.addresses.begin(), config.addresses.end());
  std::set<Prefix> wanted = own;
  for (const Address& vip : config.vips) wanted.insert({.address = vip, .length = 128});
  Orders orders;
  // Own ones first: of those that it could send from, the kernel takes the oldest of IPv4.
  for (const bool is_vip : {false, true}) {
    for (const Prefix& prefix : wanted) {
      if (present.contains(prefix) || own.contains(prefix) == is_vip) continue;
      orders.add(add_address(config.interface, prefix.address, prefix.length, is_vip),
                 "add the address " + in_words(prefix));
    }
  }
  // Last: a route through a subnet would go with its only address.
  for (const Prefix& prefix : present) {
    if (wanted.contains(prefix)) continue;
    orders.add(delete_address(config.interface, prefix.address, prefix.length),
               "take away the address " + in_words(prefix));
  }
  return give(kernel, config, orders);
}

std::set<Prefix> prefixes_of(const std::vector<TapConfig::Route>& routes) {
  std::set<Prefix> prefixes;
  for (const TapConfig::Route& route : routes) prefixes.insert(route.to);
  return prefixes;
}

Status configure_routes(NetlinkRequests& kernel, const TapConfig& config) {
  std::map<Prefix, RouteMessage> present;
  for (const int family : {AF_INET, AF_INET6}) {
    Status status = kernel.dump(dump_routes(family), [&](const NetlinkMessage& message) {
      const auto* route = std::get_if<RouteMessage>(&message);
      if (route != nullptr && route->table == RT_TABLE_MAIN && route->protocol == kRouteProtocol &&
          route->hop_count > 0 && route->hops[0].interface == config.interface) {
        present[{.address = route->to, .length = route->length}] = *route;
      }
      return true;
    });
    if (!status.ok()) return status;
  }
  Orders orders;
  // Where only the gateway has changed, the new route takes the old one's place without a gap.
  const std::set<Prefix> wanted = prefixes_of(config.routes);
  for (const auto& [to, route] : present) {
    if (wanted.contains(to)) continue;
    orders.add(delete_route(route), "take away the route to " + in_words(to));
  }
  for (const auto& [to, via] : config.routes) {
    const auto old = present.find(to);
    if (old != present.end() && old->second.hops[0].gateway == via) continue;
    orders.add(add_route(config.interface, to.address, to.length, via),
               "add a route to " + in_words(to) + " via " + to_string(via));
  }
  return give(kernel, config, orders);
}

}  // namespace

Status configure_tap(NetlinkRequests& kernel, const TapConfig& config) {
  Status addresses = configure_addresses(kernel, config);
  Status routes = configure_routes(kernel, config);
  return addresses.ok() ? routes : addresses;
}

}  // namespace evenkeel
