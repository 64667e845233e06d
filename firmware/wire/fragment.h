// An IPv4 packet that its sender lets be fragmented, cut into pieces that fit (RFC 791 3.2).
//
// All pieces have a header as long as the packet's: options that belong to the first piece only
// become "no operation" in the others. So all pieces but the last carry the same number of bytes,
// and where each begins follows from its number. A packet that is a fragment itself is cut like any
// other: its pieces continue its offset, and its last one is as last as it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "firmware/base/limits.h"
#include "firmware/base/reason.h"
#include "firmware/wire/frame.h"
#include "firmware/wire/parse.h"

namespace evenkeel {

struct Cut {
  uint32_t payload = 0;  // bytes of each piece but the last
  size_t pieces = 0;     // from 2 to kMaxPieces
};

// How to cut so that no piece has more than `mtu` bytes of IP packet. Nothing: it may not be, is
// ICMP, fits as it is, or would need more than kMaxPieces or pieces so small that no transport
// header is safe in the first one (RFC 1858).
// REQUIRES: parsed is what parse() says of a frame that is still as it was, here and below.
std::optional<Cut> cut_to_fit(const Frame& whole, const Parsed& parsed, uint16_t mtu);

// Writes one piece, Ethernet header, tags and all, into a buffer of `capacity` bytes, at whose
// begin ret_frame stands with length 0. Answers none, or no_headroom where that is too little.
// REQUIRES: `cut` is of this frame, number < cut.pieces.
Reason write_piece(const Frame& whole, const Parsed& parsed, const Cut& cut, size_t number,
                   uint32_t capacity, Frame& ret_frame);

}  // namespace evenkeel
