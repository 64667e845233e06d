// What settings write as text and mean as values: addresses, prefixes, ports, MAC addresses.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "firmware/base/address.h"
#include "firmware/settings/settings.h"
#include "firmware/table/prefixes.h"
#include "firmware/wire/headers.h"

namespace evenkeel {

// "192.0.2.0/24", "2001:db8::1": without bits beyond the prefix.
std::optional<Prefix> parse_prefix(std::string_view text);
// "192.0.2.2/24": the length must be there.
std::optional<InterfaceAddress> parse_interface_address(std::string_view text);
// "80", "8000-8100", "all"
std::optional<PortRange> parse_ports(std::string_view text);
// "02:00:00:00:00:01"
std::optional<Mac> parse_mac(std::string_view text);

std::string to_string(const InterfaceAddress& address);
std::string to_string(const PortRange& ports);
std::string to_string(const Mac& mac);

// Whether it may be that of one host, which others can reach.
bool is_unicast(const Address& address);

// Letters, digits, '-', '_' and '.', the first a letter or a digit.
bool is_name(std::string_view text);

// Whether a service has VIPs of this family.
bool has_vips(const ServiceSettings& service, bool is_v4);

}  // namespace evenkeel
