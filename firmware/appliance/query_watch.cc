#include "firmware/appliance/query_watch.h"

#include <algorithm>
#include <utility>

#include "firmware/change/gates.h"

namespace evenkeel {
namespace {

// Beyond an interval: for the answer, and for others that have to be answered before.
constexpr Microseconds kPatience = 10 * kMicrosecondsPerTick;

// Of queries that do not judge a change, so many are named.
constexpr size_t kNamed = 5;

const Change* live_change(const Transaction& transaction) {
  const std::optional<Change>& change = transaction.change();
  return change && change->state == ChangeState::on_probation ? &*change : nullptr;
}

// Its owner has said that it is meant to make something worse.
bool is_without_trial(const Change& change) {
  return std::ranges::find(change.waivers, kTrial, &Waiver::rule) != change.waivers.end();
}

std::string in_words(const std::vector<QueryState>& states) {
  const auto judging = static_cast<size_t>(std::ranges::count(states, true, &QueryState::judges));
  std::string text =
      "judged by " + std::to_string(judging) + " of " + std::to_string(states.size()) + " queries";
  size_t named = 0;
  for (const QueryState& state : states) {
    if (state.judges || ++named > kNamed) continue;
    text += "; not by " + state.name() + ", which " + state.text();
  }
  if (named > kNamed) text += "; and not by " + std::to_string(named - kNamed) + " more";
  return text;
}

}  // namespace

std::optional<std::string> QueryWatch::tick(const Transaction& transaction, Microseconds now) {
  const Change* const live = live_change(transaction);
  const bool is_other = seen_ != (live == nullptr ? std::nullopt : std::optional(live->id));
  if (is_other) judge_.end();
  follow(transaction.confirmed());
  if (is_other) begin_judging(live);
  for (Prometheus::Answered& each : prometheus_.tick(now)) {
    judge_.observe(each.service, each.name, std::move(each.answer), now);
  }
  judge_.tick(now);
  return judge_.objection();
}

void QueryWatch::follow(const Confirmed& confirmed) {
  if (followed_ == confirmed.generation) return;
  followed_ = confirmed.generation;
  judge_.follow(confirmed.settings, confirmed.settings.prometheus.interval + kPatience);
  prometheus_.follow(confirmed.settings);
}

// Null: none is live any more.
void QueryWatch::begin_judging(const Change* live) {
  seen_ = live == nullptr ? std::nullopt : std::optional(live->id);
  if (live == nullptr || judge_.states().empty() || is_without_trial(*live)) return;
  judge_.begin();
  teller_(*live, in_words(judge_.states()));
}

std::vector<Alert> QueryWatch::alerts() const {
  std::vector<Alert> all = prometheus_.troubles();
  std::string silence;
  size_t silent = 0;
  for (const QueryState& state : judge_.states()) {
    const bool is_refused = state.answer.kind == QueryAnswer::Kind::refused;
    if (is_refused || state.is_lasting()) {
      all.push_back({.kind = is_refused ? AlertKind::query_failed : AlertKind::query_outside,
                     .labels = {{"query", state.settings.name}, {"service", state.service}},
                     .text = "service " + state.service + ": its query " + state.settings.name +
                             " " + state.text()});
    }
    if (state.answer.kind != QueryAnswer::Kind::none || state.answered == 0) continue;
    if (silent++ == 0) silence = state.answer.why;
  }
  if (silent == 0) return all;
  all.push_back({.kind = AlertKind::prometheus_failed,
                 .labels = {{"prometheus", prometheus_.name()}},
                 .text = "the Prometheus at " + prometheus_.name() + " does not answer " +
                         std::to_string(silent) + " of " + std::to_string(judge_.states().size()) +
                         " queries: " + silence});
  return all;
}

}  // namespace evenkeel
