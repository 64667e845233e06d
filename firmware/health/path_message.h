// What a same-path probe says and hears, as bytes: a TCP SYN, or an ICMP echo request, from the box
// to a VIP, made as large as is wanted; and what comes back of it.
//
// A question is known again by its token, which is all over it and of which an answer brings back
// every bit, as does an error that quotes the question, however it was packed:
//   TCP   12 bits are the source port's place in the reserved range; 18 the upper ones of the
//         sequence number, whose lower 14 are zero, so that an acknowledgement of the data too is
//         known. A server without TCP Fast Open takes no data of a SYN.
//   ICMP  14 bits are the lower ones of the identifier, whose upper two are set; 16 the sequence.
#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "firmware/base/address.h"
#include "firmware/base/endian.h"
#include "firmware/base/limits.h"
#include "firmware/wire/frame.h"
#include "firmware/wire/headers.h"

namespace evenkeel {

inline constexpr uint32_t kPathTokens = 1u << 30;
// Source ports, above those that Linux gives to others unless told otherwise.
inline constexpr uint16_t kFirstPathPort = 61'000;
inline constexpr uint16_t kLastPathPort = kFirstPathPort + 4'095;

struct PathQuestion {
  Address source;  // the box's own, of the VIP's family
  Address vip;
  uint16_t port = 0;   // of TCP; 0: an ICMP echo request
  uint32_t token = 0;  // less than kPathTokens
};

// Bytes of IP packet that a question has at least.
inline size_t least_path_question(bool is_v4) {
  return (is_v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header)) + sizeof(TcpHeader);
}
// Room for any frame.
inline constexpr size_t kPathRoom = kFrameHeadroom + sizeof(EthernetHeader) + kMaxMtu;

// A frame in `room`, with an IP packet of so many bytes and without MAC addresses.
// REQUIRES: least_path_question() to kMaxMtu bytes; a room of kPathRoom.
Frame write_path_question(const PathQuestion& question, size_t length, std::span<uint8_t> room);
// What ends the connection that a SYN has begun to open. `next`: what the server acknowledges; as
// long as it has not, the SYN alone, as servers do.
Frame write_path_reset(const PathQuestion& question, Big32 next, std::span<uint8_t> room);
Big32 acknowledged_alone(const PathQuestion& question);

struct PathAnswer {
  enum class Kind : uint8_t { accepted, refused, echoed, error };

  Kind kind = Kind::error;
  uint32_t token = 0;
  Address from;
  uint16_t port = 0;   // of TCP; 0: none
  Big32 acknowledged;  // of TCP
  std::string text;    // of an error: "10.0.0.1: packet too big, 1400 bytes fit"
};

// None: it is no answer to any question.
std::optional<PathAnswer> read_path_answer(std::span<const uint8_t> frame);

// What lets pass all frames that read_path_answer() takes for answers, and few others; of each,
// what is needed to know it.
std::span<const sock_filter> path_answer_filter();
inline constexpr uint32_t kPathAnswerBytes = 320;

}  // namespace evenkeel
