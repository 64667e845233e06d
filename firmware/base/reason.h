// Why a packet was not forwarded: one enum, one name table. A stage passes a packet on
// (Reason::none) or drops it for exactly one of these, and the drop is counted under that name.
#pragma once

#include <cstddef>
#include <cstdint>

namespace evenkeel {

enum class Reason : uint8_t {
  none,                  // not dropped
  not_ours,              // sent to another machine's MAC address
  not_ip,                // an Ethernet type that is not IP: for the kernel
  truncated,             // a header reaches beyond the bytes that arrived
  bad_header,            // a field that no sender may set so: version, header length, total length
  too_many_headers,      // more VLAN tags or IPv6 extension headers than kMax...
  unsupported_protocol,  // a transport that no service can name
  icmp_other,            // ICMP that is neither echo nor an error: for the kernel
  icmp_mismatch,         // an ICMP error that does not quote a packet of the address it was sent to
  fragment_later,        // a later fragment: has no ports, needs its first one
  bad_checksum,          // an IPv4 header whose checksum is wrong
  bad_address,           // martian, loopback, multicast source, or source equal to destination
  zero_port,
  no_service,  // no service has this address, protocol and port
  no_backend,  // the service has none that may take this flow
  next_hop_unresolved,
  denied,      // the service does not take this client
  over_limit,  // more new flows of this client than the service takes
  ttl_expired,
  too_big,         // does not fit the way to its backend; the sender is told where it can be
  no_headroom,     // the buffer has no room for what is to be written
  kernel_limited,  // for the kernel, beyond what it is given in a second
  kernel_full,     // for the kernel, which does not fetch it
  untranslatable,  // translation is impossible: fragment, option or payload without counterpart
  count_
};

inline constexpr size_t kReasons = static_cast<size_t>(Reason::count_);

// The stable name, as counters and `keel` show it.
const char* to_string(Reason reason);

}  // namespace evenkeel
