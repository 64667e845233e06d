// Rules tried on pairs of settings: a row says what is changed, and which rule must object.
#pragma once

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "firmware/change/rules.h"
#include "tests/change/sides.h"
#include "tests/cmocka.h"

namespace evenkeel {

inline constexpr auto kRefuse = Severity::refuse;
inline constexpr auto kWarn = Severity::warn;
inline constexpr std::optional<Severity> kNoHit;

using Edit = void (*)(Settings&);

inline void nothing(Settings& /*settings*/) {}

// `before` makes the confirmed settings from sound ones, `after` the candidate from those.
struct Row {
  const char* description;
  const char* rule;
  Edit before;
  Edit after;
  std::optional<Severity> expected;
  uint64_t flows_of_shop = 0;  // in the last minute
  uint32_t cores = 0;
  const char* lost = nullptr;  // this server does not answer, on either side
};

inline ServiceSettings& shop(Settings& settings) { return settings.services[0]; }

inline void set_weights(Settings& settings, const std::vector<uint32_t>& weights) {
  for (size_t i = 0; i < weights.size(); ++i) shop(settings).backends[i].weight = weights[i];
}

inline void set_capacities(Settings& settings, const std::vector<uint64_t>& capacities) {
  for (size_t i = 0; i < capacities.size(); ++i) {
    shop(settings).backends[i].capacity = capacities[i];
  }
}

inline std::optional<Severity> worst_of(const std::vector<Hit>& found, std::string_view rule) {
  std::optional<Severity> worst;
  for (const Hit& hit : found) {
    if (hit.rule == rule) worst = std::max(worst.value_or(hit.severity), hit.severity);
  }
  return worst;
}

inline std::vector<Hit> hits_of(const Row& row) {
  std::set<Address> lost;
  if (row.lost != nullptr) lost.insert(address_of(row.lost));
  Settings confirmed = sound_settings();
  row.before(confirmed);
  const TestBox before(confirmed, lost, nullptr);
  row.after(confirmed);
  const TestBox after(confirmed, lost, before.plan.get());
  Traffic traffic;
  if (row.flows_of_shop > 0) {
    traffic.by_service["shop"] = {.new_flows = row.flows_of_shop, .packets = row.flows_of_shop};
  }
  return hits(before.side(), after.side(), traffic, row.cores);
}

inline void expect(std::span<const Row> rows) {
  for (const Row& row : rows) {
    const std::vector<Hit> found = hits_of(row);
    const std::optional<Severity> worst = worst_of(found, row.rule);
    if (worst != row.expected) {
      print_error("%s, %s:\n", row.rule, row.description);
      for (const Hit& hit : found) {
        print_error("  %s %s: %s: %s\n", name_of(hit.severity).data(), hit.rule.data(),
                    hit.where.c_str(), hit.what.c_str());
      }
    }
    assert_true(worst == row.expected);
  }
}

}  // namespace evenkeel
