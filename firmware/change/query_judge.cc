#include "firmware/change/query_judge.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

double upper(const QueryState& state) { return state.settings.at_most.value_or(HUGE_VAL); }
double lower(const QueryState& state) { return state.settings.at_least.value_or(-HUGE_VAL); }

bool is_above(const QueryState& state) { return state.answer.most > upper(state); }
bool is_below(const QueryState& state) { return state.answer.least < lower(state); }

}  // namespace

const char* name_of(QueryVerdict verdict) {
  return verdict == QueryVerdict::unknown  ? "unknown"
         : verdict == QueryVerdict::inside ? "inside"
                                           : "outside";
}

QueryVerdict QueryState::verdict() const {
  if (answer.kind != QueryAnswer::Kind::numbers) return QueryVerdict::unknown;
  return is_above(*this) || is_below(*this) ? QueryVerdict::outside : QueryVerdict::inside;
}

double QueryState::value() const {
  REQUIRE(answer.kind == QueryAnswer::Kind::numbers);
  if (is_above(*this)) return answer.most;
  const bool is_nearer_below = answer.least - lower(*this) < upper(*this) - answer.most;
  return is_below(*this) || is_nearer_below ? answer.least : answer.most;
}

bool QueryState::is_lasting() const {
  return verdict() == QueryVerdict::outside && answered - outside >= settings.lasting;
}

std::string QueryState::text() const {
  switch (answer.kind) {
    case QueryAnswer::Kind::no_data:
      return "has no data";
    case QueryAnswer::Kind::refused:
    case QueryAnswer::Kind::none:
      return "has no answer: " + answer.why;
    case QueryAnswer::Kind::numbers:
      break;
  }
  const std::string is = "is " + number_text(value());
  if (is_above(*this)) return is + ", where at_most is " + number_text(upper(*this));
  if (is_below(*this)) return is + ", where at_least is " + number_text(lower(*this));
  return is + ", inside its bounds";
}

void QueryJudge::follow(const Settings& settings, Microseconds max_age) {
  std::vector<QueryState> states;
  for (const ServiceSettings& service : settings.services) {
    for (const QuerySettings& query : service.queries) {
      const auto known = std::ranges::find_if(states_, [&](const QueryState& state) {
        return state.service == service.name && state.settings == query;
      });
      if (known != states_.end()) {
        states.push_back(std::move(*known));
      } else {
        REQUIRE(!is_judging_);
        states.push_back({.service = service.name, .settings = query});
      }
    }
  }
  REQUIRE(!is_judging_ || states.size() == states_.size());
  states_ = std::move(states);
  max_age_ = max_age;
}

void QueryJudge::observe(std::string_view service, std::string_view name, QueryAnswer answer,
                         Microseconds now) {
  const auto state = std::ranges::find_if(states_, [&](const QueryState& one) {
    return one.service == service && one.settings.name == name;
  });
  if (state == states_.end()) return;
  const bool was_outside = state->verdict() == QueryVerdict::outside;
  state->answer = std::move(answer);
  state->answered = now;
  if (!was_outside) state->outside = now;
}

void QueryJudge::tick(Microseconds now) {
  for (QueryState& state : states_) {
    if (state.answer.kind == QueryAnswer::Kind::none || now - state.answered <= max_age_) continue;
    state.answer = {.kind = QueryAnswer::Kind::none,
                    .why = "the last one is more than " +
                           std::to_string(max_age_ / kMicrosecondsPerTick) + " s old"};
  }
}

void QueryJudge::begin() {
  is_judging_ = true;
  for (QueryState& state : states_) state.judges = state.verdict() == QueryVerdict::inside;
}

void QueryJudge::end() {
  is_judging_ = false;
  for (QueryState& state : states_) state.judges = false;
}

std::optional<std::string> QueryJudge::objection() const {
  const auto worse = std::ranges::find_if(
      states_, [](const QueryState& state) { return state.judges && state.is_lasting(); });
  if (worse == states_.end()) return std::nullopt;
  return "service " + worse->service + ": its query " + worse->settings.name + " " + worse->text() +
         ", for " + duration_text(worse->settings.lasting) + " now; it was inside before";
}

}  // namespace evenkeel
