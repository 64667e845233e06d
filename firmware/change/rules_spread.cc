// Rules on who gets how much of a service's flows, judged on the tables as they were compiled.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "firmware/change/rules_facts.h"
#include "firmware/settings/settings.h"

namespace evenkeel {
namespace {

double part_of(double percents) { return percents / 100; }

// A service's two families break a rule alike: the worse of both is told.
void add_worse(Finding finding, Findings& findings) {
  const auto known = std::ranges::find(findings, finding.where, &Finding::where);
  if (known == findings.end()) {
    findings.push_back(std::move(finding));
  } else if (finding.badness > known->badness) {
    *known = std::move(finding);
  }
}

// Of each service, those of its families that are open.
template <typename Judge>
void for_each_table(const View& side, Findings& ret_findings, Judge judge) {
  for (size_t i = 0; i < side.shares.size(); ++i) {
    Findings of_service;
    for (const std::optional<TableShares>& shares : side.shares[i]) {
      if (!shares.has_value() || !shares->is_open()) continue;
      judge(side.settings->services[i], *shares, of_service);
    }
    std::ranges::move(of_service, std::back_inserter(ret_findings));
  }
}

// Of a service with one backend, that has all; unless it had more before.
bool has_several(const Facts& facts, const ServiceSettings& service) {
  const auto before = facts.before.places.find(service.name);
  return service.backends.size() > 1 ||
         (before != facts.before.places.end() &&
          facts.before.settings->services[before->second].backends.size() > 1);
}

// What a backend's share should follow: capacity, if it is declared of all that take flows.
bool is_by_capacity(const ServiceSettings& service, const TableShares& shares) {
  for (size_t i = 0; i < service.backends.size(); ++i) {
    if (shares.weight(i) > 0 && service.backends[i].capacity == 0) return false;
  }
  return true;
}

}  // namespace

void judge_single_node(const Facts& facts, const View& side, Findings& ret_findings) {
  const double most = part_of(facts.after.settings->rules.max_share);
  for_each_table(side, ret_findings,
                 [&](const ServiceSettings& service, const TableShares& shares, Findings& found) {
                   if (!has_several(facts, service)) return;
                   const double bucket = 1.0 / shares.buckets();  // shares are rounded to one
                   for (size_t i = 0; i < service.backends.size(); ++i) {
                     const double share = shares.share(i);
                     if (share < most + bucket) continue;
                     add_worse(
                         {.where = path_of(service, service.backends[i]),
                          .what = quoted(service.backends[i].name) + " gets " + percent(share) +
                                  " of the new flows of " + quoted(service.name) +
                                  ", where rules.max_share is " + percent(most) +
                                  "; give others more weight, or add backends",
                          .badness = share},
                         found);
                   }
                 });
}

void judge_uneven_spread(const Facts& facts, const View& side, Findings& ret_findings) {
  const double most = part_of(facts.after.settings->rules.max_deviation);
  for_each_table(
      side, ret_findings,
      [&](const ServiceSettings& service, const TableShares& shares, Findings& found) {
        const bool by_capacity = is_by_capacity(service, shares);
        const auto due = [&](size_t i) {
          if (shares.weight(i) == 0) return 0.0;
          const BackendSettings& backend = service.backends[i];
          return by_capacity ? static_cast<double>(backend.capacity) : double{1} * backend.weight;
        };
        double all = 0;
        for (size_t i = 0; i < service.backends.size(); ++i) all += due(i);
        double worst = most;
        size_t worst_at = SIZE_MAX;
        for (size_t i = 0; i < service.backends.size(); ++i) {
          if (due(i) <= 0) continue;
          const double deviation = std::abs(shares.share(i) * all / due(i) - 1);
          if (deviation > worst) {
            worst = deviation;
            worst_at = i;
          }
        }
        if (worst_at == SIZE_MAX) return;
        const BackendSettings& backend = service.backends[worst_at];
        add_worse(
            {.where = path_of(service),
             .what = quoted(backend.name) + " gets " + percent(shares.share(worst_at)) + " of " +
                     quoted(service.name) + ", where its " + (by_capacity ? "capacity" : "weight") +
                     " makes it " + percent(due(worst_at) / all) + ": " + percent(worst) +
                     " off, where rules.max_deviation is " + percent(most) + "; " +
                     (by_capacity ? "set weights in proportion to capacity"
                                  : "give the service more buckets"),
             .badness = worst},
            found);
      });
}

void judge_n_minus_1(const Facts& facts, const View& side, Findings& ret_findings) {
  for_each_table(
      side, ret_findings,
      [&](const ServiceSettings& service, const TableShares& shares, Findings& found) {
        const auto headroom = headroom_of(service, shares, facts.flows_of_service(service.name));
        if (!headroom.has_value() || headroom->load <= 1) return;
        const std::string basis =
            headroom->is_by_traffic
                ? "by the new flows of the last minute"
                : "by capacity and weights, if half of all capacity is used: there was no traffic";
        add_worse(
            {.where = path_of(service),
             .what = "without " + quoted(headroom->without) + ", " + quoted(headroom->fullest) +
                     " of " + quoted(service.name) + " would have " + percent(headroom->load) +
                     " of its capacity, " + basis + "; add backends, or weights that fit capacity",
             .badness = headroom->load,
             .severity = headroom->is_by_traffic ? Severity::refuse : Severity::warn},
            found);
      });
}

void judge_drained_to_zero(const Facts& /*facts*/, const View& side, Findings& ret_findings) {
  for (size_t i = 0; i < side.shares.size(); ++i) {
    const ServiceSettings& service = side.settings->services[i];
    for (const std::optional<TableShares>& shares : side.shares[i]) {
      if (!shares.has_value() || shares->is_open()) continue;
      ret_findings.push_back({.where = path_of(service),
                              .what = "no backend of " + quoted(shares->name) +
                                      " takes new flows, since each has weight 0 or cannot be "
                                      "reached; give one that can be reached a weight",
                              .subject = std::string(shares->name)});
    }
  }
}

}  // namespace evenkeel
