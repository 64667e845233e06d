// What a change would do, told beforehand: for each service that is touched, who gets which share
// of its flows before and after, how many flows move, how its servers are checked, and what is left
// if one of them fails; which rules it breaks; and what a reviewer should look at. Counted in the
// tables that would forward and weighted by the traffic of the last minute, not guessed from the
// settings.
//
// A service with VIPs of both IP versions is told as one, unless its two tables differ.
#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/change/rules.h"
#include "firmware/change/rules_check_rows.h"
#include "firmware/change/shares.h"
#include "firmware/settings/difference.h"

namespace evenkeel {

enum class Fate : uint8_t { same, added, changed, removed };
std::string_view name_of(Fate fate);

struct BackendImpact {
  std::string name;  // within its service
  Fate fate = Fate::same;
  double share_before = 0;  // of the service's new flows, 0 to 1
  double share_after = 0;
  double flows_before = 0;  // new flows a second, of the last minute
  double flows_after = 0;   // the same, shared out as afterwards
  uint64_t capacity = 0;    // new flows a second afterwards; 0: not known
  double moved = 0;         // part of its flows that would go to another backend, 0 to 1
  std::string trouble;      // why it takes no flows afterwards; empty: it can
};

struct ServiceImpact {
  std::string name;
  std::string family;  // "ipv4" or "ipv6": of a service whose two tables differ; else empty
  Fate fate = Fate::changed;
  bool is_open_before = false;  // somebody takes its new flows
  bool is_open_after = false;
  uint32_t buckets_before = 0;  // 0: closed or not there
  uint32_t buckets_after = 0;
  double moved = 0;  // part of the hash space whose backend differs, 0 to 1
  std::optional<double>
      moved_flows;   // the same by the last minute's new flows; none: there were none
  double flows = 0;  // new flows a second, of the last minute
  std::vector<BackendImpact> backends;      // in the order afterwards; then those removed
  std::vector<CheckRow> check;              // every property that either side has
  std::optional<Headroom> headroom_before;  // none: no capacity is declared, or it is not there
  std::optional<Headroom> headroom_after;
};

struct Impact {
  size_t added = 0;  // services, by the settings
  size_t changed = 0;
  size_t removed = 0;
  size_t unchanged = 0;
  std::vector<ServiceImpact> services;  // but those that stay as they are; in the order afterwards
  std::vector<Difference> differences;
  std::vector<Hit> hits;
  std::vector<std::string> checklist;  // for who reviews it

  // Rules that must be waived before it may go live.
  std::vector<std::string_view> refusals() const;
};

// REQUIRES: as hits().
Impact impact_of(const Side& before, const Side& after, const Traffic& traffic, uint32_t cores = 0);

// {
//   "summary": {"added": 0, "changed": 1, "removed": 0, "unchanged": 3},
//   "services": [{
//     "name": "shop", "family": null | "ipv4" | "ipv6",
//     "fate": "added" | "changed" | "removed",
//     "open": {"before": true, "after": true},
//     "buckets": {"before": 65537, "after": 65537},       0: closed or not there
//     "moved": 0.25, "moved_flows": 0.31 | null,          null: no traffic to weigh by
//     "flows": 120.5,                                      new flows a second, last minute
//     "backends": [{
//       "name": "web1", "fate": "same" | "added" | "changed" | "removed",
//       "share": {"before": 0.5, "after": 0.25},
//       "flows": {"before": 60.2, "after": 30.1},          new flows a second
//       "capacity": 1000 | null, "moved": 0.5, "trouble": "" }],
//     "check": [{"name": "interval", "before": "2s", "after": "5s"}],
//     "headroom": {"before": HEADROOM, "after": HEADROOM} }],
//       HEADROOM: null | {"without": "web1", "fullest": "web2", "load": 0.8, "by_traffic": true}
//   "differences": [{"path": "services.shop.mss", "before": "", "after": "1400"}],
//   "hits": [{"rule": "single-node", "severity": "refuse" | "warn", "where": "...", "what": "...",
//             "reason": "...", "outage": "single-node" }],
//   "refusals": ["single-node"],                           to be waived by name, each once
//   "checklist": ["..."]
// }
// Shares, parts and loads are fractions of 1.
boost::json::value to_json(const Impact& impact);
boost::json::value to_json(const Hit& hit);

}  // namespace evenkeel
