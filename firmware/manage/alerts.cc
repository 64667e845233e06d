#include "firmware/manage/alerts.h"

#include <algorithm>
#include <ranges>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace evenkeel {
namespace {

// Those of one id are one, which says what all of them do.
std::vector<Alert> merged(std::vector<Alert> alerts) {
  std::vector<Alert> all;
  std::unordered_map<std::string, size_t> places;
  for (Alert& alert : alerts) {
    const auto [at, is_new] = places.try_emplace(id_of(alert), all.size());
    if (is_new) {
      all.push_back(std::move(alert));
    } else {
      all[at->second].text += "; " + alert.text;
    }
  }
  return all;
}

}  // namespace

void Alerts::set(std::vector<Alert> active, Microseconds now, WallTime wall) {
  size_t unplaced = 0;
  for (Alert& alert : merged(std::move(active))) {
    if (!note(std::move(alert), false, now + kCalm, wall)) ++unplaced;
  }
  if (unplaced > 0) {
    note({.kind = AlertKind::too_many_alerts,
          .labels = {},
          .text = std::to_string(unplaced) + " more than the " + std::to_string(kMaxAlerts) +
                  " that are told one by one"},
         false, now + kCalm, wall);
  }
  end_those_due(now, wall, true);
}

// Whether what set() had is so still, the next one says.
void Alerts::tell(Alert alert, Microseconds now, WallTime wall) {
  end_those_due(now, wall, false);
  note(std::move(alert), true, now + kStands, wall);
}

// Answers whether there was a place for it.
bool Alerts::note(Alert alert, bool is_told, Microseconds ends, WallTime wall) {
  alert.text.resize(std::min(alert.text.size(), kMaxAlertText));
  std::string id = id_of(alert);
  const auto found = firing_.find(id);
  if (found != firing_.end()) {
    found->second.entry.alert.text = std::move(alert.text);
    found->second.ends = std::max(found->second.ends, ends);
    return true;
  }
  const bool has_place =
      is_told ? told_ < kMaxAlertsOver
              : firing_.size() - told_ < kMaxAlerts || alert.kind == AlertKind::too_many_alerts;
  if (!has_place) return false;
  told_ += is_told ? 1 : 0;
  firing_.emplace(std::move(id),
                  Firing{.entry = {.alert = std::move(alert), .number = ++number_, .began = wall},
                         .is_told = is_told,
                         .ends = ends});
  return true;
}

void Alerts::end_those_due(Microseconds now, WallTime wall, bool also_set) {
  for (auto at = firing_.begin(); at != firing_.end();) {
    Firing& firing = at->second;
    if (now < firing.ends || !(firing.is_told || also_set)) {
      ++at;
      continue;
    }
    told_ -= firing.is_told ? 1 : 0;
    firing.entry.number = ++number_;
    firing.entry.ended = std::max(wall, firing.entry.began + 1);  // wall time may step back
    over_.push_back(std::move(firing.entry));
    at = firing_.erase(at);
  }
  if (over_.size() > kMostOver) drop_surplus();
}

// First the oldest of those that have ended again.
void Alerts::drop_surplus() {
  std::unordered_set<std::string> ids;
  std::set<uint64_t> repeated;
  for (const Entry& entry : over_ | std::views::reverse) {
    if (!ids.insert(id_of(entry.alert)).second) repeated.insert(entry.number);
  }
  size_t surplus = std::min(over_.size() - kMostOver, repeated.size());
  std::erase_if(over_, [&](const Entry& entry) {
    if (surplus == 0 || !repeated.contains(entry.number)) return false;
    --surplus;
    return true;
  });
  while (over_.size() > kMostOver) over_.pop_front();
}

std::vector<const Alerts::Entry*> Alerts::firing() const {
  std::vector<const Entry*> entries;
  for (const auto& [id, firing] : firing_) entries.push_back(&firing.entry);
  return entries;
}

std::vector<const Alerts::Entry*> Alerts::over(size_t most) const {
  std::vector<const Entry*> entries;
  for (const Entry& entry : over_ | std::views::reverse) {
    if (entries.size() == most) break;
    entries.push_back(&entry);
  }
  return entries;
}

size_t Alerts::firing(AlertKind kind) const {
  return static_cast<size_t>(std::ranges::count_if(
      firing_, [kind](const auto& each) { return each.second.entry.alert.kind == kind; }));
}

}  // namespace evenkeel
