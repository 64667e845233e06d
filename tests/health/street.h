// A box's port and a server's, at the ends of one cable, in network namespaces of the test's own:
// the server has VIPs and answers for them as Linux does.
#pragma once

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <random>
#include <string>
#include <vector>

#include "drivers/netns.h"
#include "firmware/base/check.h"
#include "firmware/health/path_message.h"
#include "firmware/health/probe_socket.h"
#include "firmware/health/same_path.h"
#include "tests/drivers/own_network.h"

namespace evenkeel {

inline constexpr Mac kBoxMac = {2, 0, 0, 0, 0, 1};
inline constexpr Mac kServerMac = {2, 0, 0, 0, 0, 2};

inline bool at_server(const std::string& command) {
  return shell("ip netns exec server " + command);
}

// The box's kernel has the VIPs too, as it has on a box: it hears nobody who asks for it by ARP in
// their name.
// REQUIRES: enter_own_network().
inline void build_street() {
  CHECK(shell(
      "set -e; ip netns add server; ip netns add switch; "
      "sysctl -qw net.ipv6.conf.default.accept_dad=0; "
      "for each in server switch; do ip netns exec $each sysctl -qw "
      "net.ipv6.conf.default.accept_dad=0 net.ipv4.conf.all.arp_announce=2; done; "
      "ip -n switch link add street type bridge; ip -n switch link set street up; "
      "ip link add box0 address 02:00:00:00:00:01 type veth peer box netns switch; "
      "ip -n server link add srv0 address 02:00:00:00:00:02 type veth peer server netns switch; "
      "for each in box server; do ip -n switch link set $each master street up; done; "
      "ip link set lo up; ip link set box0 up; "
      "ip -n server link set lo up; ip -n server link set srv0 up; "
      "ip addr add 10.0.0.2/24 dev box0; ip addr add fd00::2/64 dev box0 nodad; "
      "ip addr add 192.0.2.10/32 dev lo; ip addr add 2001:db8::10/128 dev lo nodad; "
      "ip -n server addr add 10.0.0.3/24 dev srv0; "
      "ip -n server addr add fd00::3/64 dev srv0 nodad; "
      "for each in 192.0.2.10/32 192.0.2.11/32 2001:db8::10/128; do "
      "ip -n server addr add $each dev lo; done"));
  CHECK(carries("box0") && carries("srv0", "server"));
  CHECK(carries("box", "switch") && carries("server", "switch"));
}

// A socket that listens on a port of any address of the server's, of both families.
inline Descriptor listen_at_server(uint16_t port) {
  Descriptor socket;
  CHECK(in_network_namespace("server", [&]() -> Status {
          socket = Descriptor(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
          const SocketAddress any = socket_address(Address{}, port);
          const int no = 0;
          CHECK(::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)) == 0);
          CHECK(::bind(socket.get(), any.get(), any.length) == 0);
          CHECK(::listen(socket.get(), 1024) == 0);
          return {};
        }).ok());
  return socket;
}

// The way to the server, whose next hop is always known; and the port's one kernel end.
inline SamePath::Parts street_parts(std::mt19937_64& generator) {
  return {.way = [](ForwardingSpec way) -> Result<SamePath::Way> {
            way.source_mac = kBoxMac;
            way.destination_mac = kServerMac;
            way.tunnel_source = *parse_address(way.destination.is_v4() ? "10.0.0.2" : "fd00::2");
            const Result<Forwarding> made = make_forwarding(way);
            if (!made.ok()) return Error{made.message()};
            return SamePath::Way{
                .forwarding = made.value(),
                .source = *parse_address(way.inner_is_v4 ? "10.0.0.2" : "fd00::2")};
          },
          .open = []() -> Result<std::vector<PacketSocket>> {
            std::vector<PacketSocket> sockets;
            Result<PacketSocket> socket =
                PacketSocket::open(::if_nametoindex("box0"), path_answer_filter());
            if (!socket.ok()) return Error{socket.message()};
            sockets.push_back(std::move(socket.value()));
            return sockets;
          },
          .random = [&generator] { return generator(); }};
}

}  // namespace evenkeel
