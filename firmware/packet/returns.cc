#include "firmware/packet/returns.h"

#include <cstddef>
#include <optional>

#include "firmware/base/check.h"
#include "firmware/wire/headers.h"
#include "firmware/wire/mss.h"
#include "firmware/wire/translate.h"

namespace evenkeel {
namespace {

// Null: no way is known.
const Way* way_to(const Plan& plan, const Address& address) {
  const uint16_t number = plan.way_numbers->find(address);
  return number == Prefixes::kNone ? nullptr : &plan.ways[number];
}

// Who the server means by the address that it answers to.
std::optional<Address> client_of(const VipOfServer& vip, const Address& destination) {
  if (destination.is_v4() == vip.vip.is_v4()) return destination;
  return counterpart(destination, vip.translation_prefix);
}

// Where the headers of what was translated are now; what is behind them has not changed.
Parsed parsed_anew(const Frame& frame, const Parsed& parsed, const Translation& translation) {
  const size_t l3 = sizeof(EthernetHeader) + (translation.vlan == 0 ? 0 : sizeof(VlanTag));
  const size_t transport = size_t{parsed.l3_offset} + parsed.l3_length - parsed.l4_offset;
  Parsed anew = parsed;
  anew.l3_offset = static_cast<uint16_t>(l3);
  anew.l3_length = static_cast<uint16_t>(frame.length - l3);
  anew.l4_offset = static_cast<uint16_t>(frame.length - transport);
  return anew;
}

// The service is looked up: which of them has a port may change without any server's.
void clamp_reply(const Plan& plan, const Frame& frame, const Parsed& parsed,
                 const Translation& translation) {
  if (parsed.kind == Kind::icmp_error || parsed.kind == Kind::fragment_later) return;
  const uint16_t number =
      plan.lookup->find(translation.source, parsed.key.protocol, translation.source_port);
  if (number == kNoService || plan.services[number].guard.mss == 0) return;
  clamp_mss(frame, parsed_anew(frame, parsed, translation), plan.services[number].guard.mss);
}

}  // namespace

Reason translate_reply(const Plan& plan, Frame& frame, const Parsed& parsed, uint16_t& ret_mtu) {
  const FlowKey& key = parsed.key;
  if (parsed.kind == Kind::fragment_later && key.source_port == Big16(0)) {
    return plan.servers->has_server(key.source) ? Reason::fragment_later : Reason::no_service;
  }
  const VipOfServer* const vip = plan.servers->find(key.source, key.protocol, key.source_port);
  if (vip == nullptr) return Reason::no_service;
  const std::optional<Address> client = client_of(*vip, key.destination);
  if (!client || *client == vip->vip) return Reason::no_service;  // no client has the VIP
  const Way* const direct = way_to(plan, key.destination);
  if (direct != nullptr && direct->is_own) return Reason::no_service;
  const Way* const way = *client == key.destination ? direct : way_to(plan, *client);
  if (way == nullptr || !way->resolved) return Reason::next_hop_unresolved;

  const Translation translation = {
      .source = vip->vip,
      .destination = *client,
      .source_port = vip->vip_port == 0 ? key.source_port : Big16(vip->vip_port),
      .destination_port = key.destination_port,
      .source_mac = way->source_mac,
      .destination_mac = way->destination_mac,
      .vlan = way->vlan,
      .mtu = way->mtu,
      .port = way->port};
  const Reason reason = translate(frame, parsed, translation);
  if (reason == Reason::none) clamp_reply(plan, frame, parsed, translation);
  if (reason == Reason::too_big) {
    ret_mtu = mtu_before(translation.mtu, parsed, translation.destination.is_v4());
  }
  return reason;
}

FlowKey flow_of_reply(const Plan& plan, const FlowKey& reply) {
  const VipOfServer* const vip =
      plan.servers->find(reply.source, reply.protocol, reply.source_port);
  REQUIRE(vip != nullptr);
  const std::optional<Address> client = client_of(*vip, reply.destination);
  REQUIRE(client.has_value());
  return {.source = *client,
          .destination = vip->vip,
          .source_port = reply.destination_port,
          .destination_port = vip->vip_port == 0 ? reply.source_port : Big16(vip->vip_port),
          .protocol = reply.protocol,
          .zero = {}};
}

}  // namespace evenkeel
