// What the kernel says of links, addresses, routes and neighbours (rtnetlink), read into plain
// structs, and what is asked of it. Nothing is believed of a message but that its bytes can be
// read.
#pragma once

#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include "firmware/base/address.h"
#include "firmware/wire/headers.h"

namespace evenkeel {

struct LinkMessage {
  uint32_t interface = 0;
  std::string name;
  bool is_up = false;  // set up, and the cable has a carrier
  bool is_gone = false;
};

struct AddressMessage {
  uint32_t interface = 0;
  Address address{};
  uint8_t length = 0;  // of 128 bits; of IPv4, 96 and more
  bool is_link_local = false;
  bool is_gone = false;
};

struct RouteMessage {
  struct Hop {
    uint32_t interface = 0;
    bool has_gateway = false;
    Address gateway{};
  };
  // Of a route with more, the first.
  static constexpr size_t kMaxHops = 8;

  Address to{};
  uint8_t length = 0;  // of 128 bits; of IPv4, 96 and more
  uint8_t type = 0;    // RTN_...
  uint8_t protocol = 0;
  uint32_t table = 0;
  uint32_t metric = 0;
  Address source{};  // that the kernel prefers; :: if it does not say
  std::array<Hop, kMaxHops> hops{};
  size_t hop_count = 0;
  bool is_gone = false;
};

struct NeighbourMessage {
  uint32_t interface = 0;
  Address address{};
  uint16_t state = 0;  // NUD_...; 0 if it is gone
  Mac mac{};           // zero if it is not known
};

// Of anything else, or what cannot be read: std::monostate.
using NetlinkMessage =
    std::variant<std::monostate, LinkMessage, AddressMessage, RouteMessage, NeighbourMessage>;

// REQUIRES: all of message->nlmsg_len bytes are there.
NetlinkMessage parse_netlink(const nlmsghdr* message);

// Calls `take` for each whole message of a datagram until it answers false. (libmnl's own walk goes
// astray with lengths of 2 GiB and more.)
// REQUIRES: bytes are aligned as nlmsghdr is.
template <typename Take>
void each_netlink_message(const char* bytes, size_t count, Take take) {
  while (count >= sizeof(nlmsghdr)) {
    const auto* message = reinterpret_cast<const nlmsghdr*>(bytes);
    const size_t length = message->nlmsg_len;
    if (length < sizeof(nlmsghdr) || length > count || !take(message)) return;
    const size_t step =
        std::min(count, (length + NLMSG_ALIGNTO - 1) / NLMSG_ALIGNTO * NLMSG_ALIGNTO);
    bytes += step;
    count -= step;
  }
}

// One question or order, ready to be sent but for its sequence number.
struct NetlinkRequest {
  alignas(nlmsghdr) std::array<char, 128> bytes{};

  nlmsghdr* header() { return reinterpret_cast<nlmsghdr*>(bytes.data()); }
};

// A prefix's `length` is of 128 bits, as above.
NetlinkRequest find_route(const Address& destination);
NetlinkRequest add_address(uint32_t interface, const Address& address, uint8_t length, bool is_vip);
NetlinkRequest delete_address(uint32_t interface, const Address& address, uint8_t length);
NetlinkRequest add_route(uint32_t interface, const Address& to, uint8_t length, const Address& via);
NetlinkRequest delete_route(const RouteMessage& route);
// To find the neighbour's MAC address, or to make sure of it.
NetlinkRequest use_neighbour(uint32_t interface, const Address& address);
// To tell all: links, addresses, routes of the main table, neighbours.
NetlinkRequest dump_links();
NetlinkRequest dump_addresses();
NetlinkRequest dump_routes(int family);
NetlinkRequest dump_neighbours();

// The protocol number under which the box enters its routes, so that it knows them again.
inline constexpr uint8_t kRouteProtocol = 75;

}  // namespace evenkeel
