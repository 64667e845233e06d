// What the traffic itself says of backends, whatever their checks say: who does worse than the rest
// of its pool and is left out for a while (outliers.h), and who gets another share of new flows
// than the plan gives it (imbalance.h). Reads what workers have counted, by slot; a backend may
// have several, one for each family and arm, but one that a change moves is two: what is held
// against the old server is not held against the new one. Who has left its pool is forgotten:
// should it come back, it begins anew, and what it still loses of its old flows, in an arm that is
// over, is held against nobody.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/exchange/evidence.h"
#include "firmware/exchange/plan.h"
#include "firmware/health/imbalance.h"
#include "firmware/health/outliers.h"
#include "firmware/table/slice.h"

namespace evenkeel {

// Control thread only.
class TrafficWatch {
 public:
  // What all workers have counted for a slot so far.
  using Counted = std::function<BackendCounts(uint16_t slot)>;

  // By full name, "service/backend".
  struct Changes {
    std::vector<Ejection> ejected;
    std::vector<std::string> returned;
    std::vector<Spared> spared;
  };

  // What has been counted since the last call. `most`: of a pool, ejected at a time.
  Changes observe(const Plan& plan, const Counted& counted, double most, Microseconds now);

  bool is_any_ejected(std::string_view service) const;
  // Of a server of a service, by server_digest() and its full name. Null: it is not ejected, or not
  // spared.
  const Ejection* ejection_of(uint64_t server, std::string_view name) const;
  const Spared* spared_of(uint64_t server, std::string_view name) const;
  void forget(uint64_t server, std::string_view name);
  std::vector<Ejection> ejected() const;
  std::vector<Spared> spared() const;          // by full name
  std::vector<Imbalanced> imbalanced() const;  // by full name

 private:
  // Of one backend, in this interval.
  struct Found {
    std::string label;  // in its pool
    double share = 0;
    BackendCounts grown;
  };
  using Backends = std::map<uint64_t, Found>;  // by server
  // Flows that were followed from their first SYN, and SYNs that came again; of late.
  struct Openings {
    double first = 0;
    double again = 0;
  };
  struct Pool {
    explicit Pool(double most) : outliers({.most = most}), imbalance({}) {}
    bool is_any_repeated(const Backends& backends);

    Outliers outliers;
    Imbalance imbalance;
    std::map<uint64_t, Openings> openings;  // by server
  };
  using Known = std::map<std::string, Pool, std::less<>>;

  struct OfSlot {
    uint64_t identity = 0;
    BackendCounts counts;
  };

  std::map<std::string_view, Backends> read(const Plan& plan, const Counted& counted);
  static std::map<std::string_view, Backends> shares_of(const Plan& plan,
                                                        std::vector<Found*>& ret_by_slot);

  Known pools_;  // by service
  double most_ = 0;
  std::vector<OfSlot> before_;  // by slot
};

}  // namespace evenkeel
