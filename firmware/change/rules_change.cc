// Rules on what a change takes away, or does too much of at once.
#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "firmware/base/names.h"
#include "firmware/change/rules_facts.h"
#include "firmware/settings/difference.h"
#include "firmware/settings/settings.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

double part_of(double percents) { return percents / 100; }

const ServiceSettings* service_of(const View& view, size_t place) {
  return place == ServicePair::kNone ? nullptr : &view.settings->services[place];
}

// How many of those before are touched, of how many.
struct Touched {
  size_t touched = 0;
  size_t all = 0;

  // One thing alone is never a mass.
  bool is_above(double most) const {
    return touched > 1 && static_cast<double>(touched) > most * static_cast<double>(all);
  }
};

// Backends that flows are taken from, for good or for another server.
Touched touched_backends(const Facts& facts) {
  Touched count;
  for (const ServicePair& pair : facts.pairs) {
    const ServiceSettings* const before = service_of(facts.before, pair.before);
    const ServiceSettings* const after = service_of(facts.after, pair.after);
    if (before == nullptr) continue;
    count.all += before->backends.size();
    if (after == nullptr) {
      count.touched += before->backends.size();
      continue;
    }
    std::unordered_map<std::string_view, const BackendSettings*> kept;
    for (const BackendSettings& backend : after->backends) kept.emplace(backend.name, &backend);
    for (const BackendSettings& old_one : before->backends) {
      const auto found = kept.find(old_one.name);
      const BackendSettings* const new_one = found == kept.end() ? nullptr : found->second;
      const bool is_touched = new_one == nullptr || new_one->address != old_one.address ||
                              new_one->port != old_one.port ||
                              (new_one->weight == 0 && old_one.weight > 0) ||
                              after->mode != before->mode;
      count.touched += is_touched ? 1 : 0;
    }
  }
  return count;
}

Touched touched_services(const Facts& facts) {
  Touched count;
  for (const ServicePair& pair : facts.pairs) {
    const ServiceSettings* const before = service_of(facts.before, pair.before);
    const ServiceSettings* const after = service_of(facts.after, pair.after);
    if (before == nullptr) continue;
    ++count.all;
    count.touched += after == nullptr || !is_same_but_for_queries(*before, *after) ? 1 : 0;
  }
  return count;
}

void add_mass(const Touched& count, double most, const char* of_what, const char* threshold,
              Findings& findings) {
  if (!count.is_above(most)) return;
  findings.push_back({.where = threshold,
                      .what = "the change touches " + std::to_string(count.touched) + " of " +
                              std::to_string(count.all) + " " + of_what + ", where " + threshold +
                              " is " + percent(most) + "; change fewer at once"});
}

// VIPs of a service at which nobody serves its first or its last port afterwards, be it for the
// first or the last address of a prefix.
std::vector<Prefix> lost_vips(const ServiceSettings& service, const View& after) {
  std::vector<Prefix> lost;
  for (const Prefix& vip : service.vips) {
    bool is_served = true;
    for (const Address& address : {vip.address, last_of(vip)}) {
      for (const uint16_t port : {std::max(service.ports.first, uint16_t{1}), service.ports.last}) {
        const auto protocol = static_cast<uint8_t>(service.protocol);
        is_served &= after.plan->lookup->find(address, protocol, port) != kNoService;
      }
    }
    if (!is_served) lost.push_back(vip);
  }
  return lost;
}

// Of a query that goes, or may be worse: the next change is judged by less.
void add_weaker_queries(const ServiceSettings& before, const ServiceSettings& after,
                        Findings& findings) {
  const auto add = [&](const QuerySettings& query, const std::string& what) {
    findings.push_back(
        {.where = path_to_element(path_of(before) + ".queries", query.name),
         .what = "the query " + query.name + " of " + quoted(before.name) + " " + what +
                 ", so that later changes are judged by less; this one is judged by it as it is",
         .severity = Severity::warn});
  };
  for (const QuerySettings& query : before.queries) {
    const auto known = std::ranges::find(after.queries, query.name, &QuerySettings::name);
    if (known == after.queries.end()) {
      add(query, "would go");
    } else if (known->at_most.value_or(HUGE_VAL) > query.at_most.value_or(HUGE_VAL) ||
               known->at_least.value_or(-HUGE_VAL) < query.at_least.value_or(-HUGE_VAL)) {
      add(query, "would have wider bounds");
    } else if (known->lasting > query.lasting) {
      add(query, "would have to be outside for longer");
    }
  }
}

// Whether a service of that name still has all addresses of a prefix.
bool has_still(const View& side, const std::string& name, const Prefix& prefix) {
  const auto place = side.places.find(name);
  if (place == side.places.end()) return false;
  return std::ranges::any_of(side.settings->services[place->second].vips, [&](const Prefix& vip) {
    return vip.length <= prefix.length && masked(prefix.address, vip.length) == vip.address;
  });
}

}  // namespace

void judge_mass_change(const Facts& facts, Findings& ret_findings) {
  const RuleSettings& rules = facts.after.settings->rules;
  const double most = part_of(rules.max_moved_buckets);
  for (const ServicePair& pair : facts.pairs) {
    double moved = 0;
    for (const std::optional<Moved>& of_family : pair.moved) {
      if (of_family.has_value()) moved = std::max(moved, of_family->part);
    }
    if (moved <= most) continue;
    const ServiceSettings& service = facts.after.settings->services[pair.after];
    ret_findings.push_back(
        {.where = path_of(service),
         .what = percent(moved) + " of the buckets of " + quoted(service.name) +
                 " would get another backend, where rules.max_moved_buckets is " + percent(most) +
                 "; change it in steps"});
  }
  add_mass(touched_backends(facts), part_of(rules.max_changed_backends), "backends",
           "rules.max_changed_backends", ret_findings);
  add_mass(touched_services(facts), part_of(rules.max_changed_services), "services",
           "rules.max_changed_services", ret_findings);
}

// By VIPs rather than by names: a service that is renamed still serves.
void judge_live_service_removed(const Facts& facts, Findings& ret_findings) {
  if (facts.after.plan == nullptr) return;
  for (const ServicePair& pair : facts.pairs) {
    const ServiceSettings* const before = service_of(facts.before, pair.before);
    if (before == nullptr) continue;
    const Flows flows = facts.traffic_of_service(before->name);
    if (flows.new_flows == 0 && flows.packets == 0) continue;
    const std::vector<Prefix> lost = lost_vips(*before, facts.after);
    if (lost.empty()) continue;
    ret_findings.push_back(
        {.where = path_of(*before),
         .what = quoted(before->name) + " had " + std::to_string(flows.new_flows) +
                 " new flows and " + std::to_string(flows.packets) +
                 " packets in the last minute, and nobody would serve " + to_string(lost.front()) +
                 " port " + to_string(before->ports) +
                 (lost.size() > 1 ? " and " + std::to_string(lost.size() - 1) + " more VIPs" : "") +
                 "; lead its clients elsewhere first"});
  }
}

// A narrower prefix or range, or the name of another service: its flows go there from now on, those
// that are open too. Where a service with clients is renamed, or its VIP is given to another, that
// is all of them.
void judge_taken_vips(const Facts& facts, Findings& ret_findings) {
  if (facts.before.plan == nullptr || facts.after.plan == nullptr) return;
  const Plan& before = *facts.before.plan;
  for (const ServicePoint& point : facts.after.plan->points) {
    const uint16_t port = std::max(point.first_port, uint16_t{1});
    const uint16_t old_number = before.lookup->find(point.address, point.protocol, port);
    if (old_number == kNoService) continue;
    const uint16_t new_number = facts.after.plan->lookup->find(point.address, point.protocol, port);
    if (new_number == kNoService) continue;
    // Where a service gets or loses its second family, its names in the plan change.
    const std::string old_name(service_part(before.service_records[old_number].name));
    const std::string new_name(service_part(facts.after.plan->service_records[new_number].name));
    if (old_name == new_name) continue;
    const Prefix prefix{point.address, point.prefix_length};
    const Flows flows = facts.traffic_of_service(old_name);
    const bool has_clients = flows.new_flows > 0 || flows.packets > 0;
    const bool is_all = !has_still(facts.after, old_name, prefix);
    ret_findings.push_back(
        {.where = path_to_element("services", new_name) + ".vips",
         .what = to_string(prefix) + " port " + std::to_string(port) + " is served by " +
                 quoted(old_name) + " now, and would be by " + quoted(new_name) +
                 (has_clients ? ", to which its open connections are unknown" : "") +
                 "; be sure that this is meant",
         .severity = has_clients && is_all ? Severity::refuse : Severity::warn});
  }
}

void judge_loosened_rule(const Facts& facts, Findings& ret_findings) {
  const RuleSettings& old_rules = facts.before.settings->rules;
  const RuleSettings& new_rules = facts.after.settings->rules;
  const auto compare = [&](const char* where, double old_value, double new_value,
                           const std::string& old_text, const std::string& new_text) {
    if (new_value <= old_value) return;
    ret_findings.push_back({.where = where,
                            .what = std::string(where) + " would be " + new_text +
                                    ", which guards less than " + old_text +
                                    "; leave it, and waive a rule for one change instead"});
  };
  const auto compare_percents = [&](const char* where, double old_value, double new_value) {
    compare(where, old_value, new_value, percent(part_of(old_value)), percent(part_of(new_value)));
  };
  compare_percents("rules.max_share", old_rules.max_share, new_rules.max_share);
  compare_percents("rules.max_deviation", old_rules.max_deviation, new_rules.max_deviation);
  compare_percents("rules.max_moved_buckets", old_rules.max_moved_buckets,
                   new_rules.max_moved_buckets);
  compare_percents("rules.max_changed_backends", old_rules.max_changed_backends,
                   new_rules.max_changed_backends);
  compare_percents("rules.max_changed_services", old_rules.max_changed_services,
                   new_rules.max_changed_services);
  const RolloutSettings& old_rollout = facts.before.settings->rollout;
  const RolloutSettings& new_rollout = facts.after.settings->rollout;
  const auto first_step = [](const RolloutSettings& rollout) {
    return rollout.steps.empty() ? uint32_t{100} : rollout.steps.front();
  };
  compare_percents("rollout.steps", first_step(old_rollout), first_step(new_rollout));
  compare_percents("rollout.tolerance", old_rollout.tolerance, new_rollout.tolerance);
  for (const ServicePair& pair : facts.pairs) {
    const ServiceSettings* const before = service_of(facts.before, pair.before);
    const ServiceSettings* const after = service_of(facts.after, pair.after);
    if (before != nullptr && after != nullptr) add_weaker_queries(*before, *after, ret_findings);
  }
  const ChangeSettings& old_change = facts.before.settings->change;
  const ChangeSettings& new_change = facts.after.settings->change;
  compare("change.confirm", static_cast<double>(old_change.confirm),
          static_cast<double>(new_change.confirm), duration_text(old_change.confirm),
          duration_text(new_change.confirm));
  compare("change.approval", old_change.approval == Approval::required ? 0 : 1,
          new_change.approval == Approval::required ? 0 : 1, "\"required\"", "\"none\"");
}

}  // namespace evenkeel
