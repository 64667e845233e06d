#include "firmware/change/rules.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/change/rules_facts.h"

namespace evenkeel {
namespace {

struct Row {
  Rule rule;
  void (*judge_side)(const Facts&, const View&, Findings&) = nullptr;
  void (*judge_change)(const Facts&, Findings&) = nullptr;
};

constexpr std::array kRows = {
    Row{{"single-node", Severity::refuse,
         "one backend would get more of a service's flows than max_share", "single-node"},
        judge_single_node,
        nullptr},
    Row{{"uneven-spread", Severity::refuse,
         "the compiled shares differ from capacity or weights by more than max_deviation",
         "uneven"},
        judge_uneven_spread,
        nullptr},
    Row{{"drained-to-zero", Severity::refuse, "a service would have nobody to take a new flow",
         "one-server-crash"},
        judge_drained_to_zero,
        nullptr},
    Row{{"no-health-check", Severity::refuse, "dead servers of a service would be sent traffic",
         "checks-off"},
        judge_no_health_check,
        nullptr},
    Row{{"weakened-health-check", Severity::refuse,
         "a health check would notice later or tolerate more than the confirmed one", "checks-off"},
        nullptr,
        judge_weakened_health_check},
    Row{{"check-cannot-fail", Severity::refuse,
         "a health check would pass, or take minutes to fail, whatever its server does",
         "checks-off"},
        judge_check_cannot_fail,
        nullptr},
    Row{{"probe-rate", Severity::refuse,
         "the kernel would not be given all answers to the health checks", ""},
        judge_probe_rate,
        nullptr},
    Row{{"n-minus-1", Severity::refuse,
         "if one backend fails, the others would be over their declared capacity",
         "one-server-crash"},
        judge_n_minus_1,
        nullptr},
    Row{{"mass-change", Severity::refuse,
         "more is changed at once than the thresholds allow: change it in steps", "uneven"},
        nullptr,
        judge_mass_change},
    Row{{"live-service-removed", Severity::refuse,
         "clients that are served now would have no service any more", ""},
        nullptr,
        judge_live_service_removed},
    Row{{"clients-refused", Severity::refuse, "clients that are let in now would be refused", ""},
        nullptr,
        judge_clients_refused},
    Row{{"vip-conflict", Severity::refuse, "an address has two meanings, or changes its service",
         ""},
        judge_vip_conflict,
        judge_taken_vips},
    Row{{"unreachable-next-hop", Severity::refuse, "there is no way to a backend", "checks-off"},
        judge_unreachable_next_hop,
        nullptr},
    Row{{"tunnel-mtu", Severity::warn,
         "full-sized packets do not fit into the tunnel, and no mss keeps them small", ""},
        judge_tunnel_mtu,
        nullptr},
    Row{{"nat-ambiguous", Severity::refuse, "a reply of a server could be of either of two VIPs",
         ""},
        judge_nat_ambiguous,
        nullptr},
    Row{{"worker-cores", Severity::refuse, "a worker would share its core, or have none", ""},
        judge_worker_cores,
        nullptr},
    Row{{"secret-in-clear", Severity::warn,
         "what the box proves itself with to others could be read on the way", ""},
        judge_secret_in_clear,
        nullptr},
    Row{{"loosened-rule", Severity::refuse,
         "a threshold, the approval or the confirm window would guard less than before", ""},
        nullptr,
        judge_loosened_rule},
};

constexpr std::array kRules = [] {
  std::array<Rule, kRows.size()> rules;
  for (size_t i = 0; i < rules.size(); ++i) rules[i] = kRows[i].rule;
  return rules;
}();

// What rounding to buckets, and floating point, make of the same thing.
constexpr double kSame = 1.001;

// What was there before, and is no worse now, is a warning.
void excuse_what_was_there(const Findings& before, Findings& after) {
  std::map<std::pair<std::string_view, std::optional<std::string>>, double> known;
  for (const Finding& finding : before) {
    double& badness = known[{finding.where, finding.subject}];
    badness = std::max(badness, finding.badness);
  }
  for (Finding& finding : after) {
    const auto found = known.find({finding.where, finding.subject});
    if (found == known.end() || finding.badness > found->second * kSame) continue;
    finding.severity = Severity::warn;
    finding.what += " (it is so already)";
  }
}

}  // namespace

std::string_view name_of(Severity severity) {
  return severity == Severity::refuse ? "refuse" : "warn";
}

std::span<const Rule> rules() { return kRules; }

const Rule* find_rule(std::string_view name) {
  const auto found = std::ranges::find(kRules, name, &Rule::name);
  return found == kRules.end() ? nullptr : &*found;
}

namespace {

std::vector<Hit> hits(const Facts& facts, bool judges_change) {
  std::vector<Hit> hits;
  for (const Row& row : kRows) {
    Findings findings;
    if (row.judge_side != nullptr) {
      Findings before;
      row.judge_side(facts, facts.after, findings);
      if (!findings.empty()) row.judge_side(facts, facts.before, before);
      excuse_what_was_there(before, findings);
    }
    if (row.judge_change != nullptr && judges_change) row.judge_change(facts, findings);
    for (Finding& finding : findings) {
      hits.push_back({.rule = row.rule.name,
                      .severity = std::min(finding.severity, row.rule.severity),
                      .where = std::move(finding.where),
                      .what = std::move(finding.what),
                      .subject = std::move(finding.subject)});
    }
  }
  return hits;
}

}  // namespace

std::vector<Hit> hits(const Facts& facts) { return hits(facts, !facts.is_first); }

std::vector<Hit> hits(const Side& before, const Side& after, const Traffic& traffic,
                      uint32_t cores) {
  return hits(gather(before, after, traffic, cores));
}

std::vector<Hit> hits_of_side(const Side& before, const Side& after, const Traffic& traffic,
                              uint32_t cores) {
  return hits(gather(before, after, traffic, cores), false);
}

void add_worse(std::vector<Hit> others, std::vector<Hit>& hits) {
  const auto rule_of = [](const Hit& hit) { return find_rule(hit.rule); };
  for (Hit& other : others) {
    const auto known = std::ranges::find_if(hits, [&](const Hit& hit) {
      return hit.rule == other.rule && hit.where == other.where && hit.subject == other.subject;
    });
    if (known == hits.end()) {
      hits.insert(std::ranges::upper_bound(hits, rule_of(other), {}, rule_of), std::move(other));
    } else if (other.severity > known->severity) {
      *known = std::move(other);
    }
  }
}

}  // namespace evenkeel
