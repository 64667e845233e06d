// Which neighbour leads to a backend or a client, and what its MAC address is. The kernel knows: it
// has the routes, and asks by ARP and ND. This asks the kernel, once per destination and again only
// where a change of routes, addresses or links may have touched the answer, and makes it resolve
// each next hop and keep it fresh, since none of the box's traffic passes the kernel to do so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "drivers/neighbour_table.h"
#include "drivers/netlink.h"
#include "drivers/netlink_messages.h"
#include "firmware/base/address.h"
#include "firmware/base/clock.h"
#include "firmware/base/status.h"
#include "firmware/wire/headers.h"

namespace evenkeel {

struct NextHop {
  bool resolved = false;
  uint8_t port = 0;
  Mac destination{};
  Address source;   // the address that the kernel would send from
  Address gateway;  // the neighbour: a router, or the destination itself
  std::string why;  // not resolved, in words
};

// Where packets to a prefix leave, for what the box sends by itself: replies to clients.
struct KernelWay {
  Address to;
  uint8_t length = 0;     // of 128 bits; of IPv4, 96 and more
  bool resolved = false;  // if not: the route's neighbour does not answer
  uint8_t port = 0;
  Mac destination{};

  friend bool operator==(const KernelWay&, const KernelWay&) = default;
};

// For one thread with an event loop; nothing in here waits for anything but the kernel's own work.
class Neighbours {
 public:
  struct Port {
    std::string name;
    uint32_t interface = 0;  // of its TAP
  };

  // `ports` by port number.
  static Result<Neighbours> open(const std::string& network_namespace, std::vector<Port> ports,
                                 Microseconds now);

  // When it is readable, on_readable() is due. Each of the three says whether an answer of
  // next_hop() or ways() has changed.
  int descriptor() const { return events_.descriptor(); }
  [[nodiscard]] bool on_readable(Microseconds now);
  // REQUIRES: called at least every 100 ms, and at once while is_busy().
  [[nodiscard]] bool on_timer(Microseconds now);
  // From now on these, at most kMaxBackends, and no others.
  [[nodiscard]] bool watch(std::vector<Address> destinations, Microseconds now);

  // There is more to look up than one call should do.
  bool is_busy() const { return (due_ > 0 || are_all_due_) && trouble_.empty(); }

  // REQUIRES: `destination` is watched.
  NextHop next_hop(const Address& destination, Microseconds now) const;

  // The main table's routes through gateways of the ports, and the ports' neighbours: at most
  // kMaxRoutes + kMaxNeighbours and those watched, each prefix once, longest first.
  std::vector<KernelWay> ways() const;

  // What could not be had, a sentence each: a limit that was reached, a refusal of the kernel.
  std::vector<std::string> troubles() const;

 private:
  // Invariant: if `neighbour` is not null, it was acquired once for this destination.
  struct Destination {
    Address address;
    bool is_due = true;
    const Neighbour* neighbour = nullptr;
    Address source{};
    std::string why = "its route is being looked up";  // if neighbour is null
  };
  // Of the main table, through gateways; each acquired once.
  struct MainRoute {
    Address to;
    uint8_t length = 0;
    uint32_t metric = 0;
    std::vector<Neighbour::Key> gateways;

    friend bool operator==(const MainRoute&, const MainRoute&) = default;
  };
  struct Link {
    std::string name;
    bool is_up = false;

    friend bool operator==(const Link&, const Link&) = default;
  };

  Neighbours(NetlinkEvents events, NetlinkRequests requests, std::vector<Port> ports)
      : events_(std::move(events)), requests_(std::move(requests)), ports_(std::move(ports)) {}

  void take(const NetlinkMessage& message, Microseconds now);
  void take_link(const LinkMessage& link);
  void take_route(const RouteMessage& route);
  void take_neighbour(const NeighbourMessage& neighbour, Microseconds now);
  std::optional<uint8_t> port_of(uint32_t interface) const;
  bool is_link_up(uint8_t port) const;
  std::string why_not(const Neighbour& neighbour, Microseconds now) const;

  void read_everything(Microseconds now);
  bool work(Microseconds now);
  void mark_all_due();
  void mark_due(const Address& to, uint8_t length);
  void look_up(Microseconds now);
  void set_answer(Destination& destination, const NextHop& answer, Microseconds now);
  NextHop answer_of(const Address& destination, int error, const nlmsghdr* message) const;
  void read_routes(Microseconds now);
  std::optional<MainRoute> main_route(const RouteMessage& route) const;
  void ask_for_neighbours(Microseconds now);
  void note(const Status& status);

  NetlinkEvents events_;
  NetlinkRequests requests_;
  std::vector<Port> ports_;

  std::map<uint32_t, Link> links_;  // of all interfaces, not only the ports'
  NeighbourTable neighbours_;
  std::vector<Destination> destinations_;  // in the order of addresses
  std::vector<MainRoute> routes_;          // longest first

  size_t due_ = 0;   // destinations to be looked up
  size_t next_ = 0;  // where to go on looking for them
  bool are_all_due_ = false;
  bool is_everything_due_ = false;  // to be read, since it failed
  bool are_routes_due_ = true;
  Microseconds routes_read_ = 0;
  Microseconds everything_read_ = 0;
  size_t routes_left_out_ = 0;
  bool has_changed_ = false;
  std::string trouble_;  // of the latest call
};

}  // namespace evenkeel
