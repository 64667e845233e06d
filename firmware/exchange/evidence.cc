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
  };
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
  auto histograms = PageArray<Histogram>::make(capacities.slots);
  if (!histograms.ok()) return Error{"No room for latencies: " + histograms.message()};
  auto stamps = PageArray<SmallCounter>::make(capacities.services * kGroups);
  if (!stamps.ok()) return Error{"No room to note deviating flows: " + stamps.message()};
  auto totals = PageArray<Totals>::make(1);
  if (!totals.ok()) return Error{"No room to count per worker: " + totals.message()};
  auto sources = Sources::make(capacities.services);
  if (!sources.ok()) return Error{sources.message()};
  return std::unique_ptr<Evidence>(new Evidence(
      std::move(slots.value()), std::move(histograms.value()), std::move(stamps.value()),
      std::move(totals.value()), std::move(sources.value())));
}

void Evidence::count_completed(uint16_t slot, Microseconds time) {
  at(slot).completed.add(1);
  histograms_[slot][latency_bucket(time)].add(1);
}

BackendCounts Evidence::backend(uint16_t slot) const {
  REQUIRE(slot < slots_.size());
  const Tally& counters = slots_[slot];
  return {
      .packets = counters.packets.read(),
      .bytes = counters.bytes.read(),
      .new_flows = counters.new_flows.read(),
      .opened = counters.opened.read(),
      .retried = counters.retried.read(),
      .completed = counters.completed.read(),
      .lost = counters.lost.read(),
      .reset = counters.reset.read(),
  };
}

LatencyCounts Evidence::latencies(uint16_t slot) const {
  REQUIRE(slot < histograms_.size());
  LatencyCounts result;
  for (size_t i = 0; i < kLatencyBuckets; ++i) result.counts[i] = histograms_[slot][i].read();
  return result;
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
