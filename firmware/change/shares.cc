#include "firmware/change/shares.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "firmware/base/names.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

constexpr uint64_t kHashSpace = uint64_t{1} << 32;  // of what bucket_of() looks at

// Where the buckets of a table end in the hash space, one after the other: bucket n ends before
// the first hash that is not below (n + 1) * 2^32 / buckets.
class Ends {
 public:
  explicit Ends(uint64_t buckets)
      : buckets_(buckets), whole_(kHashSpace / buckets), part_(kHashSpace % buckets) {
    next();
  }

  size_t bucket() const { return bucket_; }
  uint64_t end() const { return floor_ + (parts_ > 0 ? 1 : 0); }
  void next() {
    ++bucket_;
    floor_ += whole_;
    parts_ += part_;
    if (parts_ < buckets_) return;
    parts_ -= buckets_;
    ++floor_;
  }

 private:
  const uint64_t buckets_;
  const uint64_t whole_;
  const uint64_t part_;
  size_t bucket_ = SIZE_MAX;  // before the first
  uint64_t floor_ = 0;
  uint64_t parts_ = 0;  // of a hash, in 1 / buckets
};

}  // namespace

double share_of(const ServiceShares& shares, size_t backend) {
  double sum = 0;
  double tables = 0;
  for (const std::optional<TableShares>& table : shares) {
    if (!table || !table->is_open()) continue;
    sum += table->share(backend);
    ++tables;
  }
  return tables == 0 ? 0 : sum / tables;
}

std::vector<ServiceShares> ShareCounter::count(const Settings& settings, const Plan& plan) {
  std::unordered_map<std::string_view, size_t> numbers;
  for (size_t i = 0; i < plan.service_records.size(); ++i) {
    const ServiceRecord& record = plan.service_records[i];
    if (!record.name.empty()) numbers.emplace(record.name, i);
  }
  by_slot_.resize(std::max(by_slot_.size(), plan.backend_records.size()), 0);
  std::vector<ServiceShares> shares(settings.services.size());
  for (size_t i = 0; i < shares.size(); ++i) {
    const ServiceSettings& service = settings.services[i];
    for (const bool is_v4 : {true, false}) {
      if (!has_vips(service, is_v4)) continue;
      const auto found = numbers.find(name_in_plan(service.name, is_v4));
      if (found == numbers.end()) continue;
      const ServiceRecord& record = plan.service_records[found->second];
      TableShares& of_family = shares[i][is_v4 ? 0 : 1].emplace();
      of_family.name = record.name;
      of_family.is_v4 = is_v4;
      if (plan.services[found->second].guard.closed != Reason::none) continue;
      if (record.table->members.size() != service.backends.size()) continue;
      of_family.table = record.table.get();
      of_family.counts = count(*record.table);
    }
  }
  return shares;
}

ShareCounter::Counts ShareCounter::count(const BucketTable& table) {
  Counts& known = known_[&table];
  if (known != nullptr) return known;
  const uint16_t* const buckets = table.buckets.data();
  for (size_t i = 0; i < table.buckets.size(); ++i) ++by_slot_[buckets[i]];
  std::vector<uint32_t> counts;
  counts.reserve(table.members.size());
  for (const TableMember& member : table.members) {
    counts.push_back(by_slot_[member.slot]);
    by_slot_[member.slot] = 0;
  }
  for (const TableMember& member : table.trial) by_slot_[member.slot] = 0;
  known = std::make_shared<const std::vector<uint32_t>>(std::move(counts));
  return known;
}

MoveCounter::MoveCounter(const Plan& before, const Plan& after)
    : slot_after_(before.backend_records.size(), kNoBackend),
      by_slot_(before.backend_records.size(), 0) {
  std::vector<uint16_t> wanderers;
  for (size_t slot = 0; slot < before.backend_records.size(); ++slot) {
    const BackendRecord& record = before.backend_records[slot];
    if (record.name.empty()) continue;
    const bool has_after = slot < after.backend_records.size();
    if (has_after && after.backend_records[slot].identity == record.identity &&
        !after.backend_records[slot].name.empty()) {
      slot_after_[slot] = static_cast<uint16_t>(slot);
    } else {
      wanderers.push_back(static_cast<uint16_t>(slot));
    }
  }
  if (wanderers.empty()) return;
  std::unordered_map<uint64_t, uint16_t> slots;
  for (size_t slot = 0; slot < after.backend_records.size(); ++slot) {
    const BackendRecord& record = after.backend_records[slot];
    if (!record.name.empty()) slots.emplace(record.identity, static_cast<uint16_t>(slot));
  }
  for (const uint16_t slot : wanderers) {
    const auto found = slots.find(before.backend_records[slot].identity);
    if (found != slots.end()) slot_after_[slot] = found->second;
  }
}

Moved MoveCounter::count(const TableShares& before, const TableShares& after) {
  Moved moved;
  if (!before.is_open()) return moved;
  const std::vector<TableMember>& members = before.table->members;
  moved.of_backend.assign(members.size(), 0);
  if (before.table == after.table) return moved;
  if (!after.is_open()) {
    moved.part = 1;
    moved.of_backend.assign(members.size(), 1);
    return moved;
  }
  const bool is_same_size = before.buckets() == after.buckets();
  if (is_same_size) {
    note_buckets(*before.table, *after.table);
  } else {
    note_hashes(*before.table, *after.table);
  }
  const double all = is_same_size ? before.buckets() : static_cast<double>(kHashSpace);
  for (size_t i = 0; i < members.size(); ++i) {
    const double part = static_cast<double>(std::exchange(by_slot_[members[i].slot], 0)) / all;
    moved.part += part;
    if (before.count(i) > 0) moved.of_backend[i] = std::min(1.0, part / before.share(i));
  }
  return moved;
}

void MoveCounter::note_buckets(const BucketTable& before, const BucketTable& after) {
  const uint16_t* const old_slots = before.buckets.data();
  const uint16_t* const new_slots = after.buckets.data();
  const size_t size = before.buckets.size();
  for (size_t i = 0; i < size; ++i) {
    if (slot_after_[old_slots[i]] != new_slots[i]) ++by_slot_[old_slots[i]];
  }
}

// Both in step over the hash space, by intervals that lie in one bucket of either.
void MoveCounter::note_hashes(const BucketTable& before, const BucketTable& after) {
  Ends old_ends(before.buckets.size());
  Ends new_ends(after.buckets.size());
  for (uint64_t at = 0; at < kHashSpace;) {
    const uint64_t end = std::min(old_ends.end(), new_ends.end());
    const uint16_t slot = before.buckets[old_ends.bucket()];
    if (slot_after_[slot] != after.buckets[new_ends.bucket()]) by_slot_[slot] += end - at;
    if (old_ends.end() == end) old_ends.next();
    if (new_ends.end() == end) new_ends.next();
    at = end;
  }
}

std::optional<Headroom> headroom_of(const ServiceSettings& service, const TableShares& shares,
                                    double new_flows_per_second) {
  constexpr double kCapacityUsed = 0.5;
  double weights = 0;
  double capacity = 0;
  bool are_all_known = true;
  // How much of its capacity a unit of weight is: of the two that this is the most of.
  size_t first = SIZE_MAX;
  size_t second = SIZE_MAX;
  const auto burden = [&](size_t i) {
    return static_cast<double>(shares.weight(i)) /
           static_cast<double>(service.backends[i].capacity);
  };
  for (size_t i = 0; i < service.backends.size(); ++i) {
    if (shares.weight(i) == 0) continue;
    weights += shares.weight(i);
    capacity += static_cast<double>(service.backends[i].capacity);
    if (service.backends[i].capacity == 0) {
      are_all_known = false;
    } else if (first == SIZE_MAX || burden(i) > burden(first)) {
      second = std::exchange(first, i);
    } else if (second == SIZE_MAX || burden(i) > burden(second)) {
      second = i;
    }
  }
  const bool is_by_traffic = new_flows_per_second > 0;
  if (first == SIZE_MAX || (!is_by_traffic && !are_all_known)) return std::nullopt;
  const double flows = is_by_traffic ? new_flows_per_second : capacity * kCapacityUsed;
  std::optional<Headroom> worst;
  for (size_t i = 0; i < service.backends.size(); ++i) {
    const size_t fullest = i == first ? second : first;
    const double rest = weights - shares.weight(i);
    if (shares.weight(i) == 0 || fullest == SIZE_MAX || rest <= 0) continue;
    const double load = flows / rest * burden(fullest);
    if (worst.has_value() && worst->load >= load) continue;
    worst = Headroom{.without = service.backends[i].name,
                     .fullest = service.backends[fullest].name,
                     .load = load,
                     .is_by_traffic = is_by_traffic};
  }
  return worst;
}

}  // namespace evenkeel
