// Plans that are spoilt on purpose: whether verify_plan() finds it, and says where.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "firmware/base/check.h"
#include "firmware/exchange/plan.h"
#include "firmware/exchange/verify.h"
#include "tests/cmocka.h"
#include "tests/exchange/specs.h"

namespace evenkeel {

// A plan of which everything may be changed, and nothing is shared with another.
struct Copy {
  Plan plan;
  std::vector<std::shared_ptr<BucketTable>> tables;  // by service number
  std::vector<std::shared_ptr<Moves>> moves;

  BucketTable& table(const char* service) { return *tables[number_of(plan, service)]; }
  Moves& moved(const char* service) { return *moves[number_of(plan, service)]; }
  Service& hot(const char* service) { return plan.services[number_of(plan, service)]; }
  ServiceRecord& record(const char* service) {
    return plan.service_records[number_of(plan, service)];
  }
  uint16_t slot(const char* backend) const { return slot_of(plan, backend); }
};

template <typename T>
PageArray<T> copy_of(const PageArray<T>& array) {
  Result<PageArray<T>> copy = PageArray<T>::make(array.size());
  CHECK(copy.ok());
  std::copy_n(array.data(), array.size(), copy.value().data());
  return std::move(copy.value());
}

inline Copy copy_of(const Plan& plan) {
  Copy copy;
  copy.plan.lookup = plan.lookup;
  copy.plan.services = plan.services;
  copy.plan.forwardings = copy_of(plan.forwardings);
  copy.plan.lives = plan.lives;
  copy.plan.servers = plan.servers;
  copy.plan.way_numbers = plan.way_numbers;
  copy.plan.ways = plan.ways;
  copy.plan.generation = plan.generation;
  copy.plan.fingerprint = plan.fingerprint;
  copy.plan.points = plan.points;
  copy.plan.service_records = plan.service_records;
  copy.plan.backend_records = plan.backend_records;
  for (size_t i = 0; i < plan.services.size(); ++i) {
    ServiceRecord& record = copy.plan.service_records[i];
    const auto table = std::make_shared<BucketTable>();
    table->members = record.table->members;
    table->buckets = copy_of(record.table->buckets);
    table->fingerprint = record.table->fingerprint;
    copy.tables.push_back(table);
    record.table = table;
    const bool is_open = plan.services[i].current != nullptr;
    if (is_open) copy.plan.services[i].current = table->buckets.data();
    copy.moves.push_back(record.moves == nullptr ? nullptr
                                                 : std::make_shared<Moves>(*record.moves));
    if (record.moves == nullptr) continue;
    record.moves = copy.moves.back();
    if (is_open) copy.plan.services[i].previous = record.moves->previous.data();
  }
  return copy;
}

struct Corruption {
  const char* description;
  void (*corrupt)(Copy& copy);
  const char* service;
  const char* words;
};

inline void expect_refusals(const PlanSpec& spec, const PlanPointer& good,
                            std::span<const Corruption> corruptions) {
  for (const Corruption& row : corruptions) {
    Copy copy = copy_of(*good);
    Status status = verify_plan(copy.plan, spec, nullptr);
    if (!status.ok())
      fail_msg("%s: the copy is bad: %s", row.description, status.message().c_str());
    row.corrupt(copy);
    // Beside a plan from which it shares nothing, nothing may be taken for checked.
    for (const Plan* const verified : {static_cast<const Plan*>(nullptr), good.get()}) {
      status = verify_plan(copy.plan, spec, verified);
      if (status.ok()) fail_msg("%s: not refused", row.description);
      if (status.message().find(row.service) == std::string::npos ||
          status.message().find(row.words) == std::string::npos) {
        fail_msg("%s: %s", row.description, status.message().c_str());
      }
    }
  }
}

}  // namespace evenkeel
