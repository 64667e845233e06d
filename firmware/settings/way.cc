#include "firmware/settings/way.h"

#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

std::optional<Address> address_of(const PortSettings& port, bool is_v4) {
  for (const InterfaceAddress& own : port.addresses) {
    if (own.address.is_v4() == is_v4 && !is_link_local(own.address)) return own.address;
  }
  return std::nullopt;
}

}  // namespace

ForwardingSpec way_of(const ServiceSettings& service, const BackendSettings& backend, bool is_v4) {
  const TunnelSettings& tunnel = service.tunnel;
  ForwardingSpec way;
  way.mode = service.mode;
  way.inner_is_v4 = is_v4;
  way.destination = backend.address;
  way.destination_port = service.mode == Mode::nat ? backend.port : tunnel.port;
  way.tunnel_source = tunnel.source.value_or(Address{});
  way.source_entropy_bits = tunnel.source_entropy_bits;
  way.tunnel_ttl = tunnel.ttl;
  way.vni = tunnel.vni;
  way.inner_source_mac = tunnel.inner_source_mac;
  way.inner_destination_mac = tunnel.inner_destination_mac;
  way.dscp = service.dscp;
  way.translation_prefix = service.translation_prefix.address;
  return way;
}

std::optional<Address> own_address(const Settings& settings, size_t port, bool is_v4) {
  if (port < settings.ports.size()) {
    const std::optional<Address> own = address_of(settings.ports[port], is_v4);
    if (own) return own;
  }
  for (const PortSettings& other : settings.ports) {
    const std::optional<Address> own = address_of(other, is_v4);
    if (own) return own;
  }
  return std::nullopt;
}

}  // namespace evenkeel
