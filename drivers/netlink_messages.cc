#include "drivers/netlink_messages.h"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "firmware/base/check.h"
#include "firmware/base/endian.h"

namespace evenkeel {
namespace {

bool is_ip(int family) { return family == AF_INET || family == AF_INET6; }

// A prefix's length as of 128 bits, or nothing if the family has no such length.
std::optional<uint8_t> length_of(int family, unsigned length) {
  if (length > (family == AF_INET ? 32u : 128u)) return std::nullopt;
  return static_cast<uint8_t>(family == AF_INET ? length + 96 : length);
}

Address any_of(int family) { return family == AF_INET ? Address::v4(Big32(0)) : Address{}; }

std::optional<Address> read_address(int family, const void* bytes, size_t length) {
  if (family == AF_INET && length == 4) return Address::v4(load<Big32>(bytes));
  if (family == AF_INET6 && length == 16) return Address::v6(bytes);
  return std::nullopt;
}

std::optional<Address> read_address(int family, const nlattr* attribute) {
  return read_address(family, mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute));
}

void read_number(const nlattr* attribute, uint32_t& ret_number) {
  if (mnl_attr_get_payload_len(attribute) == sizeof(uint32_t)) {
    ret_number = load<uint32_t>(mnl_attr_get_payload(attribute));
  }
}

// Calls `take` for each attribute in `length` bytes that begin at `first`.
template <typename Take>
void each_attribute(const void* first, size_t length, Take take) {
  const auto* at = static_cast<const uint8_t*>(first);
  const uint8_t* end = at + length;
  while (static_cast<size_t>(end - at) >= sizeof(nlattr)) {
    const auto* attribute = reinterpret_cast<const nlattr*>(at);
    const size_t size = attribute->nla_len;
    if (size < sizeof(nlattr) || size > static_cast<size_t>(end - at)) return;
    take(attribute);
    at += std::min(static_cast<size_t>(end - at), size_t{MNL_ALIGN(size)});
  }
}

// The fixed part of a message, or null if it is cut off.
template <typename Header>
const Header* header_of(const nlmsghdr* message) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(Header)) return nullptr;
  return static_cast<const Header*>(mnl_nlmsg_get_payload(message));
}

template <typename Header, typename Take>
void each_attribute_after(const nlmsghdr* message, Take take) {
  const size_t offset = MNL_ALIGN(sizeof(Header));
  const size_t length = mnl_nlmsg_get_payload_len(message);
  if (length <= offset) return;
  each_attribute(static_cast<const uint8_t*>(mnl_nlmsg_get_payload(message)) + offset,
                 length - offset, take);
}

NetlinkMessage parse_link(const nlmsghdr* message) {
  const auto* header = header_of<ifinfomsg>(message);
  // Families have messages of their own about links: bridges, IPv6.
  if (header == nullptr || header->ifi_family != AF_UNSPEC) return {};
  constexpr unsigned kUp = IFF_UP | IFF_LOWER_UP;
  LinkMessage link{.interface = static_cast<uint32_t>(header->ifi_index),
                   .name = {},
                   .is_up = (header->ifi_flags & kUp) == kUp,
                   .is_gone = message->nlmsg_type == RTM_DELLINK};
  each_attribute_after<ifinfomsg>(message, [&](const nlattr* attribute) {
    if (mnl_attr_get_type(attribute) != IFLA_IFNAME) return;
    const auto* name = static_cast<const char*>(mnl_attr_get_payload(attribute));
    const size_t length = std::min<size_t>(mnl_attr_get_payload_len(attribute), IFNAMSIZ);
    link.name.assign(name, ::strnlen(name, length));
  });
  return link;
}

NetlinkMessage parse_address(const nlmsghdr* message) {
  const auto* header = header_of<ifaddrmsg>(message);
  if (header == nullptr || !is_ip(header->ifa_family)) return {};
  const int family = header->ifa_family;
  const auto length = length_of(family, header->ifa_prefixlen);
  std::optional<Address> local;
  std::optional<Address> address;
  each_attribute_after<ifaddrmsg>(message, [&](const nlattr* attribute) {
    const int type = mnl_attr_get_type(attribute);
    if (type == IFA_LOCAL) local = read_address(family, attribute);
    if (type == IFA_ADDRESS) address = read_address(family, attribute);
  });
  // Where a link has two ends, IFA_ADDRESS is the other one's.
  if (!local) local = address;
  if (!local || !length) return {};
  return AddressMessage{.interface = header->ifa_index,
                        .address = *local,
                        .length = *length,
                        .is_link_local = header->ifa_scope == RT_SCOPE_LINK,
                        .is_gone = message->nlmsg_type == RTM_DELADDR};
}

// A gateway, which RTA_VIA may give in the other family (RFC 5549).
void read_gateway(int family, const nlattr* attribute, RouteMessage::Hop& hop) {
  std::optional<Address> gateway;
  if (mnl_attr_get_type(attribute) == RTA_GATEWAY) gateway = read_address(family, attribute);
  if (mnl_attr_get_type(attribute) == RTA_VIA) {
    const auto* via = static_cast<const uint8_t*>(mnl_attr_get_payload(attribute));
    const size_t length = mnl_attr_get_payload_len(attribute);
    if (length < sizeof(uint16_t)) return;
    gateway = read_address(load<uint16_t>(via), via + sizeof(uint16_t), length - sizeof(uint16_t));
  }
  if (!gateway) return;
  hop.has_gateway = true;
  hop.gateway = *gateway;
}

void add_hop(RouteMessage& route, const RouteMessage::Hop& hop) {
  if (hop.interface != 0 && route.hop_count < route.hops.size()) {
    route.hops[route.hop_count++] = hop;
  }
}

void read_hops(int family, const nlattr* attribute, RouteMessage& route) {
  const auto* at = static_cast<const uint8_t*>(mnl_attr_get_payload(attribute));
  const uint8_t* end = at + mnl_attr_get_payload_len(attribute);
  while (static_cast<size_t>(end - at) >= sizeof(rtnexthop)) {
    const auto next = load<rtnexthop>(at);
    const size_t length = next.rtnh_len;
    if (length < sizeof(rtnexthop) || length > static_cast<size_t>(end - at)) return;
    RouteMessage::Hop hop{.interface = static_cast<uint32_t>(next.rtnh_ifindex)};
    each_attribute(at + sizeof(rtnexthop), length - sizeof(rtnexthop),
                   [&](const nlattr* inner) { read_gateway(family, inner, hop); });
    add_hop(route, hop);
    at += std::min(static_cast<size_t>(end - at), size_t{MNL_ALIGN(length)});
  }
}

NetlinkMessage parse_route(const nlmsghdr* message) {
  const auto* header = header_of<rtmsg>(message);
  if (header == nullptr || !is_ip(header->rtm_family)) return {};
  const int family = header->rtm_family;
  const auto length = length_of(family, header->rtm_dst_len);
  if (!length) return {};
  RouteMessage route{.to = any_of(family),
                     .length = *length,
                     .type = header->rtm_type,
                     .protocol = header->rtm_protocol,
                     .table = header->rtm_table,
                     .is_gone = message->nlmsg_type == RTM_DELROUTE};
  RouteMessage::Hop hop;
  std::optional<Address> to = route.to;
  each_attribute_after<rtmsg>(message, [&](const nlattr* attribute) {
    const int type = mnl_attr_get_type(attribute);
    if (type == RTA_DST) to = read_address(family, attribute);
    if (type == RTA_OIF) read_number(attribute, hop.interface);
    if (type == RTA_TABLE) read_number(attribute, route.table);
    if (type == RTA_PRIORITY) read_number(attribute, route.metric);
    if (type == RTA_PREFSRC) {
      route.source = read_address(family, attribute).value_or(route.source);
    }
    if (type == RTA_MULTIPATH) read_hops(family, attribute, route);
    read_gateway(family, attribute, hop);
  });
  if (!to) return {};
  route.to = masked(*to, route.length);
  add_hop(route, hop);
  return route;
}

NetlinkMessage parse_neighbour(const nlmsghdr* message) {
  const auto* header = header_of<ndmsg>(message);
  if (header == nullptr || !is_ip(header->ndm_family) || (header->ndm_flags & NTF_PROXY) != 0) {
    return {};
  }
  NeighbourMessage neighbour{.interface = static_cast<uint32_t>(header->ndm_ifindex),
                             .state = header->ndm_state};
  if (message->nlmsg_type == RTM_DELNEIGH) neighbour.state = NUD_NONE;
  std::optional<Address> address;
  each_attribute_after<ndmsg>(message, [&](const nlattr* attribute) {
    const int type = mnl_attr_get_type(attribute);
    if (type == NDA_DST) address = read_address(header->ndm_family, attribute);
    if (type == NDA_LLADDR && mnl_attr_get_payload_len(attribute) == sizeof(Mac)) {
      neighbour.mac = load<Mac>(mnl_attr_get_payload(attribute));
    }
  });
  if (!address) return {};
  neighbour.address = *address;
  return neighbour;
}

int family_of(const Address& address) { return address.is_v4() ? AF_INET : AF_INET6; }

uint8_t family_length(const Address& address, uint8_t length) {
  REQUIRE(length <= 128 && (!address.is_v4() || length >= 96));
  return static_cast<uint8_t>(address.is_v4() ? length - 96 : length);
}

template <typename Header>
Header* begin(NetlinkRequest& request, uint16_t type, unsigned flags) {
  nlmsghdr* header = mnl_nlmsg_put_header(request.bytes.data());
  header->nlmsg_type = type;
  header->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  return static_cast<Header*>(mnl_nlmsg_put_extra_header(header, sizeof(Header)));
}

void put(NetlinkRequest& request, uint16_t type, const void* bytes, size_t length) {
  CHECK(mnl_attr_put_check(request.header(), request.bytes.size(), type, length, bytes));
}

void put(NetlinkRequest& request, uint16_t type, uint32_t number) {
  put(request, type, &number, sizeof(number));
}

void put(NetlinkRequest& request, uint16_t type, const Address& address) {
  const size_t skipped = address.is_v4() ? 12 : 0;
  put(request, type, address.bytes.data() + skipped, address.bytes.size() - skipped);
}

NetlinkRequest address_request(uint16_t type, unsigned flags, uint32_t interface,
                               const Address& address, uint8_t length) {
  NetlinkRequest request;
  auto* header = begin<ifaddrmsg>(request, type, NLM_F_ACK | flags);
  header->ifa_family = static_cast<uint8_t>(family_of(address));
  header->ifa_prefixlen = family_length(address, length);
  header->ifa_index = interface;
  put(request, IFA_LOCAL, address);
  put(request, IFA_ADDRESS, address);
  return request;
}

template <typename Header>
NetlinkRequest dump_request(uint16_t type) {
  NetlinkRequest request;
  begin<Header>(request, type, NLM_F_DUMP);
  return request;
}

}  // namespace

NetlinkMessage parse_netlink(const nlmsghdr* message) {
  switch (message->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return parse_link(message);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return parse_address(message);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return parse_route(message);
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      return parse_neighbour(message);
    default:
      return {};
  }
}

NetlinkRequest find_route(const Address& destination) {
  NetlinkRequest request;
  auto* header = begin<rtmsg>(request, RTM_GETROUTE, 0);
  header->rtm_family = static_cast<uint8_t>(family_of(destination));
  header->rtm_dst_len = family_length(destination, 128);
  put(request, RTA_DST, destination);
  return request;
}

NetlinkRequest add_address(uint32_t interface, const Address& address, uint8_t length,
                           bool is_vip) {
  NetlinkRequest request =
      address_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, interface, address, length);
  if (!address.is_v4()) put(request, IFA_FLAGS, uint32_t{IFA_F_NODAD});
  if (is_vip) {
    // Deprecated at once: it is answered for, but no connection of the box's own begins from it.
    const ifa_cacheinfo lifetime{
        .ifa_prefered = 0, .ifa_valid = UINT32_MAX, .cstamp = 0, .tstamp = 0};
    put(request, IFA_CACHEINFO, &lifetime, sizeof(lifetime));
  }
  return request;
}

NetlinkRequest delete_address(uint32_t interface, const Address& address, uint8_t length) {
  return address_request(RTM_DELADDR, 0, interface, address, length);
}

NetlinkRequest add_route(uint32_t interface, const Address& to, uint8_t length,
                         const Address& via) {
  NetlinkRequest request;
  auto* header = begin<rtmsg>(request, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
  header->rtm_family = static_cast<uint8_t>(family_of(to));
  header->rtm_dst_len = family_length(to, length);
  header->rtm_table = RT_TABLE_MAIN;
  header->rtm_protocol = kRouteProtocol;
  header->rtm_type = RTN_UNICAST;
  put(request, RTA_DST, masked(to, length));
  put(request, RTA_GATEWAY, via);
  put(request, RTA_OIF, interface);
  return request;
}

NetlinkRequest delete_route(const RouteMessage& route) {
  NetlinkRequest request;
  auto* header = begin<rtmsg>(request, RTM_DELROUTE, NLM_F_ACK);
  header->rtm_family = static_cast<uint8_t>(family_of(route.to));
  header->rtm_dst_len = family_length(route.to, route.length);
  header->rtm_table = RT_TABLE_MAIN;
  header->rtm_protocol = route.protocol;
  header->rtm_scope = RT_SCOPE_NOWHERE;
  put(request, RTA_DST, route.to);
  if (route.hop_count == 1 && route.hops[0].has_gateway) {
    put(request, RTA_GATEWAY, route.hops[0].gateway);
  }
  if (route.hop_count == 1) put(request, RTA_OIF, route.hops[0].interface);
  put(request, RTA_PRIORITY, route.metric);
  return request;
}

NetlinkRequest use_neighbour(uint32_t interface, const Address& address) {
  NetlinkRequest request;
  auto* header = begin<ndmsg>(request, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE);
  header->ndm_family = static_cast<uint8_t>(family_of(address));
  header->ndm_ifindex = static_cast<int32_t>(interface);
  header->ndm_flags = NTF_USE;
  put(request, NDA_DST, address);
  return request;
}

NetlinkRequest dump_links() { return dump_request<ifinfomsg>(RTM_GETLINK); }
NetlinkRequest dump_addresses() { return dump_request<ifaddrmsg>(RTM_GETADDR); }
NetlinkRequest dump_neighbours() { return dump_request<ndmsg>(RTM_GETNEIGH); }

NetlinkRequest dump_routes(int family) {
  NetlinkRequest request;
  auto* header = begin<rtmsg>(request, RTM_GETROUTE, NLM_F_DUMP);
  header->rtm_family = static_cast<uint8_t>(family);
  put(request, RTA_TABLE, uint32_t{RT_TABLE_MAIN});
  return request;
}

}  // namespace evenkeel
