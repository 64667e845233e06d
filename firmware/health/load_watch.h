// Is a server much busier than the rest of its pool, or idler, by what agents say of their load?
// Shares of flows may be as planned (imbalance.h), and the work not: of some flows there is more.
//
// A server is imbalanced if its load differs from its pool's median - of two, the busier one's from
// the other's - by kDifference percent or more at each look for kLasting, and until it has not at
// any look for kOver. One answer of an agent is enough: to wait for the next one may take as long
// as the alert may.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "firmware/base/clock.h"

namespace evenkeel {

// What an agent said.
struct AgentLoad {
  std::string service;
  std::string backend;
  uint32_t percent = 0;   // of what the server can take
  bool may_idle = false;  // it does not have its whole weight
};

struct LoadImbalanced {
  std::string service;
  std::string backend;
  Microseconds since = 0;
  uint32_t percent = 0;
  double usual = 0;

  // "has a load of 90 %, where its pool is at 31 %"
  std::string evidence() const;
};

class LoadWatch {
 public:
  static constexpr double kDifference = 30;
  static constexpr Microseconds kLasting = 400'000;
  static constexpr Microseconds kOver = 5'000'000;

  // Of all pools, those who take new flows: who takes none is right to idle. Who is not named is
  // forgotten.
  // REQUIRES: each of them once; now does not go back.
  void observe(const std::vector<AgentLoad>& loads, Microseconds now);

  std::vector<LoadImbalanced> imbalanced() const;

 private:
  struct Watched {
    Microseconds seen = 0;
    bool differs = false;
    Microseconds changed = 0;  // when that did
    bool is_imbalanced = false;
    Microseconds since = 0;
    uint32_t percent = 0;
    double usual = 0;
  };

  static void watch(Watched& watched, const AgentLoad& load, double usual, Microseconds now);

  std::map<std::pair<std::string, std::string>, Watched> watched_;  // by service and backend
};

}  // namespace evenkeel
