// A server's end of every tunnel, for kernels without one: `decapsulate DEVICE ADDRESS
// [DSCP=VIP]...` makes the TUN device, says "ready", and gives it the packets that come inside
// others to ADDRESS: IP in IP, GRE, GUE, VXLAN and Geneve. With DSCP=VIP it is a server's L3DSR: a
// packet that the kernel routes into the device comes back out of it, to the VIP that its mark
// stands for.
//
// The packets arrive on raw and UDP sockets. So the kernel puts fragments together before, and does
// not tell the sender that nobody is there.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace {

using Bytes = std::span<uint8_t>;

constexpr int kBufferBytes = 16 << 20;
constexpr size_t kEthernet = 14;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

// --- What is inside: from what a socket gives, the inner packet; empty if there is none ----------

Bytes without(size_t length, Bytes packet) {
  return packet.size() >= length ? packet.subspan(length) : Bytes{};
}

bool is_ip(uint8_t high, uint8_t low) {
  return (high == 0x08 && low == 0x00) || (high == 0x86 && low == 0xdd);
}

Bytes inside_ethernet(Bytes frame) {
  const Bytes inner = without(kEthernet, frame);
  return !inner.empty() && is_ip(frame[12], frame[13]) ? inner : Bytes{};
}

Bytes inside_ip(Bytes packet) { return packet; }

Bytes inside_gre(Bytes packet) {
  const Bytes inner = without(4, packet);
  const bool is_plain = !inner.empty() && packet[0] == 0 && packet[1] == 0;
  return is_plain && is_ip(packet[2], packet[3]) ? inner : Bytes{};
}

Bytes inside_gue(Bytes packet) {
  const bool is_data = packet.size() >= 4 && (packet[0] & 0xe0) == 0;
  return is_data ? without(4 + (packet[0] & 0x1f) * size_t{4}, packet) : Bytes{};
}

Bytes inside_vxlan(Bytes packet) { return inside_ethernet(without(8, packet)); }

Bytes inside_geneve(Bytes packet) {
  return packet.size() >= 8 ? inside_ethernet(without(8 + (packet[0] & 0x3f) * size_t{4}, packet))
                            : Bytes{};
}

// --- Where it comes from -------------------------------------------------------------------------

struct Source {
  int descriptor;
  bool has_ip_header;  // IPv4 raw sockets give it, too
  Bytes (*inside)(Bytes);
};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  int family = 0;
};

SocketAddress socket_address(const char* text, uint16_t port) {
  SocketAddress result;
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&result.storage);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    result.length = sizeof(sockaddr_in);
  } else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    result.length = sizeof(sockaddr_in6);
  } else {
    std::fprintf(stderr, "decapsulate: '%s' is no address\n", text);
    std::exit(1);
  }
  result.family = result.storage.ss_family;
  return result;
}

// Port 0: a raw socket of the protocol.
int open_socket(const char* text, int protocol, uint16_t port) {
  const SocketAddress address = socket_address(text, port);
  const int type = (port == 0 ? SOCK_RAW : SOCK_DGRAM) | SOCK_NONBLOCK;
  const int descriptor = socket(address.family, type, protocol);
  if (descriptor < 0) fail("decapsulate: socket");
  setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &kBufferBytes, sizeof(kBufferBytes));
  if (port != 0 && address.family == AF_INET6) {
    const int yes = 1;
    setsockopt(descriptor, IPPROTO_UDP, UDP_NO_CHECK6_RX, &yes, sizeof(yes));
  }
  if (bind(descriptor, reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0) {
    fail("decapsulate: bind");
  }
  return descriptor;
}

std::vector<Source> open_sources(const char* address) {
  const bool is_v4 = socket_address(address, 0).family == AF_INET;
  return {
      {open_socket(address, IPPROTO_IPIP, 0), is_v4, inside_ip},
      {open_socket(address, IPPROTO_IPV6, 0), is_v4, inside_ip},
      {open_socket(address, IPPROTO_GRE, 0), is_v4, inside_gre},
      {open_socket(address, 0, 6080), false, inside_gue},
      {open_socket(address, 0, 4789), false, inside_vxlan},
      {open_socket(address, 0, 6081), false, inside_geneve},
  };
}

int open_device(const char* name) {
  const int descriptor = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (descriptor < 0) fail("decapsulate: /dev/net/tun");
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (ioctl(descriptor, TUNSETIFF, &request) != 0) fail("decapsulate: TUNSETIFF");
  return descriptor;
}

// --- L3DSR ---------------------------------------------------------------------------------------

struct Vip {
  std::array<uint8_t, 16> bytes{};
  size_t length = 0;
};
using Marks = std::map<int, Vip>;  // by DSCP

Marks parse_marks(std::span<char*> arguments) {
  Marks marks;
  for (const std::string argument : arguments) {
    const size_t equals = argument.find('=');
    if (equals == std::string::npos) continue;
    const SocketAddress address = socket_address(argument.c_str() + equals + 1, 0);
    Vip& vip = marks[std::atoi(argument.c_str())];
    vip.length = address.family == AF_INET ? 4 : 16;
    inet_pton(address.family, argument.c_str() + equals + 1, vip.bytes.data());
  }
  return marks;
}

// `length` bytes that the checksum covers become others.
void update(uint8_t* checksum, const uint8_t* before, const uint8_t* after, size_t length) {
  uint32_t sum = static_cast<uint16_t>(~((checksum[0] << 8) | checksum[1]));
  for (size_t i = 0; i < length; i += 2) {
    sum += static_cast<uint16_t>(~((before[i] << 8) | before[i + 1]));
    sum += static_cast<uint16_t>((after[i] << 8) | after[i + 1]);
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  const auto result = static_cast<uint16_t>(~sum);
  checksum[0] = static_cast<uint8_t>(result >> 8);
  checksum[1] = static_cast<uint8_t>(result);
}

// The TCP, UDP or ICMPv6 checksum; null if there is none, or none that can be updated.
uint8_t* transport_checksum(Bytes packet, uint8_t protocol, size_t offset) {
  const size_t within = protocol == IPPROTO_TCP ? 16 : protocol == IPPROTO_UDP ? 6 : 2;
  const bool is_known =
      protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_ICMPV6;
  if (!is_known || packet.size() < offset + within + 2) return nullptr;
  uint8_t* const at = packet.data() + offset + within;
  return protocol == IPPROTO_UDP && at[0] == 0 && at[1] == 0 ? nullptr : at;
}

// False if the mark stands for no VIP of this family.
bool restore_vip(const Marks& marks, Bytes packet) {
  const bool is_v4 = !packet.empty() && packet[0] >> 4 == 4;
  if (packet.size() < (is_v4 ? 20 : 40)) return false;
  const int dscp = is_v4 ? packet[1] >> 2 : ((packet[0] & 0xf) << 2) | (packet[1] >> 6);
  const auto mark = marks.find(dscp);
  if (mark == marks.end() || mark->second.length != (is_v4 ? 4u : 16u)) return false;

  const Vip& vip = mark->second;
  uint8_t* const destination = packet.data() + (is_v4 ? 16 : 24);
  const bool is_later_fragment = is_v4 && ((packet[6] & 0x1f) != 0 || packet[7] != 0);
  const size_t transport = is_v4 ? (packet[0] & 0xf) * size_t{4} : 40;
  uint8_t* const checksum =
      is_later_fragment ? nullptr : transport_checksum(packet, packet[is_v4 ? 9 : 6], transport);
  if (checksum != nullptr) update(checksum, destination, vip.bytes.data(), vip.length);
  if (is_v4) update(packet.data() + 10, destination, vip.bytes.data(), vip.length);
  std::memcpy(destination, vip.bytes.data(), vip.length);
  return true;
}

// --- The loop ------------------------------------------------------------------------------------

void deliver(int device, Bytes packet) {
  if (!packet.empty() && write(device, packet.data(), packet.size()) < 0 && errno != EINVAL) {
    std::perror("decapsulate: write");
  }
}

void drain(const Source& source, int device) {
  std::array<uint8_t, 1 << 16> buffer;
  for (;;) {
    const ssize_t length = recv(source.descriptor, buffer.data(), buffer.size(), 0);
    if (length < 0) return;
    const Bytes packet(buffer.data(), static_cast<size_t>(length));
    const size_t header = source.has_ip_header ? (buffer[0] & 0xf) * size_t{4} : 0;
    deliver(device, source.inside(without(header, packet)));
  }
}

void drain_device(int device, const Marks& marks) {
  std::array<uint8_t, 1 << 16> buffer;
  for (;;) {
    const ssize_t length = read(device, buffer.data(), buffer.size());
    if (length <= 0) return;
    const Bytes packet(buffer.data(), static_cast<size_t>(length));
    if (restore_vip(marks, packet)) deliver(device, packet);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::fprintf(stderr, "usage: decapsulate DEVICE ADDRESS [DSCP=VIP]...\n");
    return 2;
  }
  const Marks marks = parse_marks({arguments + 3, arguments + count});
  const int device = open_device(arguments[1]);
  const std::vector<Source> sources = open_sources(arguments[2]);
  std::vector<pollfd> polled = {{device, POLLIN, 0}};
  for (const Source& source : sources) polled.push_back({source.descriptor, POLLIN, 0});
  std::puts("ready");
  std::fflush(stdout);

  for (;;) {
    if (poll(polled.data(), polled.size(), -1) < 0) fail("decapsulate: poll");
    drain_device(device, marks);
    for (const Source& source : sources) drain(source, device);
  }
}
