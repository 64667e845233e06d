// What the service lookup must say, by looking at every point: an oracle too simple to be wrong.
#pragma once

#include <algorithm>
#include <span>

#include "firmware/table/lookup.h"

namespace evenkeel {

// IPv4 addresses are no part of the IPv6 prefixes around them.
inline bool covers(const ServicePoint& point, const Address& address) {
  return point.address.is_v4() == address.is_v4() &&
         masked(address, point.prefix_length) == point.address;
}

inline uint16_t naive_find(std::span<const ServicePoint> points, const Address& address,
                           uint8_t protocol, uint16_t port) {
  const ServicePoint* best = nullptr;
  for (const ServicePoint& point : points) {
    if (point.protocol != protocol || port < point.first_port || port > point.last_port ||
        !covers(point, address)) {
      continue;
    }
    const bool is_better =
        best == nullptr || point.prefix_length > best->prefix_length ||
        (point.prefix_length == best->prefix_length &&
         point.last_port - point.first_port < best->last_port - best->first_port);
    if (is_better) best = &point;
  }
  return best == nullptr ? kNoService : best->service;
}

inline bool naive_has_address(std::span<const ServicePoint> points, const Address& address) {
  return std::ranges::any_of(points,
                             [&](const ServicePoint& point) { return covers(point, address); });
}

// Whether both could not be told apart on some port: their ranges are equal, or cross.
inline bool conflict(const ServicePoint& a, const ServicePoint& b) {
  if (a.address != b.address || a.prefix_length != b.prefix_length || a.protocol != b.protocol) {
    return false;
  }
  const bool apart = a.last_port < b.first_port || b.last_port < a.first_port;
  const bool a_in_b = a.first_port >= b.first_port && a.last_port <= b.last_port;
  const bool b_in_a = b.first_port >= a.first_port && b.last_port <= a.last_port;
  return !apart && a_in_b == b_in_a;
}

}  // namespace evenkeel
