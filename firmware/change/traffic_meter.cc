#include "firmware/change/traffic_meter.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "firmware/base/names.h"

namespace evenkeel {
void TrafficMeter::observe(const Plan& plan, const Counted& counted, Microseconds now) {
  if (taken_ != 0 && now - samples_[(taken_ - 1) % kSamples].taken < kInterval) return;
  Sample& sample = samples_[taken_++ % kSamples];
  sample.taken = now;
  sample.slots.assign(plan.backend_records.size(), {});
  for (size_t slot = 0; slot < sample.slots.size(); ++slot) {
    const BackendRecord& record = plan.backend_records[slot];
    if (record.name.empty()) continue;
    sample.slots[slot] = {.identity = record.identity,
                          .flows = counted(static_cast<uint16_t>(slot))};
  }
}

Traffic TrafficMeter::last_minute(const Plan& plan, const Counted& counted,
                                  Microseconds now) const {
  Traffic traffic;
  if (taken_ == 0) return traffic;
  traffic.measured = now - samples_[taken_ < kSamples ? 0 : taken_ % kSamples].taken;
  for (size_t slot = 0; slot < plan.backend_records.size(); ++slot) {
    const BackendRecord& record = plan.backend_records[slot];
    const OfSlot* const before = record.name.empty() ? nullptr : oldest_of(slot, record.identity);
    if (before == nullptr) continue;
    const Flows flows = counted(static_cast<uint16_t>(slot));
    for (Flows* total : {&traffic.by_backend[record.name],
                         &traffic.by_service[std::string(service_part(record.name))]}) {
      total->new_flows += flows.new_flows - before->flows.new_flows;
      total->packets += flows.packets - before->flows.packets;
    }
  }
  return traffic;
}

// Since when a slot is whose it is.
const TrafficMeter::OfSlot* TrafficMeter::oldest_of(size_t slot, uint64_t identity) const {
  const size_t count = std::min(taken_, kSamples);
  for (size_t i = taken_ - count; i < taken_; ++i) {
    const std::vector<OfSlot>& slots = samples_[i % kSamples].slots;
    if (slot < slots.size() && slots[slot].identity == identity) return &slots[slot];
  }
  return nullptr;
}

}  // namespace evenkeel
