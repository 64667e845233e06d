// Where a box sends connections, seen from outside: `steered DEVICE` listens on the far end of the
// box's cable to its servers, so all that comes in there has been sent by the box. A line says when
// (microseconds of the monotonic clock), what client (address and port), to what port, and the last
// byte of the MAC address that it was sent to: once for each connection that begins, and again
// whenever a packet of it goes to another server than the one before. IP in IP is looked into. It
// says "ready" first. SIGTERM ends it; it fails if the kernel dropped packets that it should have
// seen.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <span>
#include <string>
#include <unordered_map>

namespace {

constexpr int kBuffer = 64 << 20;
constexpr uint8_t kSyn = 0x02;

using Bytes = std::span<const uint8_t>;

struct Segment {
  std::string client;  // address, as bytes
  uint16_t client_port = 0;
  uint16_t port = 0;
  bool is_first = false;
};

uint16_t number_at(Bytes bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

// False if there is none. Fragments and extension headers do not come here.
bool read_segment(Bytes ip, Segment& ret_segment) {
  if (ip.size() < 40) return false;
  const bool is_v6 = ip[0] >> 4 == 6;
  const uint8_t protocol = is_v6 ? ip[6] : ip[9];
  const size_t length = is_v6 ? 40 : (ip[0] & 0xfu) * 4u;
  if (length > ip.size()) return false;
  const Bytes inner = ip.subspan(length);
  if (protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6) return read_segment(inner, ret_segment);
  if (protocol != IPPROTO_TCP || inner.size() < 20) return false;
  const Bytes source = is_v6 ? ip.subspan(8, 16) : ip.subspan(12, 4);
  ret_segment = {.client = std::string(source.begin(), source.end()),
                 .client_port = number_at(inner, 0),
                 .port = number_at(inner, 2),
                 .is_first = (inner[13] & kSyn) != 0};
  return true;
}

int64_t now_us() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000 + now.tv_nsec / 1'000;
}

class Table {
 public:
  void see(const Segment& segment, uint8_t server) {
    std::string key = segment.client;
    key.append(reinterpret_cast<const char*>(&segment.client_port), 2);
    key.append(reinterpret_cast<const char*>(&segment.port), 2);
    const auto [at, is_new] = servers_.try_emplace(std::move(key), server);
    if (!is_new && !segment.is_first && at->second == server) return;
    at->second = server;
    std::array<char, INET6_ADDRSTRLEN> text;
    inet_ntop(segment.client.size() == 4 ? AF_INET : AF_INET6, segment.client.data(), text.data(),
              text.size());
    std::printf("%ld\t%s\t%u\t%u\t%u\n", now_us(), text.data(), segment.client_port, segment.port,
                server);
  }

 private:
  std::unordered_map<std::string, uint8_t> servers_;
};

int open_device(const char* device) {
  const int channel = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
  setsockopt(channel, SOL_SOCKET, SO_RCVBUFFORCE, &kBuffer, sizeof(kBuffer));
  sockaddr_ll place{};
  place.sll_family = AF_PACKET;
  place.sll_protocol = htons(ETH_P_ALL);
  place.sll_ifindex = static_cast<int>(if_nametoindex(device));
  if (place.sll_ifindex == 0 ||
      bind(channel, reinterpret_cast<const sockaddr*>(&place), sizeof(place)) != 0) {
    std::fprintf(stderr, "steered: %s: %s\n", device, std::strerror(errno));
    return -1;
  }
  return channel;
}

void read_frames(int channel, Table& ret_table) {
  std::array<uint8_t, 256> bytes;  // headers are all that counts
  for (;;) {
    sockaddr_ll from{};
    socklen_t size = sizeof(from);
    const ssize_t length = recvfrom(channel, bytes.data(), bytes.size(), MSG_TRUNC,
                                    reinterpret_cast<sockaddr*>(&from), &size);
    if (length < 0) return;
    if (from.sll_pkttype == PACKET_OUTGOING) continue;
    const Bytes frame = Bytes(bytes).first(std::min(bytes.size(), static_cast<size_t>(length)));
    Segment segment;
    if (frame.size() > 14 && read_segment(frame.subspan(14), segment)) {
      ret_table.see(segment, frame[5]);
    }
  }
}

// Readable when the program is to end.
int open_ending() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_CLOEXEC);
}

uint32_t dropped(int channel) {
  tpacket_stats stats{};
  socklen_t size = sizeof(stats);
  getsockopt(channel, SOL_PACKET, PACKET_STATISTICS, &stats, &size);
  return stats.tp_drops;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fputs("usage: steered DEVICE\n", stderr);
    return 2;
  }
  const int ending = open_ending();
  const int channel = open_device(arguments[1]);
  if (channel < 0) return 1;
  std::puts("ready");
  std::fflush(stdout);
  Table table;
  std::array<pollfd, 2> both = {{{.fd = channel, .events = POLLIN, .revents = 0},
                                 {.fd = ending, .events = POLLIN, .revents = 0}}};
  while (both[1].revents == 0) {
    poll(both.data(), both.size(), -1);
    read_frames(channel, table);
  }
  if (const uint32_t lost = dropped(channel); lost > 0) {
    std::fprintf(stderr, "steered: %u packets were not seen\n", lost);
    return 1;
  }
}
