#include "drivers/netlink.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "drivers/netns.h"

namespace evenkeel {
namespace {

// What the kernel puts into one answer to a dump at most, and what it may have waiting for us.
constexpr size_t kMessageBytes = 32'768;
constexpr int kWaitingBytes = 4 << 20;
// Requests sent at once: their answers must fit into a buffer of default size, should the kernel
// not give us a larger one.
constexpr size_t kRequestsAtOnce = 32;
// Datagrams received at once before others have their turn.
constexpr size_t kReceivedAtOnce = 256;

Error failed(const std::string& what) {
  return Error{what + ": " + std::strerror(errno) + "; see the kernel's log (dmesg)."};
}

Result<Descriptor> open_socket(const std::string& network_namespace, int flags, uint32_t groups) {
  Descriptor netlink;
  const Status status = in_network_namespace(network_namespace, [&]() -> Status {
    netlink = Descriptor(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = groups;
    if (!netlink.is_open() ||
        ::bind(netlink.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      return failed("The kernel's routes and neighbours cannot be asked for (netlink)");
    }
    return {};
  });
  if (!status.ok()) return Error{status.message()};
  // Without CAP_NET_ADMIN the buffer stays as it is, and is overrun the sooner.
  ::setsockopt(netlink.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kWaitingBytes, sizeof(kWaitingBytes));
  return netlink;
}

// Receives a datagram from the kernel; 0 bytes if somebody else sent it.
ssize_t receive(int socket, std::vector<char>& buffer) {
  sockaddr_nl sender{};
  socklen_t sender_length = sizeof(sender);
  const ssize_t count = ::recvfrom(socket, buffer.data(), buffer.size(), 0,
                                   reinterpret_cast<sockaddr*>(&sender), &sender_length);
  return count >= 0 && sender.nl_pid != 0 ? 0 : count;
}

// The errno of a message that says how a request ended, or nothing if it is not one.
std::optional<int> outcome(const nlmsghdr* message) {
  if (message->nlmsg_type != NLMSG_ERROR && message->nlmsg_type != NLMSG_DONE) return std::nullopt;
  if (mnl_nlmsg_get_payload_len(message) < sizeof(int)) return 0;
  return -load<int>(mnl_nlmsg_get_payload(message));
}

}  // namespace

Result<NetlinkRequests> NetlinkRequests::open(const std::string& network_namespace) {
  Result<Descriptor> netlink = open_socket(network_namespace, 0, 0);
  if (!netlink.ok()) return Error{netlink.message()};
  const int number = netlink.value().get();
  // Dumps look at what is asked for, from Linux 4.20 on; before, they tell more than that.
  const int strict = 1;
  ::setsockopt(number, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict, sizeof(strict));
  const timeval patience{.tv_sec = 1, .tv_usec = 0};
  if (::setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0) {
    return failed("A netlink socket has no receive time-out");
  }
  NetlinkRequests requests(std::move(netlink.value()), network_namespace);
  requests.buffer_.resize(kMessageBytes);
  return requests;
}

Status NetlinkRequests::exchange(std::vector<NetlinkRequest>& requests, const Answer& answer) {
  for (size_t begin = 0; begin < requests.size(); begin += kRequestsAtOnce) {
    const size_t end = std::min(requests.size(), begin + kRequestsAtOnce);
    const Status status = exchange_some(requests, begin, end, answer);
    if (!status.ok()) return status;
  }
  return {};
}

Status NetlinkRequests::exchange_some(std::vector<NetlinkRequest>& requests, size_t begin,
                                      size_t end, const Answer& answer) {
  std::array<iovec, kRequestsAtOnce> parts{};
  const uint32_t first = sequence_ + 1;
  for (size_t i = begin; i < end; ++i) {
    requests[i].header()->nlmsg_seq = ++sequence_;
    parts[i - begin] = {.iov_base = requests[i].bytes.data(),
                        .iov_len = MNL_ALIGN(requests[i].header()->nlmsg_len)};
  }
  msghdr datagram{};
  datagram.msg_iov = parts.data();
  datagram.msg_iovlen = end - begin;
  if (::sendmsg(socket_.get(), &datagram, 0) < 0) {
    return failed("The kernel does not take a netlink request");
  }
  for (size_t next = begin; next < end;) {
    const ssize_t count = receive(socket_.get(), buffer_);
    if (count < 0) return failed("The kernel does not answer a netlink request");
    each_netlink_message(buffer_.data(), static_cast<size_t>(count), [&](const nlmsghdr* message) {
      // An answer to what has been given up before is no longer wanted.
      if (message->nlmsg_seq != first + static_cast<uint32_t>(next - begin)) return true;
      const std::optional<int> error = outcome(message);
      answer(next, error.value_or(0), message);
      return ++next < end;
    });
  }
  return {};
}

Status NetlinkRequests::dump(NetlinkRequest request,
                             const std::function<bool(const NetlinkMessage&)>& take) {
  nlmsghdr* header = request.header();
  header->nlmsg_seq = ++sequence_;
  if (::send(socket_.get(), header, header->nlmsg_len, 0) < 0) {
    return failed("The kernel does not take a netlink dump request");
  }
  std::optional<int> error;
  bool is_wanted = true;
  while (!error && is_wanted) {
    const ssize_t count = receive(socket_.get(), buffer_);
    if (count < 0) return failed("The kernel does not go on with a netlink dump");
    each_netlink_message(buffer_.data(), static_cast<size_t>(count), [&](const nlmsghdr* message) {
      if (message->nlmsg_seq != sequence_) return true;
      error = outcome(message);
      if (!error) is_wanted = take(parse_netlink(message));
      return !error && is_wanted;
    });
  }
  if (!is_wanted) {
    // The kernel goes on with a dump for as long as it is read; it stops with its socket.
    Result<NetlinkRequests> fresh = open(network_namespace_);
    if (!fresh.ok()) return Error{fresh.message()};
    *this = std::move(fresh.value());
    return {};
  }
  errno = *error;
  // A table without any route may not be there at all.
  if (*error != 0 && *error != ENOENT) return failed("The kernel breaks off a netlink dump");
  return {};
}

Result<NetlinkEvents> NetlinkEvents::open(const std::string& network_namespace) {
  constexpr uint32_t kGroups = RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE |
                               RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE;
  Result<Descriptor> netlink = open_socket(network_namespace, SOCK_NONBLOCK, kGroups);
  if (!netlink.ok()) return Error{netlink.message()};
  NetlinkEvents events(std::move(netlink.value()));
  events.buffer_.resize(kMessageBytes);
  return events;
}

bool NetlinkEvents::receive(const std::function<void(const NetlinkMessage&)>& take) {
  for (size_t i = 0; i < kReceivedAtOnce; ++i) {
    const ssize_t count = evenkeel::receive(socket_.get(), buffer_);
    if (count < 0 && errno == ENOBUFS) {
      forget();
      return false;
    }
    if (count < 0) return true;
    each_netlink_message(buffer_.data(), static_cast<size_t>(count), [&](const nlmsghdr* message) {
      take(parse_netlink(message));
      return true;
    });
  }
  return true;
}

void NetlinkEvents::forget() {
  // Each datagram takes a few hundred bytes of what may be waiting.
  for (size_t i = 0; i < kWaitingBytes / 128; ++i) {
    if (evenkeel::receive(socket_.get(), buffer_) < 0 && errno != ENOBUFS) return;
  }
}

}  // namespace evenkeel
