// ICMP that the box sends itself, in a VIP's name: echo replies, and "too big" for packets that
// would not fit the way to their backend.
#pragma once

#include <cstdint>

#include "firmware/base/reason.h"
#include "firmware/wire/frame.h"
#include "firmware/wire/parse.h"

namespace evenkeel {

// Turns an echo request into its reply, in place. IPv4 options and IPv6 extension headers are
// dropped, not answered: the frame's front moves towards its end by their length. Answers none, or
// leaves the frame untouched: bad_checksum where the request is damaged, bad_address where the
// frame was sent by or to a group.
//
// REQUIRES: parsed is what parse() said of the frame, and its kind is echo.
Reason make_echo_reply(Frame& frame, const Parsed& parsed);

// None, or why nobody may be told of a packet (RFC 1122 3.2.2, RFC 4443 2.4): icmp_other of an ICMP
// error, fragment_later, bad_address of what was sent by or to a group.
//
// REQUIRES: parsed is what parse() said of the frame.
Reason may_tell(const Frame& offending, const Parsed& parsed);

// Writes "fragmentation needed" (RFC 1191) or "packet too big" (RFC 4443) about `offending`, from
// its destination to its source, to ret_frame.data, where `capacity` bytes are writable. The frame
// goes back as it came, by the same port and VLANs. `mtu` is what the sender may use; the least
// that its protocol allows is told instead of less.
//
// Answers none; no_headroom where the buffer is too small; or as may_tell() does. Whether the rate
// allows one more, and whether an IPv4 sender wants to know (Parsed::may_fragment), is for the
// caller to decide.
//
// REQUIRES: parsed is what parse() said of the frame, which is as it was.
Reason make_too_big(const Frame& offending, const Parsed& parsed, uint16_t mtu, uint32_t capacity,
                    Frame& ret_frame);

}  // namespace evenkeel
