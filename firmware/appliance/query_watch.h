// The user's own monitoring, as evidence of changes: asks the queries of the settings, and says
// when a change that is live should go back by them (change/query_judge.h).
//
// What is asked is what is confirmed: by what a change itself brings it is not judged.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "firmware/base/alert.h"
#include "firmware/base/clock.h"
#include "firmware/base/event_loop.h"
#include "firmware/change/query_judge.h"
#include "firmware/change/transaction.h"
#include "firmware/manage/prometheus.h"

namespace evenkeel {

class QueryWatch {
 public:
  // Who is told, when a change goes live, by which queries it is judged and by which it is not.
  using Teller = std::function<void(const Change& change, const std::string& what)>;

  // REQUIRES: the event loop outlives it.
  QueryWatch(boost::asio::io_context& context, Teller teller)
      : prometheus_(context), teller_(std::move(teller)) {}

  // Often. Why the change should go back; none: it may stay.
  std::optional<std::string> tick(const Transaction& transaction, Microseconds now);

  const QueryJudge& judge() const { return judge_; }
  // What is outside its bounds, who does not answer, and with what he cannot be asked.
  std::vector<Alert> alerts() const;

 private:
  void follow(const Confirmed& confirmed);
  void begin_judging(const Change* live);

  Prometheus prometheus_;
  QueryJudge judge_;
  const Teller teller_;
  std::optional<uint64_t> followed_;  // a generation
  std::optional<uint64_t> seen_;      // the change that is live
};

}  // namespace evenkeel
