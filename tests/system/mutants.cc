// Packets as no sender should make them: `mutants COUNT SEED` writes a pcap to standard output.
// Half are right (TCP, UDP, SCTP, ICMP, fragments, ARP, ND, tags, options, extension headers; to
// VIPs, to the box and elsewhere), the others are such with some bytes changed, lost or added, or
// just noise.
//
// The addresses are those of tests/system/network.py, and the MAC address that DPDK's pcap device
// number SEED has. Equal seeds give equal packets.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <vector>

namespace {

constexpr size_t kMaxPacket = 1'600;

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {  // splitmix64
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint32_t below(uint32_t limit) { return static_cast<uint32_t>((next() >> 32) * limit >> 32); }
  bool one_in(uint32_t number) { return below(number) == 0; }
  uint8_t byte() { return static_cast<uint8_t>(next()); }

  template <typename T>
  T one_of(std::initializer_list<T> list) {
    return list.begin()[below(static_cast<uint32_t>(list.size()))];
  }

 private:
  uint64_t state_;
};

using Bytes = std::vector<uint8_t>;

void put(Bytes& to, std::initializer_list<unsigned> bytes) {
  for (const unsigned byte : bytes) to.push_back(static_cast<uint8_t>(byte));
}
void put16(Bytes& to, uint32_t value) { put(to, {value >> 8 & 0xff, value & 0xff}); }
void put32(Bytes& to, uint32_t value) {
  put16(to, value >> 16);
  put16(to, value & 0xffff);
}
void append(Bytes& to, const Bytes& from) { to.insert(to.end(), from.begin(), from.end()); }

class Maker {
 public:
  explicit Maker(uint64_t seed) : device_(seed & 0xff), random_(seed) {}

  Bytes packet() {
    Bytes result = random_.one_in(10) ? noise(random_.below(kMaxPacket)) : frame();
    if (random_.one_in(2)) {
      for (uint32_t left = 1 + random_.below(6); left > 0; --left) mutate(result);
    }
    if (result.empty()) result.push_back(0);
    if (result.size() > kMaxPacket) result.resize(kMaxPacket);
    return result;
  }

 private:
  Bytes noise(size_t length) {
    Bytes result(length);
    for (uint8_t& byte : result) byte = random_.byte();
    return result;
  }

  void mutate(Bytes& packet) {
    if (packet.empty()) return;
    const auto size = static_cast<uint32_t>(packet.size());
    // Most of what is looked at lies in front.
    const uint32_t at = random_.below(random_.one_in(4) ? size : std::min(size, 80u));
    const auto begin = packet.begin();
    switch (random_.below(6)) {
      case 0:
        packet[at] = random_.byte();
        break;
      case 1:
        packet[at] = random_.one_of<uint8_t>({0, 1, 0x7f, 0x80, 0xfe, 0xff});
        break;
      case 2:
        packet[at] = static_cast<uint8_t>(packet[at] ^ (1u << random_.below(8)));
        break;
      case 3:
        packet.resize(at);
        break;
      case 4:
        append(packet, noise(random_.below(200)));
        break;
      default:
        packet.erase(begin + at, begin + std::min(size, at + 1 + random_.below(20)));
    }
  }

  // --- Whole frames ---

  Bytes frame() {
    Bytes result;
    if (random_.one_in(20)) {
      put(result, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
    } else if (random_.one_in(50)) {
      put(result, {2, 0, 0, 0, 0, 2});  // somebody else
    } else {
      put(result, {2, 'p', 'c', 'a', 'p', device_});
    }
    put(result, {2, 0, 0, 0, 0, 0x64});
    if (random_.one_in(10)) {
      for (uint32_t tags = random_.below(4); tags > 0; --tags) {
        put16(result, random_.one_of<uint32_t>({0x8100, 0x88a8}));
        put16(result, random_.below(1 << 16));
      }
    }
    if (random_.one_in(20)) {
      append(result, arp());
    } else if (random_.one_in(2)) {
      put16(result, 0x0800);
      append(result, ipv4());
    } else {
      put16(result, 0x86dd);
      append(result, ipv6());
    }
    return result;
  }

  Bytes arp() {
    Bytes result;
    put(result, {8, 6, 0, 1, 8, 0, 6, 4, 0, random_.one_of<unsigned>({1, 2})});
    put(result, {2, 0, 0, 0, 0, 0x64, 192, 0, 2, 100, 0, 0, 0, 0, 0, 0});
    put32(result, destination4());
    return result;
  }

  uint32_t source4() {
    if (random_.one_in(30)) {
      return random_.one_of<uint32_t>({0, 0x7f000001, 0xe0000001, 0xffffffff, 0xc000020a});
    }
    return random_.one_in(4) ? 0x0a00000b + random_.below(3) : 0xc6120000 + random_.below(1 << 16);
  }
  uint32_t destination4() {
    if (random_.one_in(8)) {
      return random_.one_of<uint32_t>({0xc0000202, 0xc0000203, 0xffffffff, 0xe0000001, 0x0a00000b});
    }
    return 0xc000020a;
  }

  Bytes address6(uint32_t last) {
    Bytes result;
    put(result, {0x20, 1, 0x0d, 0xb8});
    put32(result, 0);
    put32(result, 0);
    put32(result, last);
    return result;
  }

  Bytes ipv4() {
    const bool is_fragment = random_.one_in(10);
    const uint32_t offset = is_fragment ? random_.below(100) * random_.below(2) : 0;
    const uint8_t protocol = random_.one_of<uint8_t>({6, 6, 6, 6, 17, 17, 17, 1, 1, 132, 47});
    Bytes options;
    if (random_.one_in(20)) options.assign(4 * random_.below(11), 1);
    const Bytes payload = transport(protocol, true);
    Bytes result;
    const size_t header = 20 + options.size();
    put(result, {0x40u | static_cast<unsigned>(header / 4), random_.byte()});
    put16(result, static_cast<uint32_t>(header + payload.size()));
    put16(result, is_fragment ? random_.below(20) : random_.below(1 << 16));
    put16(result, is_fragment ? offset | (random_.below(2) << 13) : random_.below(2) << 14);
    put(result, {random_.one_in(20) ? random_.below(3) : 64, protocol, 0, 0});
    put32(result, source4());
    put32(result, destination4());
    append(result, options);
    const uint16_t checksum = checksum_of(result);
    result[10] = static_cast<uint8_t>(checksum >> 8);
    result[11] = static_cast<uint8_t>(checksum);
    append(result, payload);
    return result;
  }

  Bytes ipv6() {
    uint8_t protocol = random_.one_of<uint8_t>({6, 6, 6, 6, 17, 17, 17, 58, 58, 132, 41});
    Bytes payload = transport(protocol, false);
    if (random_.one_in(6)) {
      for (uint32_t left = 1 + random_.below(5); left > 0; --left) {
        const uint8_t extension = random_.one_of<uint8_t>({0, 43, 44, 60, 51, 135});
        Bytes header;
        put(header, {protocol, extension == 44 ? 0 : random_.one_of<unsigned>({0, 0, 0, 1})});
        put(header, {random_.below(2) * random_.byte(), random_.below(2)});
        put32(header, random_.below(20));
        if (header[1] != 0) append(header, noise(8));
        append(header, payload);
        payload = header;
        protocol = extension;
      }
    }
    Bytes result;
    put32(result, 0x60000000 | random_.below(1 << 28));
    put16(result, static_cast<uint32_t>(payload.size()));
    put(result, {protocol, random_.one_in(20) ? random_.below(3) : 64});
    append(result, address6(random_.one_in(30) ? 0x10 : 0x10000 + random_.below(1 << 16)));
    append(result, address6(random_.one_in(8) ? random_.below(4) : 0x10));
    append(result, payload);
    return result;
  }

  static uint16_t checksum_of(const Bytes& bytes) {
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
      sum += static_cast<uint32_t>(bytes[i] << 8) | bytes[i + 1];
    }
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(~sum);
  }

  // --- What IP carries ---

  uint32_t port() { return random_.one_of<uint32_t>({80, 80, 80, 80, 53, 8'080, 0, 65'535}); }

  Bytes transport(uint8_t protocol, bool is_v4) {
    Bytes result;
    switch (protocol) {
      case 6:
        put16(result, 1'024 + random_.below(60'000));
        put16(result, port());
        append(result, noise(8));
        put(result, {0x50, random_.one_of<unsigned>({2, 16, 16, 24, 17, 18, 4, 0, 0xff})});
        append(result, noise(6));
        if (random_.one_in(3)) {
          result[12] = 0x60;
          put(result, {2, 4, random_.byte(), random_.byte()});
        }
        break;
      case 17:
      case 132:
        put16(result, 1'024 + random_.below(60'000));
        put16(result, port());
        append(result, noise(protocol == 17 ? 4 : 8));
        break;
      case 1:
      case 58:
        append(result, icmp(is_v4));
        break;
      default:
        append(result, noise(8));
    }
    append(result, noise(random_.one_in(8) ? random_.below(1'400) : random_.below(64)));
    return result;
  }

  Bytes icmp(bool is_v4) {
    Bytes result;
    const uint8_t type = is_v4 ? random_.one_of<uint8_t>({8, 8, 0, 3, 3, 11, 12, 13})
                               : random_.one_of<uint8_t>({128, 128, 129, 1, 2, 2, 3, 135, 136});
    put(result, {type, random_.below(5), random_.byte(), random_.byte(), 0, 0});
    put16(result, random_.below(2'000));
    const bool is_error = is_v4 ? type == 3 || type == 11 || type == 12 : type < 4;
    if (is_error) append(result, quoted(is_v4));
    return result;
  }

  // The beginning of a packet from a VIP to a client.
  Bytes quoted(bool is_v4) {
    Bytes result;
    if (is_v4) {
      put(result, {0x45, 0, 2, 0, 0, 1, 0x40, 0, 60, 6, 0, 0, 192, 0, 2, 10});
      put32(result, source4());
    } else {
      put32(result, 0x60000000);
      put(result, {2, 0, 6, 60});
      append(result, address6(0x10));
      append(result, address6(0x10000 + random_.below(1 << 16)));
    }
    put16(result, port());
    put16(result, 1'024 + random_.below(60'000));
    append(result, noise(4 + random_.below(30)));
    return result;
  }

  const unsigned device_;
  Random random_;
};

void write(const void* data, size_t length) {
  if (std::fwrite(data, 1, length, stdout) != length) std::exit(1);
}

void write_packet(const Bytes& packet) {
  const auto length = static_cast<uint32_t>(packet.size());
  const std::array<uint32_t, 4> header = {0, 0, length, length};
  write(header.data(), sizeof(header));
  write(packet.data(), length);
}

// Returns how many it has written.
uint64_t write_empty_ones() {
  pollfd input = {STDIN_FILENO, POLLIN, 0};
  uint64_t count = 0;
  while (poll(&input, 1, 1) == 0) {
    write_packet(Bytes(14));
    std::fflush(stdout);
    ++count;
  }
  return count;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::fprintf(stderr, "usage: mutants COUNT SEED\n");
    return 2;
  }
  constexpr std::array<uint32_t, 6> kHeader = {0xa1b2c3d4, 0x00040002, 0,
                                               0,          65'535,     1};  // Ethernet
  write(kHeader.data(), sizeof(kHeader));
  const uint64_t mutants = std::strtoull(arguments[1], nullptr, 10);
  const uint64_t total = write_empty_ones() + mutants;
  Maker maker(std::strtoull(arguments[2], nullptr, 10));
  for (uint64_t i = 0; i < mutants; ++i) write_packet(maker.packet());
  std::fprintf(stderr, "%lu\n", total);
  return std::fflush(stdout) == 0 ? 0 : 1;
}
