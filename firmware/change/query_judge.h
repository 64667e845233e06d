// What the user's own monitoring says of a change. Each query of a service has bounds, and an
// answer from time to time; one that was inside its bounds when the change went live, and then is
// outside for as long as its settings say, is enough to go back - whichever service it is of, for
// what a change does to one service may hurt another on the same servers.
//
// What was outside before is not blamed on the change, nor is anything made of silence: a query
// that has no data or no answer is no evidence, in either direction.
//
// Apart from connections: settings, answers and the time are passed in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

struct QueryAnswer {
  enum class Kind : uint8_t {
    numbers,
    no_data,  // no series, or NaN
    refused,  // the query is at fault
    none,     // who is asked does not say
  };

  Kind kind = Kind::none;
  double least = 0;  // of numbers
  double most = 0;
  std::string why;  // of refused and none
};

enum class QueryVerdict : uint8_t { unknown, inside, outside };
// "unknown", "inside" or "outside".
const char* name_of(QueryVerdict verdict);

struct QueryState {
  std::string service;
  QuerySettings settings;
  QueryAnswer answer = {.kind = QueryAnswer::Kind::none, .why = "it has not been answered yet"};
  Microseconds answered = 0;  // when
  Microseconds outside = 0;   // since when, without a break; of verdict outside
  bool judges = false;        // the change on its way

  std::string name() const { return service + "/" + settings.name; }
  QueryVerdict verdict() const;
  // The number that is outside; if none is, the one that is nearest to a bound.
  // REQUIRES: numbers
  double value() const;
  // Outside for as long as the settings say.
  bool is_lasting() const;
  // How it is, for people: "is 0.31, where at_most is 0.02".
  std::string text() const;
};

// Invariants:
// 1. Who judges was inside when the change began, and stays who judges until it ends.
// 2. The bounds are those that were followed when the change began.
// 3. What was answered longer ago than max_age is no evidence.
class QueryJudge {
 public:
  // Of each service; what is known of queries that stay as they are stays known.
  // REQUIRES: while a change is judged, they stay as they are.
  void follow(const Settings& settings, Microseconds max_age);

  // Of a query that is not followed any more: of no interest.
  void observe(std::string_view service, std::string_view name, QueryAnswer answer,
               Microseconds now);
  // Often.
  void tick(Microseconds now);

  // A change is live from now on.
  void begin();
  // It is confirmed or gone.
  void end();
  bool is_judging() const { return is_judging_; }
  // Why the change should go back, one sentence; none: it may stay, as far as is known.
  std::optional<std::string> objection() const;

  // In the order of the settings.
  const std::vector<QueryState>& states() const { return states_; }

 private:
  std::vector<QueryState> states_;
  Microseconds max_age_ = 0;
  bool is_judging_ = false;
};

}  // namespace evenkeel
