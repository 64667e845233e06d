#include "firmware/change/arm_meter.h"

#include <string_view>

#include "firmware/base/names.h"

namespace evenkeel {
namespace {

Outcomes outcomes_of(const BackendCounts& counts) {
  return {.good = counts.good, .bad = counts.bad};
}

}  // namespace

std::vector<ArmReading> ArmMeter::read(const Plan& plan, const std::vector<std::string>& services,
                                       const Counted& counted) {
  std::unordered_map<std::string_view, const BucketTable*> tables;
  for (const ServiceRecord& record : plan.service_records) {
    if (record.table != nullptr) tables.emplace(record.name, record.table.get());
  }
  std::vector<ArmReading> readings;
  for (const std::string& service : services) {
    ArmReading& reading = readings.emplace_back();
    for (const bool is_v4 : {true, false}) {
      const auto table = tables.find(name_in_plan(service, is_v4));
      if (table == tables.end() || table->second->trial.empty()) continue;
      uint64_t of_old_arm = 0;  // nobody asks
      add(plan, table->second->members, counted, reading.old_arm, of_old_arm);
      add(plan, table->second->trial, counted, reading.new_arm, reading.new_flows);
    }
  }
  return readings;
}

void ArmMeter::add(const Plan& plan, const std::vector<TableMember>& members,
                   const Counted& counted, ArmInterval& ret_arm, uint64_t& ret_new_flows) {
  for (const TableMember& member : members) {
    const uint64_t identity = plan.backend_records[member.slot].identity;
    OfSlot is = {.identity = identity,
                 .counts = counted.counts(member.slot),
                 .latencies = counted.latencies(member.slot)};
    OfSlot& before = before_[member.slot];
    if (before.identity == identity) {
      const BackendCounts grown = is.counts.since(before.counts);
      const Outcomes outcomes = outcomes_of(grown);
      ret_new_flows += grown.new_flows;
      ret_arm.outcomes.good += outcomes.good;
      ret_arm.outcomes.bad += outcomes.bad;
      const LatencyCounts latencies = is.latencies.since(before.latencies);
      for (size_t i = 0; i < kLatencyBuckets; ++i) {
        ret_arm.latencies.counts[i] += latencies.counts[i];
      }
    }
    before = is;
  }
}

}  // namespace evenkeel
