#include "firmware/health/load_watch.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace evenkeel {
namespace {

// What its pool is at that one of it is compared with. Of two, the idler one is where it should be.
// REQUIRES: they are sorted, and two at least.
double usual_of(const std::vector<uint32_t>& pool, uint32_t one) {
  if (pool.size() == 2) return one == pool.back() ? pool.front() : one;
  const size_t half = pool.size() / 2;
  return pool.size() % 2 == 1 ? pool[half] : (pool[half - 1] + pool[half]) / 2.0;
}

}  // namespace

std::string LoadImbalanced::evidence() const {
  char text[96];
  std::snprintf(text, sizeof text, "has a load of %u %%, where its pool is at %.0f %%", percent,
                usual);
  return text;
}

void LoadWatch::observe(const std::vector<AgentLoad>& loads, Microseconds now) {
  std::map<std::string, std::vector<uint32_t>> pools;
  for (const AgentLoad& load : loads) pools[load.service].push_back(load.percent);
  for (auto& [service, pool] : pools) std::ranges::sort(pool);
  for (const AgentLoad& load : loads) {
    const std::vector<uint32_t>& pool = pools[load.service];
    if (pool.size() < 2) continue;  // there is nobody to compare with
    const auto [place, is_new] = watched_.try_emplace({load.service, load.backend});
    if (is_new) place->second.changed = now;
    watch(place->second, load, usual_of(pool, load.percent), now);
  }
  std::erase_if(watched_, [now](const auto& each) { return each.second.seen != now; });
}

void LoadWatch::watch(Watched& watched, const AgentLoad& load, double usual, Microseconds now) {
  watched.seen = now;
  watched.percent = load.percent;
  watched.usual = usual;
  const double more = load.percent - usual;
  const bool differs = more >= kDifference || (-more >= kDifference && !load.may_idle);
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
                   .usual = watched.usual});
  }
  return all;
}

}  // namespace evenkeel
