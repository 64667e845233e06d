#include "firmware/exchange/evidence.h"

#include <string>

namespace evenkeel {

// Inside, `since` is the member; the counters' own is named in full.
BackendCounts BackendCounts::since(const BackendCounts& baseline) const {
  return {
      .packets = evenkeel::since(packets, baseline.packets),
      .bytes = evenkeel::since(bytes, baseline.bytes),
      .new_flows = evenkeel::since(new_flows, baseline.new_flows),
      .opened = evenkeel::since(opened, baseline.opened),
      .retried = evenkeel::since(retried, baseline.retried),
      .completed = evenkeel::since(completed, baseline.completed),
      .lost = evenkeel::since(lost, baseline.lost),
      .reset = evenkeel::since(reset, baseline.reset),
      .retried_flows = evenkeel::since(retried_flows, baseline.retried_flows),
      .asked = evenkeel::since(asked, baseline.asked),
      .answered = evenkeel::since(answered, baseline.answered),
      .unanswered = evenkeel::since(unanswered, baseline.unanswered),
      .good = evenkeel::since(good, baseline.good),
      .bad = evenkeel::since(bad, baseline.bad),
      .server_resets = evenkeel::since(server_resets, baseline.server_resets),
      .zero_windows = evenkeel::since(zero_windows, baseline.zero_windows),
  };
}

BackendCounts& BackendCounts::operator+=(const BackendCounts& other) {
  packets += other.packets;
  bytes += other.bytes;
  new_flows += other.new_flows;
  opened += other.opened;
  retried += other.retried;
  completed += other.completed;
  lost += other.lost;
  reset += other.reset;
  retried_flows += other.retried_flows;
  asked += other.asked;
  answered += other.answered;
  unanswered += other.unanswered;
  good += other.good;
  bad += other.bad;
  server_resets += other.server_resets;
  zero_windows += other.zero_windows;
  return *this;
}

LatencyCounts LatencyCounts::since(const LatencyCounts& baseline) const {
  LatencyCounts result;
  for (size_t i = 0; i < kLatencyBuckets; ++i) {
    result.counts[i] = evenkeel::since(counts[i], baseline.counts[i]);
  }
  return result;
}

Result<std::unique_ptr<Evidence>> Evidence::make(Capacities capacities) {
  if (capacities.slots > kMaxBackends || capacities.services > kMaxServices) {
    return Error{"Evidence of " + std::to_string(capacities.slots) + " backend slots and " +
                 std::to_string(capacities.services) + " services is asked for, but at most " +
                 std::to_string(kMaxBackends) + " and " + std::to_string(kMaxServices) +
                 " are possible; lower the number above its limit."};
  }
  auto slots = PageArray<Tally>::make(capacities.slots);
  if (!slots.ok()) return Error{"No room to count per backend: " + slots.message()};
  auto outcomes = PageArray<Outcomes>::make(capacities.slots);
  if (!outcomes.ok()) return Error{"No room to count outcomes: " + outcomes.message()};
  auto times = PageArray<Times>::make(capacities.slots);
  if (!times.ok()) return Error{"No room for latencies: " + times.message()};
  auto stamps = PageArray<SmallCounter>::make(capacities.services * kGroups);
  if (!stamps.ok()) return Error{"No room to note deviating flows: " + stamps.message()};
  auto totals = PageArray<Totals>::make(1);
  if (!totals.ok()) return Error{"No room to count per worker: " + totals.message()};
  auto sources = Sources::make(capacities.services);
  if (!sources.ok()) return Error{sources.message()};
  return std::unique_ptr<Evidence>(new Evidence(
      std::move(slots.value()), std::move(outcomes.value()), std::move(times.value()),
      std::move(stamps.value()), std::move(totals.value()), std::move(sources.value())));
}

void Evidence::count_completed(uint16_t slot, Microseconds time) {
  at(slot).completed.add(1);
  times_[slot].handshakes[latency_bucket(time)].add(1);
}

void Evidence::count_answered(uint16_t slot, Microseconds time) {
  outcomes(slot).answered.add(1);
  times_[slot].responses[latency_bucket(time)].add(1);
}

BackendCounts Evidence::backend(uint16_t slot) const {
  REQUIRE(slot < slots_.size());
  const Tally& tally = slots_[slot];
  const Outcomes& outcomes = outcomes_[slot];
  return {
      .packets = tally.packets.read(),
      .bytes = tally.bytes.read(),
      .new_flows = tally.new_flows.read(),
      .opened = tally.opened.read(),
      .retried = tally.retried.read(),
      .completed = tally.completed.read(),
      .lost = tally.lost.read(),
      .reset = tally.reset.read(),
      .retried_flows = outcomes.retried_flows.read(),
      .asked = outcomes.asked.read(),
      .answered = outcomes.answered.read(),
      .unanswered = outcomes.unanswered.read(),
      .good = outcomes.good.read(),
      .bad = outcomes.bad.read(),
      .server_resets = outcomes.server_resets.read(),
      .zero_windows = outcomes.zero_windows.read(),
  };
}

LatencyCounts Evidence::read(const Histogram& histogram) {
  LatencyCounts result;
  for (size_t i = 0; i < kLatencyBuckets; ++i) result.counts[i] = histogram[i].read();
  return result;
}

LatencyCounts Evidence::handshake_times(uint16_t slot) const {
  REQUIRE(slot < times_.size());
  return read(times_[slot].handshakes);
}

LatencyCounts Evidence::response_times(uint16_t slot) const {
  REQUIRE(slot < times_.size());
  return read(times_[slot].responses);
}

WorkerCounts Evidence::worker() const {
  const Totals& totals = totals_[0];
  WorkerCounts result;
  for (size_t i = 0; i < kReasons; ++i) result.drops[i] = totals.drops[i].read();
  result.received_packets = totals.received_packets.read();
  result.received_bytes = totals.received_bytes.read();
  result.forwarded_packets = totals.forwarded_packets.read();
  result.forwarded_bytes = totals.forwarded_bytes.read();
  result.evictions = totals.evictions.read();
  result.refused_insertions = totals.refused_insertions.read();
  result.untracked_handshakes = totals.untracked_handshakes.read();
  return result;
}

Tick Evidence::quiet_for(uint16_t service, size_t group, Tick now) const {
  const Tick last = stamps_[stamp_index(service, group)].read();
  if (last == kNoStamp) return kNeverDeviated;
  const Tick age = since(now, last);
  return age <= kNeverDeviated / 2 ? age : 0;
}

}  // namespace evenkeel
