#include "firmware/appliance/backend_totals.h"

#include <set>
#include <utility>

#include "firmware/base/limits.h"
#include "firmware/base/names.h"

namespace evenkeel {
namespace {

// The longest bucket has no end.
Microseconds middle_of(size_t bucket) {
  const Microseconds start = latency_bucket_start(bucket);
  return bucket + 1 == kLatencyBuckets ? start : (start + latency_bucket_start(bucket + 1)) / 2;
}

void add(const LatencyCounts& grown, BackendTotals::Times& ret_times) {
  size_t bound = 0;
  for (size_t i = 0; i < kLatencyBuckets; ++i) {
    while (bound < BackendTotals::kTimeBounds &&
           latency_bucket_start(i) >= BackendTotals::time_bound(bound)) {
      ++bound;
    }
    const bool is_beyond = bound == BackendTotals::kTimeBounds;
    (is_beyond ? ret_times.beyond : ret_times.counts[bound]) += grown.counts[i];
    ret_times.sum += grown.counts[i] * middle_of(i);
  }
}

constexpr bool is_bound(Microseconds time) {
  return latency_bucket_start(latency_bucket(time)) == time;
}
static_assert(is_bound(BackendTotals::time_bound(0)) &&
                  is_bound(BackendTotals::time_bound(BackendTotals::kTimeBounds - 1)),
              "a fine bucket lies within one of ours");

}  // namespace

void BackendTotals::follow(const Plan& plan) {
  if (plan.generation == generation_) return;
  generation_ = plan.generation;
  const std::vector<BackendRecord>& records = plan.backend_records;
  if (slots_.size() < records.size()) slots_.resize(records.size());
  const BackendRecord free;
  bool has_changed = false;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const BackendRecord& record = i < records.size() ? records[i] : free;
    const uint64_t identity = record.name.empty() ? 0 : record.identity;
    if (identity == slots_[i].identity) continue;
    give(static_cast<uint16_t>(i), record);
    has_changed = true;
  }
  if (has_changed) forget_unused();
}

void BackendTotals::give(uint16_t slot, const BackendRecord& record) {
  OfSlot& of = slots_[slot];
  if (of.total != nullptr) {
    read(slot);
    --of.total->slots;
  }
  const bool is_first = !std::exchange(of.was_given, of.was_given || !record.name.empty());
  of.identity = 0;
  of.total = nullptr;
  if (record.name.empty()) return;
  of.identity = record.identity;
  if (!is_first) {
    of.read = counts(slot);
    of.read_handshakes = times(&Evidence::handshake_times, slot);
    of.read_responses = times(&Evidence::response_times, slot);
  }
  of.total = &totals_.try_emplace(record.name).first->second;
  of.total->service = &services_.try_emplace(std::string(service_part(record.name))).first->second;
  ++of.total->slots;
}

void BackendTotals::forget_unused() {
  if (totals_.size() <= kMaxBackends) return;
  std::erase_if(totals_, [](const auto& total) { return total.second.slots == 0; });
  std::set<const OfService*> used;
  for (const auto& [name, total] : totals_) used.insert(total.service);
  std::erase_if(services_, [&](const auto& service) { return !used.contains(&service.second); });
}

void BackendTotals::read() {
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].total != nullptr) read(static_cast<uint16_t>(i));
  }
}

// What a worker has not added to its times yet comes with the next flow.
void BackendTotals::read(uint16_t slot) {
  OfSlot& of = slots_[slot];
  const BackendCounts now = counts(slot);
  const BackendCounts grown = now.since(of.read);
  of.read = now;
  of.total->counts += grown;
  const auto read_times = [&](TimesOf which, LatencyCounts& ret_read, Times& ret_times) {
    const LatencyCounts all = times(which, slot);
    add(all.since(ret_read), ret_times);
    ret_read = all;
  };
  OfService& service = *of.total->service;
  if (grown.completed != 0) {
    read_times(&Evidence::handshake_times, of.read_handshakes, service.handshakes);
  }
  if (grown.answered != 0) {
    read_times(&Evidence::response_times, of.read_responses, service.responses);
  }
}

BackendCounts BackendTotals::counts(uint16_t slot) const {
  BackendCounts sum;
  for (const Evidence* const evidence : evidence_) sum += evidence->backend(slot);
  return sum;
}

// Sums of 32 bits that wrap together, as LatencyCounts::since() takes them.
LatencyCounts BackendTotals::times(TimesOf which, uint16_t slot) const {
  LatencyCounts sum;
  for (const Evidence* const evidence : evidence_) {
    const LatencyCounts of_worker = (evidence->*which)(slot);
    for (size_t i = 0; i < kLatencyBuckets; ++i) sum.counts[i] += of_worker.counts[i];
  }
  return sum;
}

BackendCounts BackendTotals::of(std::string_view name) const {
  const auto found = totals_.find(name);
  return found == totals_.end() ? BackendCounts{} : found->second.counts;
}

BackendTotals::OfService BackendTotals::of_service(std::string_view service) const {
  const auto found = services_.find(service);
  return found == services_.end() ? OfService{} : found->second;
}

}  // namespace evenkeel
