// What a burst tells of backends: of a sample of flows, whether they come about and are answered
// (exchange/handshakes.h); who the clients are; and of replies that pass the box, whether servers
// refuse or stall. All but counting new flows is about few packets, and reads again what it needs.
#include <array>

#include "firmware/packet/pipeline.h"
#include "firmware/packet/returns.h"
#include "firmware/table/steer.h"
#include "firmware/wire/headers.h"

namespace evenkeel {
namespace {

// Of what was emitted: the packet's transport header and payload are the end of the frame, whatever
// was put before them. ICMP errors are not of a client, and never come here.
Handshakes::Segment segment_of(const Frame& frame, const Parsed& parsed) {
  Handshakes::Segment segment;
  segment.is_closing = (parsed.signals & kClosing) != 0;
  segment.is_reset = (parsed.signals & kReset) != 0;
  const bool is_tcp = parsed.key.protocol == static_cast<uint8_t>(Protocol::tcp);
  if (!is_tcp || parsed.kind == Kind::fragment_later) return segment;
  const uint32_t transport = uint32_t{parsed.l3_offset} + parsed.l3_length - parsed.l4_offset;
  const auto tcp = load<TcpHeader>(frame.data + frame.length - transport);
  segment.acknowledges = (tcp.flags & kTcpAck) != 0;
  segment.acknowledgement = tcp.acknowledgement.value();
  segment.has_payload = transport > (tcp.data_offset >> 4) * sizeof(uint32_t);
  return segment;
}

bool is_of(const Forwarding& forwarding, const FlowKey& reply) {
  return forwarding.mode == Mode::nat && forwarding.new_destination() == reply.source &&
         (forwarding.new_port() == Big16(0) || forwarding.new_port() == reply.source_port);
}

}  // namespace

void Pipeline::track(const Plan& plan, std::span<const Frame> frames, Microseconds now) {
  for (const size_t i : sets_.sampled) {
    if (sets_.opening.has(i)) {
      track_opening(plan, i, now);
      continue;
    }
    if (!handshakes_.is_following(flow_[i])) continue;
    const Parsed& parsed = described(i);
    if (parsed.kind == Kind::icmp_error) continue;
    handshakes_.heard(flow_[i], segment_of(frames[i], parsed), now);
  }
}

// Where the source chooses the backend, the source is what is counted.
void Pipeline::track_opening(const Plan& plan, size_t i, Microseconds now) {
  const Service& service = plan.services[service_[i]];
  if (service.hash_over == HashOver::five_tuple) [[likely]] {
    handshakes_.opened(flow_[i], backend_[i], now);
    return;
  }
  const uint64_t steering = secret_.steering_hash(service.hash_over, described(i).key, flow_[i]);
  handshakes_.opened_in_turn(flow_[i], backend_[i], turns_,
                             {.service = service_[i],
                              .steering_hash = steering,
                              .trial = service.is_tried ? &plan.trial : nullptr},
                             now);
}

// Who talks to a service: all who open a flow, and of all packets a sample, one a burst.
void Pipeline::note_sources(Tick now) {
  for (const size_t i : sets_.opening) {
    evidence_.count_new_flow(backend_[i]);
    evidence_.sources().saw_new_flow(service_[i], secret_.source_hash(source_of(i)), now);
  }
  const size_t i = place_of_sample();
  ++bursts_;
  if (!sets_.live.has(i)) return;  // where there is none, this burst has no say
  const Secret::Block source = source_of(i);
  evidence_.sources().saw_packet(service_[i], secret_.source_hash(source), Address::v6(&source),
                                 now);
}

// A server may be several backends: of other services, or in each arm of a rollout. Which one its
// reply is of, says the way that the client's packets take. `reply` was translated; it is a RST, or
// its window is zero.
void Pipeline::note_trouble(const Plan& plan, const Parsed& reply, Tick now) {
  const FlowKey key = flow_of_reply(plan, reply.key);
  const uint16_t number = plan.lookup->find(key.destination, key.protocol, key.destination_port);
  if (number == kNoService || plan.services[number].current == nullptr) return;
  const Service& service = plan.services[number];
  const uint64_t flow = secret_.flow_hash(key);
  const Bucket bucket = plan.bucket(number, secret_.steering_hash(service.hash_over, key, flow));
  const uint16_t remembered =
      needs_memory(service.affinity, bucket) ? memory_.find(flow, now).backend : kNoBackend;
  for (const uint16_t slot : {remembered, bucket.current, bucket.previous}) {
    if (slot == kNoBackend || !is_of(plan.forwardings[slot], reply.key)) continue;
    if ((reply.signals & kReset) != 0) {
      evidence_.count_server_reset(slot);
    } else {
      evidence_.count_zero_window(slot);
    }
    return;
  }
}

}  // namespace evenkeel
