#include "firmware/manage/troubles.h"

#include <algorithm>
#include <array>
#include <string>

namespace evenkeel {
namespace {

// Found wrong by who passes alerts on, or asks others: nobody else knows them.
constexpr std::array kOfOthers = {AlertKind::receiver_failed,   AlertKind::metrics_failed,
                                  AlertKind::prometheus_failed, AlertKind::query_failed,
                                  AlertKind::query_outside,     AlertKind::credentials_failed};

}  // namespace

boost::json::array troubles_of(const Managed& managed, const boost::json::value& known) {
  boost::json::array all = known.is_array() ? known.as_array() : boost::json::array();
  const auto tell = [&](const std::string& trouble) {
    if (!trouble.empty()) all.emplace_back(trouble);
  };
  for (const Alert& alert : managed.transaction.troubles()) tell(alert.text);
  if (managed.warnings != nullptr) std::ranges::for_each(*managed.warnings, tell);
  tell(managed.remote_trouble);
  tell(managed.tokens_trouble);
  if (managed.alerts == nullptr) return all;
  for (const Alerts::Entry* const entry : managed.alerts->firing()) {
    const AlertKind kind = entry->alert.kind;
    if (std::ranges::find(kOfOthers, kind) != kOfOthers.end()) tell(entry->alert.text);
  }
  return all;
}

}  // namespace evenkeel
