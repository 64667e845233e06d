#include "firmware/appliance/sample.h"

#include <utility>

namespace evenkeel {

Sample sample_of(const Control& control, Microseconds now) {
  Sample sample{.taken = now, .slots = {}, .busy_cycles = {}};
  const std::vector<BackendRecord>& records = control.plan().backend_records;
  sample.slots.resize(records.size());
  for (size_t slot = 0; slot < records.size(); ++slot) {
    if (records[slot].name.empty()) continue;
    sample.slots[slot] = {.identity = records[slot].identity,
                          .counts = control.counts(static_cast<uint16_t>(slot))};
  }
  const Dataplane& dataplane = control.dataplane();
  for (size_t worker = 0; worker < dataplane.workers(); ++worker) {
    const WorkerCounts counts = dataplane.evidence(worker).worker();
    for (size_t i = 0; i < kReasons; ++i) sample.drops[i] += counts.drops[i];
    sample.busy_cycles.push_back(dataplane.liveness(worker).busy_cycles.read());
  }
  return sample;
}

void Samples::observe(const Control& control, Microseconds now) {
  if (newer_.taken != 0 && now - newer_.taken < kInterval) return;
  older_ = std::exchange(newer_, sample_of(control, now));
  if (older_.taken == 0) older_ = newer_;
}

}  // namespace evenkeel
