// What settings alone say of the ways to backends; next hops say the rest.
#pragma once

#include <cstddef>
#include <optional>

#include "firmware/base/address.h"
#include "firmware/settings/settings.h"
#include "firmware/wire/forwarding.h"

namespace evenkeel {

// For packets to the service's VIPs of one family. Without what is the next hop's: port, MAC
// addresses, MTU and VLAN; and without a tunnel's near end, if the settings leave it to the kernel.
ForwardingSpec way_of(const ServiceSettings& service, const BackendSettings& backend, bool is_v4);

// What the box asks VIPs of this family from, and is answered on: an address of this port if it has
// one, else another port's.
std::optional<Address> own_address(const Settings& settings, size_t port, bool is_v4);

}  // namespace evenkeel
