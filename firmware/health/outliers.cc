#include "firmware/health/outliers.h"

#include <algorithm>
#include <limits>

#include "firmware/base/check.h"

namespace evenkeel {

namespace {

// Whoever has all flows is compared with nobody.
constexpr double kMostShare = 0.999;

// Of a flow that is dealt at the one to those of a flow that is dealt at the other.
double odds_ratio(double most, double least) {
  if (least <= 0) return std::numeric_limits<double>::infinity();
  return std::max(1.0, most / (1 - most) * (1 - least) / least);
}

}  // namespace

Outliers::Outliers(const OutlierOptions& options) : options_(options) {
  REQUIRE(0 < options.alpha && options.alpha < 1);
  REQUIRE(0 <= options.most && options.most <= 1);
}

Outliers::Changes Outliers::observe(const std::vector<BackendOutcomes>& pool, Microseconds now) {
  Changes changes;
  forget_absent(pool);
  return_those_due(pool, now, changes);
  Outcomes all;
  double served = 0;
  for (const BackendOutcomes& member : pool) {
    if (is_ejected(member.backend)) continue;
    all += member.outcomes;
    served += member.share;
  }
  for (const BackendOutcomes& member : pool) {
    Watched& watched = find(member.backend);
    if (watched.is_ejected) continue;
    const Outcomes others = {.good = all.good - member.outcomes.good,
                             .bad = all.bad - member.outcomes.bad};
    const double counted = served > 0 ? std::min(1.0, member.share / served) : 0;
    watch(watched, member, others, counted, now);
  }
  looked_ = now;
  eject_worst(now, changes);
  return changes;
}

void Outliers::forget_absent(const std::vector<BackendOutcomes>& pool) {
  for (auto& [name, watched] : watched_) watched.is_present = false;
  for (const BackendOutcomes& member : pool) find(member.backend).is_present = true;
  double gone = 0;
  for (const auto& [name, watched] : watched_) {
    if (!watched.is_present) gone += most_of_late(watched);
  }
  std::erase_if(watched_, [](const Record& record) { return !record.second.is_present; });
  count_no_longer(gone);
}

// And the first of those who are too many by now.
void Outliers::return_those_due(const std::vector<BackendOutcomes>& pool, Microseconds now,
                                Changes& ret_changes) {
  std::vector<Record*> out;
  for (Record& record : watched_) {
    if (record.second.is_ejected) out.push_back(&record);
  }
  if (out.empty()) return;
  std::ranges::sort(out, {}, [](const Record* record) { return record->second.ejection.until; });
  const auto takes_flows = [this](const BackendOutcomes& member) {
    return member.share > 0 && !is_ejected(member.backend);
  };
  const auto others = static_cast<size_t>(std::ranges::count_if(pool, takes_flows));
  const size_t most = most_out(others + out.size());
  for (size_t i = 0; i < out.size(); ++i) {
    Watched& watched = out[i]->second;
    if (watched.ejection.until > now && out.size() - i <= most) break;
    watched.is_ejected = false;
    watched.good_since = now;
    watched.whole = watched.share;
    watched.share = 0;
    ret_changes.returned.push_back(out[i]->first);
  }
}

size_t Outliers::most_out(size_t in_service) const {
  const bool may_be_one = options_.most > 0 && in_service >= 3;
  const auto part = static_cast<size_t>(options_.most * static_cast<double>(in_service));
  return std::max(part, static_cast<size_t>(may_be_one));
}

Outliers::Watched& Outliers::find(std::string_view backend) {
  const auto found = watched_.find(backend);
  return found != watched_.end() ? found->second : watched_[std::string(backend)];
}

void Outliers::begin_window(Watched& watched, Microseconds from) {
  watched.judged_from = from;
  watched.window_end = from + kWindow;
  watched.difference = {};
  watched.deal = {};
  watched.block = {};
  watched.own = {};
  watched.others = {};
  watched.discounted = {};
}

// Of the flows of which outcomes may be seen from the last look on.
double Outliers::most_of_late(const Watched& watched) const {
  double most = 0;
  for (const Shares& shares : watched.recent) {
    if (shares.until > looked_) most = std::max(most, shares.most);
  }
  return most;
}

// Whoever had this share at most is counted no longer: what flows of that time are seen is of the
// rest.
void Outliers::count_no_longer(double share) {
  if (share <= 0) return;
  for (auto& [name, watched] : watched_) {
    for (Shares& shares : watched.recent) {
      shares.most = shares.most < 1 - share ? shares.most / (1 - share) : 1;
    }
  }
}

// Of the flows whose outcomes are seen now.
Outliers::Shares Outliers::dealt(Watched& watched, double share, double counted,
                                 Microseconds now) const {
  std::vector<Shares>& recent = watched.recent;
  const Microseconds until = now + options_.deadline;
  // Who is new had none before.
  if (recent.empty()) recent.push_back({});
  recent.back().until = until;  // it was in force until a moment ago
  std::erase_if(recent, [this](const Shares& old) { return old.until <= looked_; });
  if (recent.empty() || recent.back().least != share || recent.back().most != counted) {
    recent.push_back({.least = share, .most = counted, .until = until});
  }
  Shares all = recent.back();
  for (const Shares& each : recent) {
    all.least = std::min(all.least, each.least);
    all.most = std::max(all.most, each.most);
  }
  return all;
}

void Outliers::watch(Watched& watched, const BackendOutcomes& member, const Outcomes& others,
                     double counted, Microseconds now) {
  REQUIRE(0 <= member.share && member.share <= 1);
  if (watched.doublings > 0 && now - watched.good_since >= kGoodTime) {
    --watched.doublings;
    watched.good_since = now;
    watched.whole = 0;
  }
  const Shares shares = dealt(watched, member.share, counted, now);
  const bool is_new = watched.share <= 0;
  watched.share = member.share;
  if (is_new || watched.share <= 0) {
    // Who comes back soon has losses to come of the flows that it had before.
    begin_window(watched, is_new ? std::max(now, watched.judged_from) : now + options_.deadline);
  }
  if (watched.share <= 0 || now < watched.judged_from) return;
  if (now >= watched.window_end || shares.most >= kMostShare) begin_window(watched, now);
  if (shares.most >= kMostShare) return;

  watched.own += member.outcomes;
  watched.others += others;
  const Block block = {.tested = trials_of(member.outcomes), .others = trials_of(others)};
  const double good = block.tested.all - block.tested.bad;
  watched.discounted += {.all = block.tested.bad + good * odds_ratio(shares.most, watched.share),
                         .bad = block.tested.bad};
  watched.deal.take(block.tested.bad, block.bad(), shares.most);
  compare(watched, block, shares);
}

// Collects a block and bets on it, unless shares move so much that there is little to win.
void Outliers::compare(Watched& watched, const Block& outcomes, const Shares& shares) {
  const auto is_fair = [](const Shares& each) {
    return odds_ratio(each.most, each.least) <= kMostOdds;
  };
  if (!is_fair(shares)) {
    watched.block = {};
    return;
  }
  Shares& of_block = watched.of_block;
  const bool is_begun = watched.block.all() > 0;
  const Shares both = {.least = std::min(of_block.least, shares.least),
                       .most = std::max(of_block.most, shares.most)};
  const bool goes_on = is_begun && is_fair(both);
  if (!goes_on) watched.block = {};
  of_block = goes_on ? both : shares;
  watched.block.tested += outcomes.tested;
  watched.block.others += outcomes.others;
  // So long that it should have a flow in it.
  if (watched.block.all() < std::max(8.0, 0.75 / of_block.least)) return;
  watched.difference.take(watched.block, odds_ratio(of_block.most, of_block.least));
  watched.block = {};
}

double Outliers::excess_of(const Watched& watched) {
  const Trials others = trials_of(watched.others);
  const double usual = others.all > 0 ? others.bad / others.all : 0;
  const Trials& own = watched.discounted;
  return own.all > 0 ? own.bad / own.all - usual : 0;
}

bool Outliers::is_outlier(const Watched& watched) const {
  if (watched.is_ejected) return false;
  const bool is_worse = watched.difference.refutes(options_.alpha / 2) &&
                        watched.difference.excess() >= options_.tolerance;
  return is_worse || (watched.deal.refutes(options_.alpha / 2) && watched.own.all() > 0 &&
                      excess_of(watched) >= options_.tolerance);
}

void Outliers::eject_worst(Microseconds now, Changes& ret_changes) {
  std::vector<Record*> outliers;
  size_t out = 0;
  size_t in_service = 0;
  double flows_out = 0;
  for (Record& record : watched_) {
    if (is_outlier(record.second)) outliers.push_back(&record);
    out += record.second.is_ejected;
    in_service += record.second.is_ejected || record.second.share > 0;
    flows_out += record.second.is_ejected ? record.second.share : 0;
  }
  std::ranges::sort(outliers, [](const Record* left, const Record* right) {
    return excess_of(left->second) > excess_of(right->second);
  });
  const size_t most = most_out(in_service);
  const double most_flows = std::max(options_.most, 0.5);
  for (Record* record : outliers) {
    const Watched& watched = record->second;
    const double share = std::max(watched.share, watched.whole);
    if (out >= most || flows_out + share > most_flows) {
      spare(*record, now, ret_changes);
      continue;
    }
    eject(*record, share, now);
    ret_changes.ejected.push_back(watched.ejection);
    ++out;
    flows_out += share;
  }
  out_ = out;
  spared_ = 0;
  for (auto& [name, watched] : watched_) {
    if (watched.is_ejected || watched.spared.until <= now) watched.spared = {};
    spared_ += watched.spared.until != 0 ? 1 : 0;
  }
}

// `share`: that it counts with while it is out.
void Outliers::eject(Record& record, double share, Microseconds now) {
  Watched& watched = record.second;
  const double late = most_of_late(watched);
  watched.recent.clear();
  count_no_longer(late);
  watched.share = share;
  watched.judged_from = now + options_.deadline;
  const Microseconds length = std::min(kFirstEjection << watched.doublings, kLongestEjection);
  if (length < kLongestEjection) ++watched.doublings;
  watched.is_ejected = true;
  watched.ejection = {.backend = record.first,
                      .since = now,
                      .until = now + length,
                      .evidence = evidence_of(watched)};
}

void Outliers::spare(Record& record, Microseconds now, Changes& ret_changes) {
  Watched& watched = record.second;
  const bool is_new = watched.spared.until == 0;
  watched.spared = {
      .backend = record.first, .until = now + kWindow, .evidence = evidence_of(watched)};
  if (is_new) ret_changes.spared.push_back(watched.spared);
}

std::string Outliers::evidence_of(const Watched& watched) {
  return in_words(watched.own, "new flows", "failed") + ", " +
         in_words(watched.others, "of the other backends", "");
}

void Outliers::forget(std::string_view backend) {
  const auto found = watched_.find(backend);
  if (found == watched_.end()) return;
  out_ -= found->second.is_ejected ? 1 : 0;
  spared_ -= found->second.spared.until != 0 ? 1 : 0;
  watched_.erase(found);
}

const Ejection* Outliers::ejection_of(std::string_view backend) const {
  const auto found = watched_.find(backend);
  return found != watched_.end() && found->second.is_ejected ? &found->second.ejection : nullptr;
}

const Spared* Outliers::spared_of(std::string_view backend) const {
  const auto found = watched_.find(backend);
  return found != watched_.end() && found->second.spared.until != 0 ? &found->second.spared
                                                                    : nullptr;
}

std::vector<Spared> Outliers::spared() const {
  std::vector<Spared> spared;
  if (!is_any_spared()) return spared;
  for (const auto& [name, watched] : watched_) {
    if (watched.spared.until != 0) spared.push_back(watched.spared);
  }
  return spared;
}

std::vector<Ejection> Outliers::ejected() const {
  std::vector<Ejection> ejected;
  if (!is_any_ejected()) return ejected;
  for (const auto& [name, watched] : watched_) {
    if (watched.is_ejected) ejected.push_back(watched.ejection);
  }
  return ejected;
}

}  // namespace evenkeel
