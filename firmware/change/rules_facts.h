// What rules judge by, gathered once; and the rules themselves, each a pure function of it.
//
// A rule of one kind judges a side: whether something there is as it should not be. The other kind
// judges the change: what differs between the sides.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "firmware/change/rules.h"
#include "firmware/change/shares.h"

namespace evenkeel {

// Settings, or those of nothing.
struct View {
  const Settings* settings = nullptr;  // never null
  const Plan* plan = nullptr;          // null: none
  std::span<const BackendState> states;
  std::vector<ServiceShares> shares;  // by place of the service; empty without a plan
  std::unordered_map<std::string_view, size_t> places;  // of services, by name
};

// A service of both sides, or of one of them.
struct ServicePair {
  static constexpr size_t kNone = SIZE_MAX;

  size_t before = kNone;  // places in the settings
  size_t after = kNone;
  // By family; none: not on both sides, or no plan.
  std::array<std::optional<Moved>, 2> moved;
};

struct Facts {
  bool is_first = false;  // there is nothing before
  View before;
  View after;
  std::vector<ServicePair> pairs;  // in the order afterwards; then those removed
  const Traffic* traffic = nullptr;
  uint32_t cores = 0;

  Flows traffic_of_service(const std::string& name) const;
  // New flows a second of a service, and of "SERVICE/BACKEND".
  double flows_of_service(const std::string& name) const;
  double flows_of_backend(const std::string& name) const;
};

// REQUIRES: as hits(); sides and traffic outlive them.
Facts gather(const Side& before, const Side& after, const Traffic& traffic, uint32_t cores);

// What a rule found. Of two with the same `where` and `subject`, the greater badness is the worse.
struct Finding {
  std::string where;
  std::string what;
  std::optional<std::string> subject = std::nullopt;  // tells two at one place apart
  double badness = 1;
  Severity severity = Severity::refuse;
};
using Findings = std::vector<Finding>;

std::string path_of(const ServiceSettings& service);
std::string path_of(const ServiceSettings& service, const BackendSettings& backend);
std::string quoted(std::string_view text);
std::string percent(double part);  // "33.3 %"

// Of a side. rules_spread.cc:
void judge_single_node(const Facts& facts, const View& side, Findings& ret_findings);
void judge_uneven_spread(const Facts& facts, const View& side, Findings& ret_findings);
void judge_n_minus_1(const Facts& facts, const View& side, Findings& ret_findings);
void judge_drained_to_zero(const Facts& facts, const View& side, Findings& ret_findings);
// rules_checks.cc:
void judge_no_health_check(const Facts& facts, const View& side, Findings& ret_findings);
void judge_check_cannot_fail(const Facts& facts, const View& side, Findings& ret_findings);
void judge_probe_rate(const Facts& facts, const View& side, Findings& ret_findings);
// rules_ways.cc:
void judge_vip_conflict(const Facts& facts, const View& side, Findings& ret_findings);
void judge_unreachable_next_hop(const Facts& facts, const View& side, Findings& ret_findings);
void judge_tunnel_mtu(const Facts& facts, const View& side, Findings& ret_findings);
void judge_nat_ambiguous(const Facts& facts, const View& side, Findings& ret_findings);
void judge_worker_cores(const Facts& facts, const View& side, Findings& ret_findings);
// rules_credentials.cc:
void judge_secret_in_clear(const Facts& facts, const View& side, Findings& ret_findings);

// Of a change. rules_checks.cc:
void judge_weakened_health_check(const Facts& facts, Findings& ret_findings);
// rules_change.cc:
void judge_mass_change(const Facts& facts, Findings& ret_findings);
void judge_live_service_removed(const Facts& facts, Findings& ret_findings);
void judge_taken_vips(const Facts& facts, Findings& ret_findings);
void judge_loosened_rule(const Facts& facts, Findings& ret_findings);
// rules_clients.cc:
void judge_clients_refused(const Facts& facts, Findings& ret_findings);

std::vector<Hit> hits(const Facts& facts);

}  // namespace evenkeel
