#include "firmware/table/servers.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/wire/headers.h"

namespace evenkeel {
namespace {

constexpr uint32_t place_of(uint8_t protocol, uint16_t port) {
  return uint32_t{protocol} << 16 | port;
}

// REQUIRES: both are of one array, whose order decides in the end.
bool comes_before(const ServerPoint* a, const ServerPoint* b) {
  return std::tie(a->server, a->protocol, a->first_port, a) <
         std::tie(b->server, b->protocol, b->first_port, b);
}

std::string describe(const ServerPoint& point) {
  const auto protocol = static_cast<Protocol>(point.protocol);
  const std::string address = to_string(point.server);
  std::string text = point.server.is_v4() ? address : "[" + address + "]";
  text += ":" + std::to_string(point.first_port);
  if (point.first_port != point.last_port) text += "-" + std::to_string(point.last_port);
  text += protocol == Protocol::tcp ? "/tcp" : protocol == Protocol::udp ? "/udp" : "/sctp";
  return text;
}

Error refuse(const ServerPoint& first, const ServerPoint& second, const NameOfService& name_of) {
  const std::string who =
      first.service == second.service
          ? "service " + name_of(second.service) + " translates more than one VIP or port"
          : "service " + name_of(first.service) + " and service " + name_of(second.service) +
                " both translate";
  return Error{who + " to " + describe(second) +
               ", so a reply cannot be told apart: give each a port of its own there, or a mode "
               "other than nat"};
}

}  // namespace

Result<ServerLookup> ServerLookup::build(std::vector<ServerPoint> points,
                                         const NameOfService& name_of) {
  if (points.size() > kMaxServerPoints) {
    return Error{std::to_string(points.size()) +
                 " ports of servers in mode nat; a plan has at most " +
                 std::to_string(kMaxServerPoints)};
  }
  std::vector<const ServerPoint*> ordered;
  ordered.reserve(points.size());
  for (const ServerPoint& point : points) ordered.push_back(&point);
  std::ranges::sort(ordered, comes_before);

  ServerLookup lookup;
  std::vector<ProbeTable::Entry> servers;
  const ServerPoint* before = nullptr;  // with which the last range began
  for (const ServerPoint* const point : ordered) {
    REQUIRE(point->vip.vip_port == 0 || point->first_port == point->last_port);
    const Range range = {.first = place_of(point->protocol, point->first_port),
                         .last = place_of(point->protocol, point->last_port),
                         .vip = point->vip};
    if (before == nullptr || before->server != point->server) {
      servers.push_back({.address = point->server, .value = static_cast<uint16_t>(servers.size())});
      lookup.begins_.push_back(static_cast<uint32_t>(lookup.ranges_.size()));
    } else if (Range& last = lookup.ranges_.back(); last.last >= range.first) {
      if (last.vip != range.vip) return refuse(*before, *point, name_of);
      last.last = std::max(last.last, range.last);
      continue;
    }
    lookup.ranges_.push_back(range);
    before = point;
  }
  if (servers.size() > kMaxBackends) {
    return Error{std::to_string(servers.size()) + " servers in mode nat; a plan has at most " +
                 std::to_string(kMaxBackends)};
  }
  lookup.begins_.push_back(static_cast<uint32_t>(lookup.ranges_.size()));
  lookup.servers_ = ProbeTable(servers);
  lookup.points_ = std::move(points);
  return lookup;
}

const VipOfServer* ServerLookup::find(const Address& server, uint8_t protocol, Big16 port) const {
  const uint16_t number = servers_.find(server, 0, kNoServer);
  if (number == kNoServer) return nullptr;
  const uint32_t place = place_of(protocol, port.value());
  const auto end = ranges_.begin() + begins_[number + size_t{1}];
  const auto range =
      std::lower_bound(ranges_.begin() + begins_[number], end, place,
                       [](const Range& at, uint32_t wanted) { return at.last < wanted; });
  return range != end && range->first <= place ? &range->vip : nullptr;
}

}  // namespace evenkeel
