// TCP's maximum segment size, lowered in passing: peers that agree on it never send what would not
// fit the way to a backend, and no ICMP has to reach anyone.
#pragma once

#include <cstdint>

#include "firmware/wire/frame.h"
#include "firmware/wire/parse.h"

namespace evenkeel {

// Lowers the MSS that a SYN, or a SYN with ACK, announces to `largest`, and mends the checksum.
// What announces less, or nothing, or is not such a segment, stays as it is: so does a segment
// whose options are broken, from there on.
//
// REQUIRES: parsed is what parse() said of the frame, whose front has not moved since.
void clamp_mss(const Frame& frame, const Parsed& parsed, uint16_t largest);

}  // namespace evenkeel
