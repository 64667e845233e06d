// Every piece is the packet's header, changed, and its share of the payload.
#include "firmware/wire/fragment.h"

#include <algorithm>
#include <cstring>

#include "firmware/base/check.h"
#include "firmware/wire/checksum.h"
#include "firmware/wire/headers.h"

namespace evenkeel {
namespace {

constexpr uint32_t kUnit = 8;           // in which offsets count
constexpr uint32_t kLeastPayload = 24;  // the least multiple of kUnit that holds a TCP header

constexpr uint8_t kOptionEnd = 0;
constexpr uint8_t kOptionNoOperation = 1;
constexpr uint8_t kOptionCopied = 0x80;

uint32_t header_length(const Frame& frame, const Parsed& parsed) {
  return (frame.data[parsed.l3_offset] & 0xfu) * 4;
}

// Options that are broken from somewhere on are, from there on, no operation too.
void blank_options_of_first(uint8_t* options, size_t length) {
  for (size_t at = 0; at < length && options[at] != kOptionEnd;) {
    if (options[at] == kOptionNoOperation) {
      ++at;
      continue;
    }
    size_t size = at + 1 < length ? options[at + 1] : 0;
    const bool is_broken = size < 2 || size > length - at;
    if (is_broken) size = length - at;
    if (is_broken || (options[at] & kOptionCopied) == 0) {
      std::memset(options + at, kOptionNoOperation, size);
    }
    at += size;
  }
}

}  // namespace

std::optional<Cut> cut_to_fit(const Frame& whole, const Parsed& parsed, uint16_t mtu) {
  const bool is_icmp = parsed.kind == Kind::echo || parsed.kind == Kind::icmp_error;
  if (!parsed.is_v4 || !parsed.may_fragment || is_icmp || parsed.l3_length <= mtu) return {};
  const uint32_t header = header_length(whole, parsed);
  if (mtu < header + kLeastPayload) return {};
  const uint32_t each = (mtu - header) / kUnit * kUnit;
  const size_t pieces = (parsed.l3_length - header + each - 1) / each;
  if (pieces > kMaxPieces) return {};
  return Cut{.payload = each, .pieces = pieces};
}

Reason write_piece(const Frame& whole, const Parsed& parsed, const Cut& cut, size_t number,
                   uint32_t capacity, Frame& ret_frame) {
  REQUIRE(number < cut.pieces && ret_frame.length == 0);
  const uint32_t header = header_length(whole, parsed);
  const uint32_t front = parsed.l3_offset + header;
  const uint32_t start = static_cast<uint32_t>(number) * cut.payload;
  const uint32_t payload = std::min(cut.payload, parsed.l3_length - header - start);
  if (front + payload > capacity) return Reason::no_headroom;
  std::memcpy(ret_frame.data, whole.data, front);
  std::memcpy(ret_frame.data + front, whole.data + front + start, payload);

  uint8_t* const l3 = ret_frame.data + parsed.l3_offset;
  if (number != 0) blank_options_of_first(l3 + sizeof(Ipv4Header), header - sizeof(Ipv4Header));
  auto ip = load<Ipv4Header>(l3);
  const bool is_last = number + 1 == cut.pieces;
  ip.fragment =
      static_cast<uint16_t>((ip.fragment.value() + start / kUnit) | (is_last ? 0 : kMoreFragments));
  ip.total_length = static_cast<uint16_t>(header + payload);
  ip.checksum = 0;
  store(l3, ip);
  ip.checksum = finish(sum_bytes(l3, header));
  store(l3, ip);
  ret_frame.length = front + payload;
  ret_frame.port = whole.port;
  return Reason::none;
}

}  // namespace evenkeel
