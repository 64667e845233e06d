#include "drivers/packet_socket.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

namespace evenkeel {
namespace {

// Thousands of frames may come while control has other things to do.
constexpr int kReceiveBytes = 4 << 20;

Error failed(const char* what) {
  return Error{std::string(what) + ": " + std::strerror(errno) + "; run as root (CAP_NET_RAW)."};
}

}  // namespace

Result<PacketSocket> PacketSocket::open(uint32_t interface, std::span<const sock_filter> filter) {
  // Of protocol 0 it hears nothing until it is bound: nothing passes by the filter.
  Descriptor socket(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return failed("A packet socket cannot be opened");
  std::vector<sock_filter> code(filter.begin(), filter.end());
  const sock_fprog program = {.len = static_cast<unsigned short>(code.size()),
                              .filter = code.data()};
  const int yes = 1;
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(interface);
  const int number = socket.get();
  if (::setsockopt(number, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0 ||
      ::setsockopt(number, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes)) != 0 ||
      ::setsockopt(number, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBytes, sizeof(kReceiveBytes)) !=
          0 ||
      ::bind(number, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return failed("A packet socket cannot be set up");
  }
  return PacketSocket(std::move(socket));
}

int PacketSocket::send(std::span<const uint8_t> frame) {
  return ::send(descriptor_.get(), frame.data(), frame.size(), MSG_NOSIGNAL) < 0 ? errno : 0;
}

std::optional<size_t> PacketSocket::receive(std::span<uint8_t> room) {
  while (true) {
    const ssize_t length = ::recv(descriptor_.get(), room.data(), room.size(), 0);
    if (length >= 0) return static_cast<size_t>(length);
    // ENETDOWN is told once, and is no frame.
    if (errno != EINTR && errno != ENETDOWN) return std::nullopt;
  }
}

}  // namespace evenkeel
