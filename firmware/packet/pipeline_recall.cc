// Where flow memory has a say in a packet's path, and who goes on in services that take nobody new.
#include "firmware/packet/pipeline.h"
#include "firmware/table/steer.h"

namespace evenkeel {
namespace {

// ICMP errors go with their flow, but are not a sign of life from it.
bool is_of_client(const Parsed& parsed) { return parsed.kind != Kind::icmp_error; }

}  // namespace

// Where flow memory has a say: the flows of moved buckets and of sticky services. Of many
// prefetches at once the processor would do the first ones only, or wait for them: here they keep a
// distance, which is the best one of 6 to 63 (Sapphire Rapids; 12 and 40 cost 3 ns a packet more).
void Pipeline::recall(const Plan& plan, Tick now) {
  if (sets_.asking.bits() == 0) return;
  constexpr size_t kAhead = 24;
  PacketSet::Iterator ahead = sets_.asking.begin();
  const auto prefetch = [&] {
    if (ahead == sets_.asking.end()) return;
    memory_.prefetch(flow_[*ahead]);
    ++ahead;
  };
  for (size_t i = 0; i < kAhead; ++i) prefetch();
  for (const size_t i : sets_.asking) {
    prefetch();
    recall_one(plan, i, now);
  }
}

[[gnu::always_inline]] inline void Pipeline::recall_one(const Plan& plan, size_t i, Tick now) {
  const Affinity affinity = plan.services[service_[i]].affinity;
  const Bucket bucket = {.current = backend_[i], .previous = *previous_[i]};
  if (!needs_memory(affinity, bucket)) return;
  follow(ask(plan, i, affinity, bucket, now), i, now);
}

// Of services that take no new flows, those packets go on whose flow is on somebody who lives. What
// is refused leaves no trace, lest a flood take the place of flows that are remembered.
void Pipeline::recall_closed(const Plan& plan, Tick now, std::span<Reason> ret_reasons) {
  for (const size_t i : sets_.closed) {
    const Service& service = plan.services[service_[i]];
    const Bucket bucket = {.current = backend_[i],
                           .previous = may_ask(service) ? *previous_[i] : kNoPrevious};
    const Recalled recalled = ask(plan, i, service.affinity, bucket, now);
    sets_.asking.remove(i);
    if (!recalled.steered.begins && plan.lives[recalled.steered.backend].is_alive) {
      follow(recalled, i, now);
      continue;
    }
    ret_reasons[i] = service.guard.closed;
    sets_.live.remove(i);
  }
}

// A plain packet need not be described for it: its columns say what is asked.
[[gnu::always_inline]] inline Pipeline::Recalled Pipeline::ask(const Plan& plan, size_t i,
                                                               Affinity affinity, Bucket bucket,
                                                               Tick now) const {
  const bool is_described = !sets_.undescribed.has(i);
  const bool is_v4 = is_described ? parsed_[i].is_v4 : !PacketSet(plain_.ipv6).has(i);
  const uint32_t signals = is_described ? parsed_[i].signals : plain_.signals[i];
  const FlowMemory::Found found = memory_.find(flow_[i], now);
  const uint16_t home = plan.home_of(found.backend, is_v4, now, found.age);
  const uint16_t remembered = home != kNoBackend ? home : found.backend;
  const auto is_alive = [&](uint16_t slot) {
    return slot == remembered ? home != kNoBackend : plan.lives[slot].is_alive;
  };
  return {.steered = steer(affinity, bucket, (signals & kOpening) != 0, remembered, is_alive),
          .found = found,
          .signals = signals};
}

[[gnu::always_inline]] inline void Pipeline::follow(const Recalled& recalled, size_t i, Tick now) {
  const auto& [steered, found, signals] = recalled;
  const bool is_of_flow = sets_.undescribed.has(i) || is_of_client(parsed_[i]);
  if (is_of_flow && steered.touch) {
    const bool is_closing = (signals & (kClosing | kReset)) != 0;
    memory_.touch(
        flow_[i], found,
        is_closing || found.state == FlowState::closing ? FlowState::closing : FlowState::finished,
        now);
  }
  backend_[i] = steered.backend;
  if (is_of_flow && steered.deviates) {
    evidence_.stamp_deviating(service_[i], group_of(steering_[i]), now);
  }
  if (is_of_flow && steered.remember) {
    const FlowMemory::Insertion outcome =
        memory_.insert(flow_[i], found, steered.backend, now,
                       (signals & kOpening) != 0 ? FirstPacket::opening : FirstPacket::other);
    if (outcome == FlowMemory::Insertion::evicted) evidence_.count_eviction();
    if (outcome == FlowMemory::Insertion::refused) evidence_.count_refused_insertion();
  }
}

}  // namespace evenkeel
