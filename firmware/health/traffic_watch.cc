#include "firmware/health/traffic_watch.h"

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

}  // namespace

TrafficWatch::Changes TrafficWatch::observe(const Plan& plan, const Counted& counted, double most,
                                            Microseconds now) {
  if (std::exchange(most_, most) != most) pools_.clear();
  const std::map<std::string_view, Backends> found = read(plan, counted);
  std::erase_if(pools_, [&](const auto& pool) { return !found.contains(pool.first); });
  const std::set<std::string_view> by_source = services_by_source(plan);
  Changes changes;
  for (const auto& [service, backends] : found) {
    auto pool = pools_.find(service);
    if (pool == pools_.end()) pool = pools_.emplace(service, Pool(most)).first;
    std::vector<BackendOutcomes> outcomes;
    std::vector<BackendFlows> flows;
    for (const auto& [name, backend] : backends) {
      outcomes.push_back({.backend = name,
                          .share = backend.share,
                          .outcomes = {.good = backend.grown.good, .bad = backend.grown.bad}});
      flows.push_back({.backend = name, .share = backend.share, .flows = backend.grown.new_flows});
    }
    const std::string prefix = std::string(service) + "/";
    Outliers::Changes of_pool = pool->second.outliers.observe(outcomes, now);
    for (Ejection& ejection : of_pool.ejected) {
      ejection.backend = prefix + ejection.backend;
      changes.ejected.push_back(std::move(ejection));
    }
    for (const std::string& name : of_pool.returned) changes.returned.push_back(prefix + name);
    if (!by_source.contains(service)) pool->second.imbalance.observe(flows, now);
  }
  return changes;
}

std::map<std::string_view, TrafficWatch::Backends> TrafficWatch::read(const Plan& plan,
                                                                      const Counted& counted) {
  std::map<std::string_view, Backends> pools = shares_of(plan);
  before_.resize(plan.backend_records.size());
  for (size_t slot = 0; slot < before_.size(); ++slot) {
    const BackendRecord& record = plan.backend_records[slot];
    if (record.name.empty()) continue;
    const BackendCounts is = counted(static_cast<uint16_t>(slot));
    OfSlot& before = before_[slot];
    const auto pool = pools.find(service_part(record.name));
    if (pool != pools.end() && before.identity == record.identity) {
      const auto found = pool->second.find(backend_part(record.name));
      if (found != pool->second.end()) found->second.grown += is.since(before.counts);
    }
    before = {.identity = record.identity, .counts = is};
  }
  return pools;
}

// By what buckets there are; of a service of both families, the mean.
std::map<std::string_view, TrafficWatch::Backends> TrafficWatch::shares_of(const Plan& plan) {
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
        const std::string& name = plan.backend_records[member.slot].name;
        Found& found = pools[service_part(name)][backend_part(name)];
        if (member.weight > 0) found.share += of_all * member.weight / total;
      }
    }
  }
  return pools;
}

bool TrafficWatch::is_ejected(std::string_view service, std::string_view backend) const {
  const auto pool = pools_.find(service);
  return pool != pools_.end() && pool->second.outliers.is_ejected(backend);
}

std::vector<Ejection> TrafficWatch::ejected() const {
  std::vector<Ejection> all;
  for (const auto& [service, pool] : pools_) {
    for (Ejection& ejection : pool.outliers.ejected()) {
      ejection.backend = service + "/" + ejection.backend;
      all.push_back(std::move(ejection));
    }
  }
  return all;
}

std::vector<Imbalanced> TrafficWatch::imbalanced() const {
  std::vector<Imbalanced> all;
  for (const auto& [service, pool] : pools_) {
    for (Imbalanced& each : pool.imbalance.imbalanced()) {
      each.backend = service + "/" + each.backend;
      all.push_back(std::move(each));
    }
  }
  return all;
}

}  // namespace evenkeel
