#include "firmware/packet/pipeline.h"

#include <algorithm>

#include "firmware/base/check.h"
#include "firmware/packet/returns.h"
#include "firmware/table/steer.h"
#include "firmware/wire/emit.h"
#include "firmware/wire/emit_burst.h"
#include "firmware/wire/icmp.h"
#include "firmware/wire/mss.h"
#include "firmware/wire/parse_burst.h"
#include "firmware/wire/translate.h"

namespace evenkeel {
namespace {

// ICMP errors go with their flow, but are not a sign of life from it.
bool is_of_client(const Parsed& parsed) { return parsed.kind != Kind::icmp_error; }

// What fits the way to a backend before the packet is put into its form.
uint16_t largest_before(const Forwarding& forwarding, const Parsed& parsed) {
  return forwarding.mode == Mode::nat
             ? mtu_before(forwarding.mtu, parsed, forwarding.new_destination().is_v4())
             : static_cast<uint16_t>(forwarding.mtu - forwarding.overhead);
}

}  // namespace

void Pipeline::run(const Plan& plan, std::span<Frame> frames, Microseconds now,
                   std::span<Reason> ret_reasons) {
  REQUIRE(frames.size() <= kBurst && ret_reasons.size() == frames.size());
  const Tick tick = tick_of(now);
  if (!frames.empty()) {
    classify(plan, frames, now, ret_reasons);
    choose(plan);
    recall(plan, tick);
    emit_all(plan, frames, ret_reasons);
    track(now);
    note_sources(tick);
  }
  memory_.maintain(tick);
  handshakes_.expire_some(now);
}

// Which flow, which service, and so which bucket: the one access likely to miss every cache, so it
// is under way before the next packet is looked at. Echo requests for a VIP are answered on the
// spot. Flattened: left to itself, the compiler calls functions that cost less than their call.
[[gnu::flatten]] void Pipeline::classify(const Plan& plan, std::span<Frame> frames,
                                         Microseconds now, std::span<Reason> ret_reasons) {
  for (const Frame& frame : frames) {
    // The line before the data too: in it an outer header will begin.
    __builtin_prefetch(frame.data, 1);
    __builtin_prefetch(frame.data - 1, 1);
  }
  sets_ = {};
  std::ranges::fill(ret_reasons, Reason::none);
  const PlainPackets parsed = parse_eights(frames, parsed_.data());
  plain_ = PacketSet(parsed.good);
  const PacketSet all(~uint64_t{0} >> (kBurst - frames.size()));
  const PacketSet found = find_plain_services(plan);
  sets_.live = found;
  sets_.opening = PacketSet(parsed.opening) & found;
  for (const size_t i : all.without(found)) {
    ret_reasons[i] = classify_one(plan, frames[i], i, now);
  }
  find_sampled();
}

// The short way of find_service(), for plain packets of services with one address and port that
// steer by the whole flow: answers which. The secret is copied so that the compiler knows what of
// the hash is the same for all: 4 instructions a packet (gcc 12).
inline Pipeline::PacketSet Pipeline::find_plain_services(const Plan& plan) {
  const Secret secret = secret_;
  const ServiceLookup& lookup = *plan.lookup;
  const Service* const services = plan.services.data();
  PacketSet found;
  for (const size_t i : plain_) {
    const FlowKey& key = parsed_[i].key;
    const uint16_t number =
        lookup.find_exact_v4(key.destination, key.protocol, key.destination_port);
    if (number == kNoService) [[unlikely]]
      continue;
    const Service& service = services[number];
    if (!service.is_plain) [[unlikely]]
      continue;
    const uint64_t flow = secret.flow_hash(key);
    enter(service, i, flow, flow);
    service_[i] = number;
    found.add(i);
  }
  return found;
}

// A packet's bucket, and who else is to be asked.
[[gnu::always_inline]] inline void Pipeline::enter(const Service& service, size_t i, uint64_t flow,
                                                   uint64_t steering) {
  const uint16_t* const current = service.current + bucket_of(steering, service.buckets);
  __builtin_prefetch(current);
  current_[i] = current;
  flow_[i] = flow;
  entropy_[i] = static_cast<uint32_t>(flow);
  if (service.previous == nullptr && service.affinity != Affinity::sticky) return;
  __builtin_prefetch(service.previous + bucket_of(steering, service.previous_buckets));
  memory_.prefetch(flow);
  steering_[i] = steering;
  sets_.asking.add(i);
}

// REQUIRES: parsed_[i] has ports.
Reason Pipeline::find_service(const Plan& plan, const Frame& frame, size_t i, Tick now) {
  const Parsed& parsed = parsed_[i];
  const FlowKey& key = parsed.key;
  const uint16_t number = plan.lookup->find(key.destination, key.protocol, key.destination_port);
  if (number == kNoService) [[unlikely]]
    return Reason::no_service;
  const Service& service = plan.services[number];
  const Reason reason =
      service.is_plain ? Reason::none : pass_guard(service.guard, frame, i, number, now);
  if (reason != Reason::none) return reason;
  const uint64_t flow = secret_.flow_hash(key);
  enter(service, i, flow, secret_.steering_hash(service.hash_over, key, flow));
  service_[i] = number;
  sets_.live.add(i);
  sets_.opening.add_if((parsed.signals & kOpening) != 0, i);
  return Reason::none;
}

// An ICMP error counts as its client's, whoever on the way has sent it.
Reason Pipeline::pass_guard(const Guard& guard, const Frame& frame, size_t i, uint16_t service,
                            Tick now) {
  const Parsed& parsed = parsed_[i];
  if (guard.closed != Reason::none) return guard.closed;
  if (!guard.allows(parsed.key.source)) return Reason::denied;
  if ((parsed.signals & kOpening) == 0) return Reason::none;
  if (guard.new_flows_per_source != 0) {
    const uint32_t mine = (guard.new_flows_per_source + workers_ - 1) / workers_;
    const uint64_t client = secret_.hash(parsed.key.source) + service;
    if (!flow_limit_.admit(client, mine, now)) return Reason::over_limit;
  }
  if (guard.mss != 0) clamp_mss(frame, parsed, guard.mss);
  return Reason::none;
}

// Eight at a time.
inline void Pipeline::find_sampled() {
  constexpr uint32_t kMask = (1u << Handshakes::kSampleShift) - 1;
  uint64_t sampled = 0;
  for (size_t i = 0; i < kBurst; i += lanes::kLanes) {
    const auto entropy = load<lanes::Lanes>(entropy_.data() + i);
    sampled |= uint64_t{lanes::bits_of(lanes::equal(entropy & kMask, lanes::all(0)))} << i;
  }
  sets_.sampled = PacketSet(sampled) & sets_.live;
}

Reason Pipeline::classify_one(const Plan& plan, Frame& frame, size_t i, Microseconds now) {
  const Parsed& parsed = parsed_[i];
  if (!plain_.has(i)) {
    const Reason reason = parse(frame, parsed_[i]);
    if (reason != Reason::none) return reason;
  }
  if (parsed.kind == Kind::echo) return answer_echo(plan, frame, parsed);
  const bool has_ports = know_ports(i, now);
  if (!has_ports && plan.lookup->has_address(parsed.key.destination)) return Reason::fragment_later;
  const Reason reason = has_ports ? find_service(plan, frame, i, tick_of(now)) : Reason::no_service;
  return reason == Reason::no_service ? return_reply(plan, frame, i) : reason;
}

// Whether a packet's ports are known: a later fragment's, from its first one.
bool Pipeline::know_ports(size_t i, Microseconds now) {
  Parsed& parsed = parsed_[i];
  if (parsed.kind != Kind::fragment_first && parsed.kind != Kind::fragment_later) return true;
  const uint64_t hash = secret_.hash(parsed.key.source);
  if (parsed.kind == Kind::fragment_later) return fragments_.give_ports(parsed, hash, now);
  fragments_.remember(parsed, hash, now);
  return true;
}

// On the spot.
Reason Pipeline::answer_echo(const Plan& plan, Frame& frame, const Parsed& parsed) {
  if (!plan.lookup->has_address(parsed.key.destination)) return Reason::no_service;
  const Reason reason = make_echo_reply(frame, parsed);
  if (reason == Reason::none) evidence_.count_forwarded(1, frame.length);
  return reason;
}

// What a server of mode nat answers to a client.
Reason Pipeline::return_reply(const Plan& plan, Frame& frame, size_t i) {
  const Reason reason = translate_reply(plan, frame, parsed_[i], mtu_before_[i]);
  if (reason == Reason::none) evidence_.count_forwarded(1, frame.length);
  return reason;
}

// Which backend, as the bucket says.
void Pipeline::choose(const Plan& plan) {
  for (const size_t i : sets_.live) {
    const uint16_t slot = *current_[i];
    backend_[i] = slot;
    __builtin_prefetch(&plan.forwardings[slot]);
    evidence_.prefetch(slot);
  }
  for (const size_t i : sets_.sampled) handshakes_.prefetch(flow_[i]);
}

// Where flow memory has a say: the flows of moved buckets and of sticky services.
void Pipeline::recall(const Plan& plan, Tick now) {
  for (const size_t i : sets_.asking) recall_one(plan, i, now);
}

void Pipeline::recall_one(const Plan& plan, size_t i, Tick now) {
  const Affinity affinity = plan.services[service_[i]].affinity;
  const Bucket bucket = plan.bucket(service_[i], steering_[i]);
  if (!needs_memory(affinity, bucket)) return;
  const Parsed& parsed = parsed_[i];
  const FlowMemory::Found found = memory_.find(flow_[i], now);
  const bool may_stay =
      found.backend != kNoBackend && plan.may_stay(found.backend, parsed.is_v4, now, found.age);
  const auto is_alive = [&](uint16_t slot) {
    return slot == found.backend ? may_stay : plan.lives[slot].is_alive;
  };
  const Steered steered =
      steer(affinity, bucket, (parsed.signals & kOpening) != 0, found.backend, is_alive);
  backend_[i] = steered.backend;
  if (!is_of_client(parsed)) return;
  if (steered.deviates) {
    evidence_.stamp_deviating(service_[i], group_of(steering_[i]), now);
  }
  if (steered.touch) {
    const bool is_closing = (parsed.signals & (kClosing | kReset)) != 0;
    memory_.touch(
        flow_[i], found,
        is_closing || found.state == FlowState::closing ? FlowState::closing : FlowState::finished,
        now);
  }
  if (steered.remember) {
    const FlowMemory::Insertion outcome = memory_.insert(flow_[i], steered.backend, now);
    if (outcome == FlowMemory::Insertion::evicted) evidence_.count_eviction();
    if (outcome == FlowMemory::Insertion::refused) evidence_.count_refused_insertion();
  }
}

// By eights where all of them are plain.
Pipeline::PacketSet Pipeline::emit_eights(const Plan& plan, std::span<Frame> frames) {
  uint64_t emitted = 0;
  const Forwarding* const forwardings = plan.forwardings.data();
  const uint64_t ready = (plain_ & sets_.live).bits();
  for (size_t first = 0; first + lanes::kLanes <= frames.size(); first += lanes::kLanes) {
    if ((ready >> first & 0xff) != 0xff) continue;
    const auto entropy = load<lanes::Lanes>(entropy_.data() + first);
    const uint64_t eight = emit_eight([&](size_t i) { return forwardings + backend_[first + i]; },
                                      entropy, frames.data() + first, parsed_.data() + first);
    emitted |= eight << first;
  }
  return PacketSet(emitted);
}

void Pipeline::emit_all(const Plan& plan, std::span<Frame> frames, std::span<Reason> ret_reasons) {
  PacketSet emitted = emit_eights(plan, frames);
  for (const size_t i : sets_.live.without(emitted)) {
    const Forwarding& forwarding = plan.forwardings[backend_[i]];
    const Reason reason = forwarding.mode == Mode::nat
                              ? translate_to_backend(forwarding, frames[i], parsed_[i])
                              : emit(forwarding, frames[i], parsed_[i], entropy_[i]);
    ret_reasons[i] = reason;
    emitted.add_if(reason == Reason::none, i);
    if (reason == Reason::too_big) mtu_before_[i] = largest_before(forwarding, parsed_[i]);
  }
  uint64_t bytes = 0;
  for (const size_t i : emitted) {
    evidence_.count_packet(backend_[i], parsed_[i].l3_length);
    bytes += frames[i].length;
  }
  evidence_.count_forwarded(emitted.size(), bytes);
  // What we drop ourselves says nothing about a backend.
  sets_.live = emitted;
  sets_.opening = sets_.opening & emitted;
  sets_.sampled = sets_.sampled & emitted;
}

// Whether connections come about, told from a sample of flows.
void Pipeline::track(Microseconds now) {
  for (const size_t i : sets_.sampled) {
    if (!is_of_client(parsed_[i])) continue;
    if ((parsed_[i].signals & kOpening) != 0) {
      handshakes_.opened(flow_[i], backend_[i], now);
    } else {
      handshakes_.answered(flow_[i], now, (parsed_[i].signals & kReset) != 0);
    }
  }
}

// Who talks to a service: all who open a flow, and of all packets a sample, one a burst.
void Pipeline::note_sources(Tick now) {
  for (const size_t i : sets_.opening) {
    evidence_.count_new_flow(backend_[i]);
    evidence_.sources().saw_new_flow(service_[i], secret_.hash(parsed_[i].key.source), now);
  }
  const size_t i = ++bursts_ % kBurst;  // where there is none, this burst has no say
  if (!sets_.live.has(i)) return;
  const Address& source = parsed_[i].key.source;
  evidence_.sources().saw_packet(service_[i], secret_.hash(source), source, now);
}

}  // namespace evenkeel
