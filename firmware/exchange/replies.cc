#include "firmware/exchange/replies.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "firmware/wire/forwarding.h"

namespace evenkeel {
namespace {

std::string quoted(const std::string& name) { return "'" + name + "'"; }

// The ports of a server that are one of a service's points.
Result<ServerPoint> server_point(const BackendSpec& backend, const ServicePoint& point) {
  const ForwardingSpec& way = backend.forwarding;
  const bool is_one_port = point.first_port == point.last_port;
  if (point.prefix_length != 128) {
    return Error{"a reply of backend " + quoted(backend.name) + " could be of any address of VIP " +
                 to_string(Prefix{point.address, point.prefix_length}) +
                 ": give single addresses, or a mode other than nat"};
  }
  const bool keeps_port =
      way.destination_port == 0 || (is_one_port && way.destination_port == point.first_port);
  if (!keeps_port && !is_one_port) {
    return Error{"a reply from port " + std::to_string(way.destination_port) + " of backend " +
                 quoted(backend.name) + " could be of any of the ports " +
                 std::to_string(point.first_port) + "-" + std::to_string(point.last_port) +
                 " of VIP " + to_string(point.address) +
                 ": let the backend keep the port, or give one port"};
  }
  return ServerPoint{.server = way.destination,
                     .vip = {.vip = point.address,
                             .translation_prefix = way.destination.is_v4() == point.address.is_v4()
                                                       ? Address{}
                                                       : way.translation_prefix,
                             .vip_port = keeps_port ? uint16_t{0} : point.first_port},
                     .protocol = point.protocol,
                     .first_port = keeps_port ? point.first_port : way.destination_port,
                     .last_port = keeps_port ? point.last_port : way.destination_port};
}

Status add_points(const PlanSpec& spec, const ServiceSpec& service, uint16_t number,
                  const std::vector<bool>& is_nat, std::vector<ServerPoint>& points) {
  std::vector<uint32_t> backends = service.leaving;
  for (const MemberSpec& member : service.members) backends.push_back(member.backend);
  for (const MemberSpec& member : service.trial.members) backends.push_back(member.backend);
  for (const uint32_t backend : backends) {
    if (!is_nat[backend]) continue;
    for (const ServicePoint& point : service.points) {
      Result<ServerPoint> made = server_point(spec.backends[backend], point);
      if (!made.ok()) return Error{made.message()};
      made.value().service = number;
      points.push_back(made.value());
    }
  }
  return {};
}

// The same frames, as if to a backend: what is wrong with one is wrong with the other.
ForwardingSpec as_neighbour(const WaySpec& way) {
  ForwardingSpec spec;
  spec.mode = Mode::l2_direct;
  spec.inner_is_v4 = way.to.address.is_v4();
  spec.source_mac = way.way.source_mac;
  spec.destination_mac = way.way.destination_mac;
  spec.vlan = way.way.vlan;
  spec.mtu = way.way.mtu;
  return spec;
}

}  // namespace

Result<std::shared_ptr<const ServerLookup>> make_servers(const PlanSpec& spec,
                                                         std::span<const uint16_t> numbers,
                                                         const Plan* before) {
  std::vector<bool> is_nat;
  for (const BackendSpec& backend : spec.backends) {
    is_nat.push_back(backend.forwarding.mode == Mode::nat);
  }
  const bool has_nat = std::ranges::find(is_nat, true) != is_nat.end();
  std::vector<ServerPoint> points;
  std::vector<const std::string*> names(kMaxServices, nullptr);
  for (size_t i = 0; has_nat && i < spec.services.size(); ++i) {
    names[numbers[i]] = &spec.services[i].name;
    if (Status status = add_points(spec, spec.services[i], numbers[i], is_nat, points);
        !status.ok()) {
      return Error{"service " + quoted(spec.services[i].name) + ": " + status.message()};
    }
  }
  if (before != nullptr && before->servers->points() == points) return before->servers;
  Result<ServerLookup> made = ServerLookup::build(
      std::move(points), [&](uint16_t number) { return quoted(*names[number]); });
  if (!made.ok()) return Error{made.message()};
  return std::make_shared<const ServerLookup>(std::move(made.value()));
}

Result<std::shared_ptr<const Prefixes>> make_way_numbers(const PlanSpec& spec, const Plan* before) {
  if (spec.ways.size() > kMaxPrefixes) {
    return Error{std::to_string(spec.ways.size()) + " ways back to clients; a plan has at most " +
                 std::to_string(kMaxPrefixes)};
  }
  static const std::vector<Prefixes::Entry> kNone;
  const auto& known = before == nullptr ? kNone : before->way_numbers->entries();
  std::vector<Prefixes::Entry> entries;
  entries.reserve(spec.ways.size());
  for (const WaySpec& way : spec.ways) {
    const size_t i = entries.size();
    entries.push_back({way.to, static_cast<uint16_t>(i)});
    const bool is_known = i < known.size() && known[i] == entries[i] && before->ways[i] == way.way;
    if (is_known || !way.way.resolved) continue;
    const Result<Forwarding> as_front = make_forwarding(as_neighbour(way));
    if (!as_front.ok()) return Error{"way to " + to_string(way.to) + ": " + as_front.message()};
  }
  if (before != nullptr && known == entries) return before->way_numbers;
  Result<Prefixes> made = Prefixes::build(std::move(entries));
  if (!made.ok()) return Error{"ways back to clients: " + made.message()};
  return std::make_shared<const Prefixes>(std::move(made.value()));
}

}  // namespace evenkeel
