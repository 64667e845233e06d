#include "firmware/health/load_watch.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace evenkeel {
namespace {

// REQUIRES: there is one.
double median_of(std::vector<uint32_t>& numbers) {
  std::ranges::sort(numbers);
  const size_t half = numbers.size() / 2;
  return numbers.size() % 2 == 1 ? numbers[half] : (numbers[half - 1] + numbers[half]) / 2.0;
}

}  // namespace

std::string LoadImbalanced::evidence() const {
  char text[96];
  std::snprintf(text, sizeof text, "has a load of %u %%, where the median of its pool is %.0f %%",
                percent, median);
  return text;
}

void LoadWatch::observe(const std::vector<AgentLoad>& loads, Microseconds now) {
  std::map<std::string, std::vector<uint32_t>> pools;
  for (const AgentLoad& load : loads) pools[load.service].push_back(load.percent);
  std::map<std::string, double> medians;
  for (auto& [service, pool] : pools) medians[service] = median_of(pool);
  for (const AgentLoad& load : loads) {
    if (pools[load.service].size() < 2) continue;  // there is nobody to compare with
    const auto [place, is_new] = watched_.try_emplace({load.service, load.backend});
    if (is_new) place->second.changed = now;
    watch(place->second, load, medians[load.service], now);
  }
  std::erase_if(watched_, [now](const auto& each) { return each.second.seen != now; });
}

void LoadWatch::watch(Watched& watched, const AgentLoad& load, double median, Microseconds now) {
  watched.seen = now;
  watched.percent = load.percent;
  watched.median = median;
  const bool differs = std::abs(load.percent - median) >= kDifference;
  if (differs != watched.differs) {
    watched.differs = differs;
    watched.changed = now;
  }
  const Microseconds lasts = now - watched.changed;
  if (differs == watched.is_imbalanced || lasts < (differs ? kLasting : kOver)) return;
  watched.is_imbalanced = differs;
  watched.since = now;
}

std::vector<LoadImbalanced> LoadWatch::imbalanced() const {
  std::vector<LoadImbalanced> all;
  for (const auto& [name, watched] : watched_) {
    if (!watched.is_imbalanced) continue;
    all.push_back({.service = name.first,
                   .backend = name.second,
                   .since = watched.since,
                   .percent = watched.percent,
                   .median = watched.median});
  }
  return all;
}

}  // namespace evenkeel
