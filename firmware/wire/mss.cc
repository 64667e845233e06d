// Options are walked as they stand, from the fixed header to the data; nothing is trusted.
#include "firmware/wire/mss.h"

#include "firmware/wire/checksum.h"
#include "firmware/wire/headers.h"

namespace evenkeel {
namespace {

constexpr uint8_t kEnd = 0;
constexpr uint8_t kNothing = 1;
constexpr uint8_t kMss = 2;
constexpr uint8_t kMssLength = 4;

// REQUIRES: the value's two bytes lie within the TCP header, whose length is even.
void lower(uint8_t* tcp, uint32_t at, uint16_t largest) {
  if (load<Big16>(tcp + at).value() <= largest) return;
  // The checksum counts words from the header's first byte; at an odd place, the value lies in two.
  const uint32_t word = at & ~1u;
  const uint32_t words = at % 2 == 0 ? 2 : 4;
  const PartialSum before = sum_bytes(tcp + word, words);
  store(tcp + at, Big16(largest));
  uint8_t* field = tcp + offsetof(TcpHeader, checksum);
  store(field, updated(load<Big16>(field), before, sum_bytes(tcp + word, words)));
}

}  // namespace

void clamp_mss(const Frame& frame, const Parsed& parsed, uint16_t largest) {
  const bool has_header = parsed.kind == Kind::transport || parsed.kind == Kind::fragment_first;
  if (!has_header || parsed.key.protocol != static_cast<uint8_t>(Protocol::tcp)) return;
  uint8_t* tcp = frame.data + parsed.l4_offset;
  const uint32_t end = (tcp[offsetof(TcpHeader, data_offset)] >> 4) * 4u;
  const uint32_t room = parsed.l3_offset + uint32_t{parsed.l3_length} - parsed.l4_offset;
  if ((tcp[offsetof(TcpHeader, flags)] & kTcpSyn) == 0 || end > room) return;

  uint32_t at = sizeof(TcpHeader);
  while (at < end && tcp[at] != kEnd) {  // at most 40 times: each step is of a byte or more
    if (tcp[at] == kNothing) {
      ++at;
      continue;
    }
    if (end - at < 2) return;
    const uint8_t length = tcp[at + 1];
    if (length < 2 || length > end - at) return;
    if (tcp[at] == kMss && length == kMssLength) lower(tcp, at + 2, largest);
    at += length;
  }
}

}  // namespace evenkeel
