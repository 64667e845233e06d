#include "firmware/health/traffic_watch.h"

#include <algorithm>
#include <set>
#include <utility>

#include "firmware/base/names.h"

namespace evenkeel {
namespace {

// Of few clients, each of whom has one backend, no shares are to be expected.
std::set<std::string_view> services_by_source(const Plan& plan) {
  std::set<std::string_view> services;
  for (size_t i = 0; i < plan.service_records.size(); ++i) {
    if (plan.services[i].hash_over == HashOver::five_tuple) continue;
    services.insert(service_part(plan.service_records[i].name));
  }
  return services;
}

// What a server is called in its pool. Names have no '@'.
std::string label_of(uint64_t server, std::string_view name) {
  return std::string(backend_part(name)) + '@' + std::to_string(server);
}

std::string full_name(const std::string& service, std::string_view label) {
  return service + "/" + std::string(label.substr(0, label.find('@')));
}

}  // namespace

// Who does not answer is asked again, and seems to have more flows than it has: SYNs then say
// nothing of shares.
bool TrafficWatch::Pool::is_any_repeated(const Backends& backends) {
  constexpr double kKept = 0.8;  // from one look to the next
  constexpr double kLeast = 3;
  constexpr double kFew = 4;  // one SYN in so many is no first one: anywhere some are lost
  std::map<uint64_t, Openings> before;
  before.swap(openings);
  bool is_any = false;
  for (const auto& [server, backend] : backends) {
    const Openings& old = before[server];
    const Openings is = {.first = kKept * old.first + static_cast<double>(backend.grown.opened),
                         .again = kKept * old.again + static_cast<double>(backend.grown.retried)};
    is_any |= is.again >= kLeast && kFew * is.again > is.first + is.again;
    openings.emplace(server, is);
  }
  return is_any;
}

TrafficWatch::Changes TrafficWatch::observe(const Plan& plan, const Counted& counted, double most,
                                            Microseconds now) {
  Changes changes;
  if (std::exchange(most_, most) != most) {
    for (const Ejection& each : ejected()) changes.returned.push_back(each.backend);
    pools_.clear();
  }
  const std::map<std::string_view, Backends> found = read(plan, counted);
  std::erase_if(pools_, [&](const auto& pool) { return !found.contains(pool.first); });
  const std::set<std::string_view> by_source = services_by_source(plan);
  for (const auto& [name, backends] : found) {
    const std::string service(name);
    auto pool = pools_.find(service);
    if (pool == pools_.end()) pool = pools_.emplace(service, Pool(most)).first;
    std::vector<BackendOutcomes> outcomes;
    std::vector<BackendFlows> flows;
    for (const auto& [server, backend] : backends) {
      outcomes.push_back({.backend = backend.label,
                          .share = backend.share,
                          .outcomes = {.good = backend.grown.good, .bad = backend.grown.bad}});
      flows.push_back(
          {.backend = backend.label, .share = backend.share, .flows = backend.grown.new_flows});
    }
    Outliers::Changes of_pool = pool->second.outliers.observe(outcomes, now);
    for (Ejection& ejection : of_pool.ejected) {
      ejection.backend = full_name(service, ejection.backend);
      changes.ejected.push_back(std::move(ejection));
    }
    for (Spared& spared : of_pool.spared) {
      spared.backend = full_name(service, spared.backend);
      changes.spared.push_back(std::move(spared));
    }
    for (const std::string& label : of_pool.returned) {
      changes.returned.push_back(full_name(service, label));
    }
    // Nothing more is held against anybody then, and what stands is over in its time.
    if (by_source.contains(service) || pool->second.is_any_repeated(backends)) {
      for (BackendFlows& each : flows) each.flows = 0;
    }
    pool->second.imbalance.observe(flows, now);
  }
  return changes;
}

std::map<std::string_view, TrafficWatch::Backends> TrafficWatch::read(const Plan& plan,
                                                                      const Counted& counted) {
  std::vector<Found*> by_slot(plan.backend_records.size());
  std::map<std::string_view, Backends> pools = shares_of(plan, by_slot);
  before_.resize(plan.backend_records.size());
  for (size_t slot = 0; slot < before_.size(); ++slot) {
    const BackendRecord& record = plan.backend_records[slot];
    if (record.name.empty()) continue;
    const BackendCounts is = counted(static_cast<uint16_t>(slot));
    OfSlot& before = before_[slot];
    if (by_slot[slot] != nullptr && before.identity == record.identity) {
      by_slot[slot]->grown += is.since(before.counts);
    }
    before = {.identity = record.identity, .counts = is};
  }
  return pools;
}

// By what buckets there are; of a service of both families, the mean.
std::map<std::string_view, TrafficWatch::Backends> TrafficWatch::shares_of(
    const Plan& plan, std::vector<Found*>& ret_by_slot) {
  std::map<std::string_view, Backends> pools;
  std::unordered_map<std::string_view, double> families;
  for (const ServiceRecord& record : plan.service_records) {
    if (record.table != nullptr) ++families[service_part(record.name)];
  }
  for (const ServiceRecord& record : plan.service_records) {
    if (record.table == nullptr) continue;
    const double tried = static_cast<double>(record.table->trial_share) / kWholeSlice;
    const double part = 1 / families[service_part(record.name)];
    for (const auto& [members, of_all] : {std::pair(&record.table->members, part * (1 - tried)),
                                          std::pair(&record.table->trial, part * tried)}) {
      double total = 0;
      for (const TableMember& member : *members) total += member.weight;
      for (const TableMember& member : *members) {
        const BackendRecord& backend = plan.backend_records[member.slot];
        const std::string_view service = service_part(record.name);
        // Of a closed service, the slot of one that has no weight may be another's by now.
        if (service_part(backend.name) != service) continue;
        Found& found = pools[service][backend.server];
        if (found.label.empty()) found.label = label_of(backend.server, backend.name);
        // Rounded, the parts of one that has all of it may be more than that.
        if (member.weight > 0)
          found.share = std::min(1.0, found.share + of_all * member.weight / total);
        ret_by_slot[member.slot] = &found;
      }
    }
  }
  return pools;
}

bool TrafficWatch::is_any_ejected(std::string_view service) const {
  const auto pool = pools_.find(service);
  return pool != pools_.end() && pool->second.outliers.is_any_ejected();
}

const Ejection* TrafficWatch::ejection_of(uint64_t server, std::string_view name) const {
  const auto pool = pools_.find(service_part(name));
  if (pool == pools_.end() || !pool->second.outliers.is_any_ejected()) return nullptr;
  return pool->second.outliers.ejection_of(label_of(server, name));
}

const Spared* TrafficWatch::spared_of(uint64_t server, std::string_view name) const {
  const auto pool = pools_.find(service_part(name));
  if (pool == pools_.end() || !pool->second.outliers.is_any_spared()) return nullptr;
  return pool->second.outliers.spared_of(label_of(server, name));
}

void TrafficWatch::forget(uint64_t server, std::string_view name) {
  const auto pool = pools_.find(service_part(name));
  if (pool != pools_.end()) pool->second.outliers.forget(label_of(server, name));
}

std::vector<Ejection> TrafficWatch::ejected() const {
  std::vector<Ejection> all;
  for (const auto& [service, pool] : pools_) {
    for (Ejection& ejection : pool.outliers.ejected()) {
      ejection.backend = full_name(service, ejection.backend);
      all.push_back(std::move(ejection));
    }
  }
  return all;
}

std::vector<Spared> TrafficWatch::spared() const {
  std::vector<Spared> all;
  for (const auto& [service, pool] : pools_) {
    for (Spared& spared : pool.outliers.spared()) {
      spared.backend = full_name(service, spared.backend);
      all.push_back(std::move(spared));
    }
  }
  return all;
}

std::vector<Imbalanced> TrafficWatch::imbalanced() const {
  std::vector<Imbalanced> all;
  for (const auto& [service, pool] : pools_) {
    for (Imbalanced& each : pool.imbalance.imbalanced()) {
      each.backend = full_name(service, each.backend);
      all.push_back(std::move(each));
    }
  }
  return all;
}

}  // namespace evenkeel
