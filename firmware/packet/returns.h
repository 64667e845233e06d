// Replies of servers in mode nat, on their way back through the box: from whom, to whom and by
// which way follows from the packet and the plan alone; nothing is remembered of any flow.
//
// A reply is what comes from an address, protocol and port that is a server's in the plan. Its
// source becomes the VIP, and its port the VIP's. Between families, the client is the IPv4 address
// in the server's translation prefix, or that prefix with the IPv4 address. ICMP errors about a
// client's packet, from the server or a router before it, and fragments whose ports are known go
// alike.
#pragma once

#include <cstdint>

#include "firmware/base/reason.h"
#include "firmware/exchange/plan.h"
#include "firmware/wire/frame.h"
#include "firmware/wire/parse.h"

namespace evenkeel {

// Makes of a reply what the client is to get, with the port that it leaves on and its MSS at most
// the service's, or leaves the frame untouched and answers:
//  - no_service: it is none, or to the box itself, or to its own VIP;
//  - fragment_later: perhaps it is one: parsed.key needs the ports of its first fragment;
//  - next_hop_unresolved: no way to the client is known;
//  - too_big: ret_mtu is what its sender may use;
//  - what translate() (wire/translate.h) refuses for.
// `parsed` is what parse() says of the frame; of a later fragment its key may have been given
// ports.
Reason translate_reply(const Plan& plan, Frame& frame, const Parsed& parsed, uint16_t& ret_mtu);

// The flow that a reply is of, as its client's packets have it.
// REQUIRES: translate_reply() has answered none for it.
FlowKey flow_of_reply(const Plan& plan, const FlowKey& reply);

}  // namespace evenkeel
