#include "firmware/health/imbalance.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "firmware/base/check.h"

namespace evenkeel {
namespace {

// How fast the measured share follows the true one.
constexpr double kRemembered = 2'000'000;  // microseconds

// Plans that differ by so little, as a part of a share, need not be told apart.
constexpr double kSameShare = 0.01;

// No pool gets so many in one interval: a counter has gone wrong.
constexpr double kMostFlows = 1e9;

}  // namespace

std::string Imbalanced::evidence() const {
  char text[128];
  std::snprintf(text, sizeof text, "had %.1f %% of new flows, where its share is %.1f %%",
                100 * measured, 100 * expected);
  return text;
}

Imbalance::Imbalance(const ImbalanceOptions& options) : options_(options) {
  REQUIRE(0 < options.alpha && options.alpha < 1);
  REQUIRE(0 < options.tolerance && options.tolerance < 1);
}

void Imbalance::observe(const std::vector<BackendFlows>& pool, Microseconds now) {
  REQUIRE(last_ <= now);
  for (auto& [name, watched] : watched_) watched.is_present = false;
  double of_pool = 0;
  for (const BackendFlows& member : pool) of_pool += static_cast<double>(member.flows);
  const double kept = std::exp(-static_cast<double>(now - last_) / kRemembered);
  last_ = now;
  for (const BackendFlows& member : pool) {
    const auto found = watched_.find(member.backend);
    Watched& watched =
        found != watched_.end() ? found->second : watched_[std::string(member.backend)];
    watched.is_present = true;
    watch(watched, member, of_pool, kept, now);
  }
  std::erase_if(watched_, [](const auto& record) { return !record.second.is_present; });
}

void Imbalance::watch(Watched& watched, const BackendFlows& member, double of_pool, double kept,
                      Microseconds now) {
  REQUIRE(0 <= member.share && member.share <= 1);
  watched.flows *= kept;
  watched.expected *= kept;
  watched.of_pool *= kept;
  if (now >= watched.window_end) {
    if (!watched.wealth.refutes(options_.alpha) && !differs(watched)) watched.is_imbalanced = false;
    watched.window_end = now + kWindow;
    watched.wealth = Wealth<kBets>(kInitial);
  }
  const bool has_changed = std::abs(member.share - watched.share) > kSameShare * watched.share;
  watched.share = member.share;
  if (member.share <= 0) watched.is_imbalanced = false;  // what comes nevertheless was promised
  if (member.share <= 0 || has_changed || of_pool > kMostFlows) return;

  const auto flows = static_cast<double>(member.flows);
  watched.flows += flows;
  watched.expected += member.share * of_pool;
  watched.of_pool += of_pool;
  std::array<double, kBets> log_factors{};
  for (size_t i = 1; i < kBets; ++i) {
    log_factors[i] =
        flows * std::log(kOdds[i]) - of_pool * std::log1p(member.share * (kOdds[i] - 1));
  }
  watched.wealth.settle(log_factors);
  if (!watched.is_imbalanced && watched.wealth.refutes(options_.alpha) && differs(watched)) {
    watched.is_imbalanced = true;
    watched.since = now;
  }
}

bool Imbalance::differs(const Watched& watched) const {
  const double difference = std::abs(watched.flows - watched.expected);
  return watched.expected >= 1 && difference >= options_.tolerance * watched.expected;
}

std::vector<Imbalanced> Imbalance::imbalanced() const {
  std::vector<Imbalanced> imbalanced;
  for (const auto& [name, watched] : watched_) {
    if (!watched.is_imbalanced) continue;
    const double of_pool = std::max(watched.of_pool, 1.0);
    imbalanced.push_back({.backend = name,
                          .since = watched.since,
                          .measured = watched.flows / of_pool,
                          .expected = watched.expected / of_pool});
  }
  return imbalanced;
}

}  // namespace evenkeel
