// Who gets which share of a service's flows, counted in its buckets as compiled; how many of them
// go elsewhere from one plan to the next; and what is left if a backend fails.
//
// Two tables are compared over the hash space that they share out, so their sizes may differ: each
// bucket is an interval of it. A flow stays if both have the same backend for it, by identity: one
// that kept its name but not its address is another.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "firmware/exchange/plan.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

// Of one service and family. `counts` and `table->members` are by place in
// ServiceSettings::backends.
struct TableShares {
  std::string_view name;  // of the service in the plan
  bool is_v4 = true;
  const BucketTable* table = nullptr;  // null: closed
  std::shared_ptr<const std::vector<uint32_t>> counts;

  bool is_open() const { return table != nullptr; }
  uint32_t buckets() const { return is_open() ? static_cast<uint32_t>(table->buckets.size()) : 0; }
  uint32_t count(size_t backend) const { return is_open() ? (*counts)[backend] : 0; }
  double share(size_t backend) const {
    return is_open() ? double{1} * count(backend) / buckets() : 0;
  }
  uint32_t weight(size_t backend) const { return is_open() ? table->members[backend].weight : 0; }
};

// By family, IPv4 first; none: no VIP of it.
using ServiceShares = std::array<std::optional<TableShares>, 2>;

// The mean of those that are open.
double share_of(const ServiceShares& shares, size_t backend);

// Counts each table once, though two plans share it.
class ShareCounter {
 public:
  // By place in Settings::services, of the plan that compile() made of these settings. As long as a
  // worker holds that up, the plan is an older one, and what it has not is without shares.
  std::vector<ServiceShares> count(const Settings& settings, const Plan& plan);

 private:
  using Counts = std::shared_ptr<const std::vector<uint32_t>>;

  Counts count(const BucketTable& table);

  std::unordered_map<const BucketTable*, Counts> known_;
  std::vector<uint32_t> by_slot_;  // all 0 between two calls
};

// Of the flows of one table.
struct Moved {
  double part = 0;                 // whose backend differs, 0 to 1
  std::vector<double> of_backend;  // the same of each backend's; by place before
};

class MoveCounter {
 public:
  // REQUIRES: both outlive it.
  MoveCounter(const Plan& before, const Plan& after);

  // REQUIRES: counted in these two plans. Of a service that was closed, nothing moves; of one that
  // is closed now, all of it does.
  Moved count(const TableShares& before, const TableShares& after);

 private:
  // Note in by_slot_ what moves: buckets of two tables of one size, or hashes.
  void note_buckets(const BucketTable& before, const BucketTable& after);
  void note_hashes(const BucketTable& before, const BucketTable& after);

  std::vector<uint16_t> slot_after_;  // by slot before; kNoBackend: not there
  std::vector<uint64_t> by_slot_;     // all 0 between two calls
};

// The most that any backend would have to take while the one fails that hurts most.
struct Headroom {
  std::string without;         // the backend that fails
  std::string fullest;         // the one that then has the most, compared with its capacity
  double load = 0;             // of its capacity: above 1 is too much
  bool is_by_traffic = false;  // if not: for want of traffic, as if half of all capacity were used

  friend bool operator==(const Headroom&, const Headroom&) = default;
};

// None: fewer than two backends take flows, or too little is declared of what they can take.
std::optional<Headroom> headroom_of(const ServiceSettings& service, const TableShares& shares,
                                    double new_flows_per_second);

}  // namespace evenkeel
