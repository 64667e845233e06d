// What is to be watched: metrics and alerts.
#include <boost/json/array.hpp>
#include <utility>

#include "firmware/base/limits.h"
#include "firmware/manage/alert_messages.h"
#include "firmware/manage/handlers.h"
#include "firmware/manage/metrics.h"

namespace evenkeel::handlers {

Outcome show_metrics(Managed& managed, const Call& /*call*/) {
  return {.body = nullptr, .text = metrics_page(managed)};
}

// Those that fire, and those that are over, the latest first.
Outcome show_alerts(Managed& managed, const Call& call) {
  boost::json::array rows(call.storage);
  if (managed.alerts != nullptr) {
    for (const Alerts::Entry* const entry : managed.alerts->firing()) {
      rows.emplace_back(to_json(*entry));
    }
    for (const Alerts::Entry* const entry : managed.alerts->over(kMaxAlertsOver)) {
      rows.emplace_back(to_json(*entry));
    }
  }
  boost::json::object answer(call.storage);
  answer["alerts"] = std::move(rows);
  return {.body = std::move(answer)};
}

}  // namespace evenkeel::handlers
