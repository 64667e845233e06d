// What every backend has had since the box started, by its name: for counters that only grow,
// whatever becomes of the slots that workers count in. A slot goes from one backend to another, and
// a backend has one for each IP version and each arm of a rollout; so what a slot has counted is
// added to its owner's total whenever somebody looks, and before the slot gets another owner.
//
// A packet counted in the moment in which a slot changes hands may be told of the other owner, or,
// if it had none for a while, of nobody. All of a new slot are its first owner's.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "firmware/exchange/evidence.h"
#include "firmware/exchange/plan.h"

namespace evenkeel {

// Invariants:
// 1. A total never falls. That of a name without slots stays until there are more than kMaxBackends
//    totals; then it goes, and would begin at 0 again.
// 2. Each slot's counts since `read` are in no total yet.
class BackendTotals {
 public:
  // Times of handshakes and responses by powers of two from 64 us to 1 s, since those are bounds of
  // the workers' finer buckets.
  static constexpr size_t kTimeBounds = 15;
  static constexpr Microseconds time_bound(size_t index) { return Microseconds{64} << index; }

  struct Times {
    std::array<uint64_t, kTimeBounds> counts{};  // below each bound, and not below the one before
    uint64_t beyond = 0;
    Microseconds sum = 0;  // by the middle of each fine bucket
  };
  struct OfService {
    Times handshakes;
    Times responses;
  };

  // REQUIRES: the evidence outlives it.
  explicit BackendTotals(std::vector<const Evidence*> evidence) : evidence_(std::move(evidence)) {}
  BackendTotals(const BackendTotals&) = delete;
  BackendTotals& operator=(const BackendTotals&) = delete;

  // Soon after each plan is published.
  void follow(const Plan& plan);
  // Adds what was counted meanwhile, of all slots.
  void read();

  // Of "SERVICE/BACKEND".
  BackendCounts of(std::string_view name) const;
  OfService of_service(std::string_view service) const;

 private:
  struct Total {
    BackendCounts counts;
    OfService* service = nullptr;
    size_t slots = 0;
  };
  struct OfSlot {
    bool was_given = false;  // to anybody, ever
    uint64_t identity = 0;
    Total* total = nullptr;  // null: the slot is nobody's
    BackendCounts read;
    LatencyCounts read_handshakes;
    LatencyCounts read_responses;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the standard's
  };

  void read(uint16_t slot);
  BackendCounts counts(uint16_t slot) const;
  using TimesOf = LatencyCounts (Evidence::*)(uint16_t) const;
  LatencyCounts times(TimesOf which, uint16_t slot) const;
  void give(uint16_t slot, const BackendRecord& record);
  void forget_unused();

  const std::vector<const Evidence*> evidence_;
  uint64_t generation_ = 0;  // of the plan that is followed; 0: none yet
  std::vector<OfSlot> slots_;
  std::unordered_map<std::string, Total, Hash, std::equal_to<>> totals_;  // by name
  std::map<std::string, OfService, std::less<>> services_;
};

}  // namespace evenkeel
