#include "firmware/health/probe_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>

#include "firmware/base/check.h"

namespace evenkeel {
namespace {

constexpr int kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;

int family_of(bool is_v4) { return is_v4 ? AF_INET : AF_INET6; }

Result<Descriptor> opened(int number) {
  if (number >= 0) return Descriptor(number);
  return Error{std::string("no socket can be opened: ") + std::strerror(errno)};
}

// However a probe ends, its connection is ended by a reset, so that a box that asks thousands of
// times a second keeps no remains of it (TIME_WAIT).
Result<Descriptor> open_stream(bool is_v4) {
  Result<Descriptor> socket = opened(::socket(family_of(is_v4), SOCK_STREAM | kFlags, 0));
  if (!socket.ok()) return socket;
  const linger reset = {.l_onoff = 1, .l_linger = 0};
  const int number = socket.value().get();
  CHECK(::setsockopt(number, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) == 0);
  return socket;
}

// The kernel's own echo sockets, which tell answers apart by themselves; where it keeps them from
// everybody (net.ipv4.ping_group_range), raw ones.
Result<Descriptor> open_echo(bool is_v4) {
  const int protocol = is_v4 ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6);
  const int number = ::socket(family_of(is_v4), SOCK_DGRAM | kFlags, protocol);
  if (number >= 0 || errno != EACCES) return opened(number);
  return opened(::socket(family_of(is_v4), SOCK_RAW | kFlags, protocol));
}

Result<Descriptor> open_network_namespace() {
  Descriptor there(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (there.is_open()) return there;
  return Error{std::string("/proc/thread-self/ns/net cannot be opened: ") + std::strerror(errno)};
}

}  // namespace

SocketAddress socket_address(const Address& address, uint16_t port) {
  SocketAddress result;
  if (address.is_v4()) {
    const sockaddr_in v4 = {.sin_family = AF_INET,
                            .sin_port = htons(port),
                            .sin_addr = {.s_addr = address.as_v4().raw()},
                            .sin_zero = {}};
    std::memcpy(&result.storage, &v4, sizeof(v4));
    result.length = sizeof(v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, address.bytes.data(), address.bytes.size());
    std::memcpy(&result.storage, &v6, sizeof(v6));
    result.length = sizeof(v6);
  }
  return result;
}

Result<Descriptor> open_probe_descriptor(CheckType type, bool is_v4) {
  REQUIRE(type != CheckType::none);
  switch (type) {
    case CheckType::udp:
    case CheckType::dns:
      return opened(::socket(family_of(is_v4), SOCK_DGRAM | kFlags, 0));
    case CheckType::icmp:
      return open_echo(is_v4);
    case CheckType::command:
      return open_network_namespace();
    default:
      return open_stream(is_v4);
  }
}

bool is_over_tcp(CheckType type) {
  switch (type) {
    case CheckType::none:
    case CheckType::udp:
    case CheckType::dns:
    case CheckType::icmp:
    case CheckType::command:
      return false;
    default:
      return true;
  }
}

bool is_own_fault(int error) {
  switch (error) {
    case EADDRNOTAVAIL:  // no own address or port is left
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EPERM:  // its own packet filter
      return true;
    default:
      return false;
  }
}

std::string reason_of(int error) {
  switch (error) {
    case ECONNREFUSED:
      return "connection refused";
    case ENETUNREACH:
      return "no route";
    case EHOSTUNREACH:
      return "host unreachable";
    case ECONNRESET:
    case EPIPE:
      return "connection reset";
    default:
      return std::strerror(error);
  }
}

}  // namespace evenkeel
