// Packets written as hexadecimal text, and checksums summed the plain way, for tests of wire.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/wire/frame.h"

namespace evenkeel {

struct Packet {
  std::array<uint8_t, 4096> room{};
  uint32_t length = 0;

  uint8_t* bytes() { return room.data() + kFrameHeadroom; }
  const uint8_t* bytes() const { return room.data() + kFrameHeadroom; }
  Frame frame() { return {.data = bytes(), .length = length}; }
};

// Writes the bytes of `hex` up to its end or a blank, and answers where it stopped.
inline const char* write_hex(const char* hex, uint8_t* to, uint32_t& ret_count) {
  ret_count = 0;
  for (; *hex != '\0' && *hex != ' '; hex += 2) {
    const std::array<char, 3> digits = {hex[0], hex[1], '\0'};
    char* end = nullptr;
    to[ret_count++] = static_cast<uint8_t>(std::strtoul(digits.data(), &end, 16));
    CHECK(end == digits.data() + 2);
  }
  return hex;
}

// `patches` overwrites bytes: "14:45 22:40ff" writes one byte at 14 and two at 22.
inline Packet packet_of(const char* hex, const char* patches = "") {
  Packet packet;
  write_hex(hex, packet.bytes(), packet.length);
  while (*patches != '\0') {
    char* end = nullptr;
    const auto at = std::strtoul(patches, &end, 10);
    CHECK(*end == ':' && at < packet.length);
    uint32_t count = 0;
    patches = write_hex(end + 1, packet.bytes() + at, count);
    if (*patches == ' ') ++patches;
  }
  return packet;
}

// The words' sum, folded, as RFC 1071 has it; 0xffff where a right checksum is among them.
inline uint16_t plain_sum(const uint8_t* bytes, size_t length, uint32_t start = 0) {
  uint32_t sum = start;
  for (size_t i = 0; i < length; ++i) {
    sum += i % 2 == 0 ? uint32_t{bytes[i]} << 8 : uint32_t{bytes[i]};
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(sum);
}

// The sum of a transport or ICMP header and all that follows it in the packet, with its pseudo
// header (which ICMP over IPv4 does not have): 0xffff where its checksum is right. `header` bytes
// of IP headers, with options or extension headers, stand before it.
inline uint16_t plain_transport_sum(const uint8_t* l3, uint32_t header, uint8_t protocol) {
  const bool is_v4 = l3[0] >> 4 == 4;
  const uint32_t end = is_v4 ? (uint32_t{l3[2]} << 8) + l3[3] : (uint32_t{l3[4]} << 8) + l3[5] + 40;
  const uint32_t addresses = is_v4 ? plain_sum(l3 + 12, 8) : plain_sum(l3 + 8, 32);
  const uint32_t pseudo = is_v4 && protocol == 1 ? 0 : addresses + protocol + (end - header);
  return plain_sum(l3 + header, end - header, pseudo);
}

// Of a packet with neither options nor extension headers.
inline uint16_t plain_transport_sum(const uint8_t* l3) {
  return l3[0] >> 4 == 4 ? plain_transport_sum(l3, 20, l3[9]) : plain_transport_sum(l3, 40, l3[6]);
}

inline void mend_ipv4_checksum(uint8_t* l3) {
  const size_t length = (l3[0] & 15u) * 4;
  l3[10] = l3[11] = 0;
  const auto checksum = static_cast<uint16_t>(~plain_sum(l3, length));
  l3[10] = static_cast<uint8_t>(checksum >> 8);
  l3[11] = static_cast<uint8_t>(checksum);
}

// Where a frame of any bytes has an IPv4 header, behind up to two tags, its checksum is made right:
// else hardly any would be looked at further.
inline void mend_frame(uint8_t* frame, size_t length) {
  size_t at = 14;
  while (at < 22 && at <= length && (frame[at - 2] == 0x81 || frame[at - 2] == 0x88)) at += 4;
  const bool is_v4 = at + 20 <= length && frame[at] >> 4 == 4;
  if (is_v4 && at + (frame[at] & 15u) * 4 <= length) mend_ipv4_checksum(frame + at);
}

}  // namespace evenkeel
