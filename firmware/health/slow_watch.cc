#include "firmware/health/slow_watch.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "firmware/base/names.h"

namespace evenkeel {
namespace {

using Times = std::array<uint64_t, kLatencyBuckets>;

uint64_t count_of(const Times& times) {
  return std::accumulate(times.begin(), times.end(), uint64_t{0});
}

// Where the bucket ends that it is in; what so many standard deviations of a rank are away from it.
// REQUIRES: there are so many times that this is one of them.
Microseconds median_of(const Times& times, double deviations = 0) {
  const auto all = static_cast<double>(count_of(times));
  const double rank = (all + deviations * std::sqrt(all)) / 2;
  double count = 0;
  size_t bucket = 0;
  for (; bucket + 1 < times.size(); ++bucket) {
    count += static_cast<double>(times[bucket]);
    if (count >= rank) break;
  }
  return latency_bucket_start(bucket + 1);
}

std::string in_words(Microseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, time < kMicrosecondsPerTick ? "%.0f ms" : "%.1f s",
                static_cast<double>(time) / (time < kMicrosecondsPerTick ? 1e3 : 1e6));
  return text;
}

}  // namespace

std::string Slow::evidence() const {
  return "answers half of its first requests within " + in_words(median) +
         ", the others of its pool within " + in_words(usual);
}

void SlowWatch::observe(const Plan& plan, const Counted& counted, Microseconds now) {
  if (now < again_) return;
  again_ = now + kInterval;
  const std::map<std::string, Times, std::less<>> backends = read(plan, counted);
  for (auto first = backends.begin(); first != backends.end();) {
    const std::string_view service = service_part(first->first);
    Times all{};
    auto end = first;
    for (; end != backends.end() && service_part(end->first) == service; ++end) {
      for (size_t i = 0; i < all.size(); ++i) all[i] += end->second[i];
    }
    for (; first != end; ++first) {
      Times others = all;
      for (size_t i = 0; i < others.size(); ++i) others[i] -= first->second[i];
      judge(first->first, first->second, others, now);
    }
  }
  std::erase_if(watched_, [&](const auto& each) {
    return !backends.contains(each.first) || now - each.second.told >= kForgotten;
  });
}

// What each backend's answers took since the last look, in all of its slots.
std::map<std::string, SlowWatch::Times, std::less<>> SlowWatch::read(const Plan& plan,
                                                                     const Counted& counted) {
  std::map<std::string, Times, std::less<>> backends;
  before_.resize(plan.backend_records.size());
  for (size_t slot = 0; slot < before_.size(); ++slot) {
    const BackendRecord& record = plan.backend_records[slot];
    if (record.name.empty()) continue;
    const OfSlot is = {.identity = record.identity, .counts = counted(static_cast<uint16_t>(slot))};
    Times& times = backends[record.name];
    if (before_[slot].identity == is.identity) {
      const LatencyCounts grown = is.counts.since(before_[slot].counts);
      for (size_t i = 0; i < times.size(); ++i) times[i] += grown.counts[i];
    }
    before_[slot] = is;
  }
  return backends;
}

void SlowWatch::judge(const std::string& backend, const Times& own, const Times& others,
                      Microseconds now) {
  if (count_of(own) < kLeastAnswers || count_of(others) < kLeastAnswers) return;
  const Microseconds least = median_of(own, -kChance);
  const bool is_slow = least >= kLeastTime && least >= kTimes * median_of(others, kChance);
  const auto known = watched_.find(backend);
  if (known == watched_.end() && !is_slow) return;
  Watched& watched = known != watched_.end() ? known->second : watched_[backend];
  watched.told = now;
  watched.against = is_slow == watched.is_slow ? 0 : watched.against + 1;
  if (watched.against == kLooks) {
    watched.is_slow = is_slow;
    watched.against = 0;
    watched.found.since = now;
  }
  watched.found.backend = backend;
  watched.found.median = median_of(own);
  watched.found.usual = median_of(others);
}

std::vector<Slow> SlowWatch::slow() const {
  std::vector<Slow> all;
  for (const auto& [backend, watched] : watched_) {
    if (watched.is_slow) all.push_back(watched.found);
  }
  return all;
}

}  // namespace evenkeel
