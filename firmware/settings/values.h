// What settings write as text and mean as values: addresses, prefixes, ports, MAC addresses,
// durations, sizes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "firmware/base/address.h"
#include "firmware/base/clock.h"
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

// "200", "200-399": from 100 to 599
std::optional<StatusRange> parse_statuses(std::string_view text);
// "300ms", "5m": a number and us, ms, s, m, h or d
std::optional<Microseconds> parse_duration(std::string_view text);
// "65536", "64k": bytes, or a number and k, m or g, each 1,024 times the one before
std::optional<uint64_t> parse_size(std::string_view text);

// Where a server listens.
struct Endpoint {
  Address address;
  uint16_t port = 0;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};
// "192.0.2.2:8443", "[2001:db8::2]:8443"
std::optional<Endpoint> parse_endpoint(std::string_view text);

// In the largest unit that it is a whole number of.
std::string duration_text(Microseconds duration);
std::string size_text(uint64_t bytes);
// The shortest that is read as the same number.
std::string number_text(double number);
std::string to_string(const StatusRange& statuses);
std::string to_string(const InterfaceAddress& address);
std::string to_string(const PortRange& ports);
std::string to_string(const Mac& mac);

// Whether it may be that of one host, which others can reach.
bool is_unicast(const Address& address);

// IPv6, of one link alone.
bool is_link_local(const Address& address);

// Letters, digits, '-', '_' and '.', the first a letter or a digit.
bool is_name(std::string_view text);

// A path of HTTP, with its query: from '/', and nothing that would end it or its line.
bool is_request_path(std::string_view text);
// Capital letters.
bool is_method(std::string_view text);

// "Name: value" of HTTP, of printable characters.
bool is_header_field(std::string_view text);
// As DNS writes one: labels of 1 to 63 characters, at most 253 with the dots; "." too.
bool is_dns_name(std::string_view text);

// "PING\r\n": \r, \n, \t, \\ and \x00 stand for bytes. None: another letter is behind a backslash.
std::optional<std::string> unescape(std::string_view text);

// Whether what differs, if anything, is only what the user's own monitoring is asked.
bool is_same_but_for_queries(const ServiceSettings& one, const ServiceSettings& other);

// Whether a service has VIPs of this family.
bool has_vips(const ServiceSettings& service, bool is_v4);

}  // namespace evenkeel
