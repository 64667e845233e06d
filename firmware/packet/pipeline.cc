#include "firmware/packet/pipeline.h"

#include "firmware/base/check.h"
#include "firmware/table/steer.h"
#include "firmware/wire/emit.h"
#include "firmware/wire/icmp.h"

namespace evenkeel {
namespace {

// ICMP errors go with their flow, but are not a sign of life from it.
bool is_of_client(const Parsed& parsed) { return parsed.kind != Kind::icmp_error; }

}  // namespace

void Pipeline::run(const Plan& plan, std::span<Frame> frames, Microseconds now,
                   std::span<Reason> ret_reasons) {
  REQUIRE(frames.size() <= kBurst && ret_reasons.size() == frames.size());
  const Tick tick = tick_of(now);
  if (!frames.empty()) {
    classify(plan, frames, ret_reasons);
    choose(plan);
    recall(plan, tick);
    track(now);
    note_sources(tick);
    emit_all(plan, frames, ret_reasons);
  }
  memory_.maintain(tick);
  handshakes_.expire_some(now);
}

// Which flow, which service, and so which bucket: the one access likely to miss every cache, so it
// is under way before the next packet is looked at. Echo requests for a VIP are answered on the
// spot. Flattened: left to itself, the compiler calls functions that cost less than their call.
[[gnu::flatten]] void Pipeline::classify(const Plan& plan, std::span<Frame> frames,
                                         std::span<Reason> ret_reasons) {
  live_.clear();
  uint64_t received_bytes = 0;
  for (const Frame& frame : frames) {
    // The line before the data too: in it an outer header will begin.
    __builtin_prefetch(frame.data, 1);
    __builtin_prefetch(frame.data - 1, 1);
    received_bytes += frame.length;
  }
  for (size_t i = 0; i < frames.size(); ++i) {
    const Reason reason = parse(frames[i], parsed_[i]);
    ret_reasons[i] = reason == Reason::none && parsed_[i].kind <= Kind::fragment_first
                         ? find_service(plan, i)
                         : classify_rare(plan, frames[i], i, reason);
  }
  evidence_.count_received(frames.size(), received_bytes);
}

// REQUIRES: parsed_[i] has ports.
inline Reason Pipeline::find_service(const Plan& plan, size_t i) {
  const FlowKey& key = parsed_[i].key;
  const uint16_t number = plan.lookup->find(key.destination, key.protocol, key.destination_port);
  if (number == kNoService) [[unlikely]] {
    evidence_.count_drop(Reason::no_service);
    return Reason::no_service;
  }
  const Service& service = plan.services[number];
  flow_[i] = parsed_[i].is_v4 ? secret_.flow_hash_v4(key) : secret_.flow_hash_v6(key);
  steering_[i] = secret_.steering_hash(service.hash_over, key, flow_[i]);
  service_[i] = number;
  live_.items[live_.size++] = static_cast<uint8_t>(i);
  __builtin_prefetch(service.current + bucket_of(steering_[i], service.buckets));
  if (service.previous != nullptr || service.affinity == Affinity::sticky) {
    __builtin_prefetch(service.previous + bucket_of(steering_[i], service.previous_buckets));
    memory_.prefetch(flow_[i]);
  }
  return Reason::none;
}

Reason Pipeline::classify_rare(const Plan& plan, Frame& frame, size_t i, Reason reason) {
  if (reason == Reason::none) {
    switch (parsed_[i].kind) {
      case Kind::fragment_later:
        reason = Reason::fragment_later;
        break;
      case Kind::echo:
        reason = plan.lookup->has_address(parsed_[i].key.destination)
                     ? make_echo_reply(frame, parsed_[i])
                     : Reason::no_service;
        if (reason == Reason::none) evidence_.count_forwarded(1, frame.length);
        break;
      default:
        return find_service(plan, i);
    }
  }
  if (reason != Reason::none) evidence_.count_drop(reason);
  return reason;
}

// Which backend, as the bucket says, and who else is to be asked.
void Pipeline::choose(const Plan& plan) {
  recalled_.clear();
  sampled_.clear();
  opening_.clear();
  for (const size_t i : live_) {
    bucket_[i] = plan.bucket(service_[i], steering_[i]);
    backend_[i] = bucket_[i].current;
    __builtin_prefetch(&plan.forwardings[backend_[i]]);
    evidence_.prefetch(backend_[i]);
    const Affinity affinity = plan.services[service_[i]].affinity;
    recalled_.add_if(needs_memory(affinity, bucket_[i]), i);
    sampled_.add_if(Handshakes::is_sampled(flow_[i]), i);
    opening_.add_if((parsed_[i].signals & kOpening) != 0, i);
  }
  for (const size_t i : sampled_) handshakes_.prefetch(flow_[i]);
}

// Where flow memory has a say: the flows of moved buckets and of sticky services.
void Pipeline::recall(const Plan& plan, Tick now) {
  for (const size_t i : recalled_) recall_one(plan, i, now);
}

void Pipeline::recall_one(const Plan& plan, size_t i, Tick now) {
  const Parsed& parsed = parsed_[i];
  const FlowMemory::Found found = memory_.find(flow_[i], now);
  const bool may_stay =
      found.backend != kNoBackend && plan.may_stay(found.backend, parsed.is_v4, now, found.age);
  const auto is_alive = [&](uint16_t slot) {
    return slot == found.backend ? may_stay : plan.lives[slot].is_alive;
  };
  const Steered steered = steer(plan.services[service_[i]].affinity, bucket_[i],
                                (parsed.signals & kOpening) != 0, found.backend, is_alive);
  backend_[i] = steered.backend;
  if (steered.deviates) {
    evidence_.stamp_deviating(service_[i], group_of(steering_[i]), now);
  }
  if (!is_of_client(parsed)) return;
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

// Whether connections come about, told from a sample of flows.
void Pipeline::track(Microseconds now) {
  for (const size_t i : sampled_) {
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
  for (const size_t i : opening_) {
    evidence_.count_new_flow(backend_[i]);
    evidence_.sources().saw_new_flow(service_[i], secret_.hash(parsed_[i].key.source), now);
  }
  if (live_.size == 0) return;
  const size_t i = live_.items[++bursts_ % live_.size];
  const Address& source = parsed_[i].key.source;
  evidence_.sources().saw_packet(service_[i], secret_.hash(source), source, now);
}

void Pipeline::emit_all(const Plan& plan, std::span<Frame> frames, std::span<Reason> ret_reasons) {
  uint64_t sent = 0;
  uint64_t sent_bytes = 0;
  for (const size_t i : live_) {
    const uint16_t slot = backend_[i];
    const Reason reason =
        emit(plan.forwardings[slot], frames[i], parsed_[i], static_cast<uint32_t>(flow_[i]));
    ret_reasons[i] = reason;
    if (reason != Reason::none) [[unlikely]] {
      evidence_.count_drop(reason);
      continue;
    }
    evidence_.count_packet(slot, parsed_[i].l3_length);
    ++sent;
    sent_bytes += frames[i].length;
  }
  evidence_.count_forwarded(sent, sent_bytes);
}

}  // namespace evenkeel
