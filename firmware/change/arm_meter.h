// What became of flows in either arm of a rollout since it was last asked, by service: from
// counters of the workers that only grow, and that a backend takes over from whoever had its slot.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firmware/exchange/evidence.h"
#include "firmware/exchange/plan.h"
#include "firmware/health/judge.h"

namespace evenkeel {

// Of one service, in both families.
struct ArmReading {
  ArmInterval old_arm;
  ArmInterval new_arm;
  uint64_t new_flows = 0;  // of the new arm
};

class ArmMeter {
 public:
  // What all workers have counted for a slot so far.
  struct Counted {
    std::function<BackendCounts(uint16_t slot)> counts;
    std::function<LatencyCounts(uint16_t slot)> latencies;
  };

  // By service, in the order of the names, which are those of the settings. The first reading of a
  // slot tells nothing.
  std::vector<ArmReading> read(const Plan& plan, const std::vector<std::string>& services,
                               const Counted& counted);

 private:
  struct OfSlot {
    uint64_t identity = 0;
    BackendCounts counts;
    LatencyCounts latencies;
  };

  void add(const Plan& plan, const std::vector<TableMember>& members, const Counted& counted,
           ArmInterval& ret_arm, uint64_t& ret_new_flows);

  std::unordered_map<uint16_t, OfSlot> before_;
};

}  // namespace evenkeel
