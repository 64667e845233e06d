#include "firmware/exchange/spec.h"

#include <algorithm>

#include "firmware/exchange/digest.h"

namespace evenkeel {
namespace {

void add_mac(Digest& digest, const Mac& mac) {
  uint64_t number = 0;
  for (const uint8_t byte : mac) number = number << 8 | byte;
  digest.add(number);
}

uint64_t digest_of(const ServicePoint& point) {
  return Digest()
      .add(point.address)
      .add(point.prefix_length)
      .add(point.protocol)
      .add(point.first_port)
      .add(point.last_port)
      .value();
}

uint64_t digest_of(const std::vector<Prefix>& prefixes) {
  std::vector<uint64_t> digests;
  for (const Prefix& prefix : prefixes) {
    digests.push_back(Digest().add(prefix.address).add(prefix.length).value());
  }
  return digest_of_set(std::move(digests));
}

}  // namespace

uint64_t server_digest(std::string_view name, const Address& destination, uint16_t port) {
  return Digest().add(name).add(destination).add(port).value();
}

uint64_t digest_of(const BackendSpec& backend) {
  const ForwardingSpec& way = backend.forwarding;
  Digest digest;
  digest.add(backend.name).add(backend.is_alive ? 1 : 0);
  digest.add(static_cast<uint64_t>(way.mode)).add(way.inner_is_v4 ? 1 : 0);
  digest.add(way.destination).add(way.destination_port);
  digest.add(way.tunnel_ttl).add(way.vni).add(way.dscp);
  digest.add(way.translation_prefix);
  add_mac(digest, way.inner_destination_mac);
  if (way.mode == Mode::l2_direct && way.destination == Address{}) {
    add_mac(digest, way.destination_mac);
  }
  return digest.value();
}

uint64_t digest_without_members(const ServiceSpec& service) {
  std::vector<uint64_t> points;
  for (const ServicePoint& point : service.points) points.push_back(digest_of(point));
  return Digest()
      .add(service.name)
      .add(digest_of_set(std::move(points)))
      .add(static_cast<uint64_t>(service.affinity))
      .add(static_cast<uint64_t>(service.hash_over))
      .add(service.buckets)
      .add(static_cast<uint64_t>(service.closed))
      .add(service.mss)
      .add(digest_of(service.allow))
      .add(digest_of(service.deny))
      .add(service.new_flows_per_source)
      .value();
}

uint64_t fingerprint(const PlanSpec& spec) {
  std::vector<uint64_t> backends;
  for (const BackendSpec& backend : spec.backends) backends.push_back(digest_of(backend));
  std::vector<uint64_t> services;
  for (const ServiceSpec& service : spec.services) {
    std::vector<uint64_t> members;
    for (const MemberSpec& member : service.members) {
      const uint64_t backend = member.backend < backends.size() ? backends[member.backend] : 0;
      members.push_back(Digest().add(backend).add(member.weight).value());
    }
    services.push_back(Digest()
                           .add(digest_without_members(service))
                           .add(digest_of_set(std::move(members)))
                           .value());
  }
  return Digest()
      .add(digest_of_set(std::move(backends)))
      .add(digest_of_set(std::move(services)))
      .value();
}

}  // namespace evenkeel
