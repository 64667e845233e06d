#include "firmware/manage/metrics.h"

#include <boost/json/array.hpp>
#include <utility>

#include "firmware/manage/alert_receivers.h"
#include "firmware/manage/alerts.h"
#include "firmware/manage/exposition.h"
#include "firmware/manage/troubles.h"

namespace evenkeel {
namespace {

// A state set: one of the samples is 1.
void tell_change(const Transaction& transaction, Exposition& ret_page) {
  const std::optional<Change>& change = transaction.change();
  ret_page.gauge("evenkeel_change_state", "1 for the state of the change on its way, 0 for others");
  ret_page.sample({{"state", "none"}}, uint64_t{!change.has_value()});
  for (size_t i = 0; i < kChangeStates; ++i) {
    const auto state = static_cast<ChangeState>(i);
    const bool is_it = change.has_value() && change->state == state;
    ret_page.sample({{"state", name_of(state)}}, uint64_t{is_it});
  }
}

void tell_settings(const Managed& managed, Exposition& ret_page) {
  const Transaction& transaction = managed.transaction;
  ret_page.gauge("evenkeel_build_info", "1; its label says which version of keeld this is");
  ret_page.sample({{"version", VERSION}}, uint64_t{1});
  ret_page.gauge("evenkeel_generation_confirmed", "Generation that a start boots",
                 transaction.confirmed().generation);
  ret_page.gauge("evenkeel_generation_in_force", "Generation that forwards now",
                 transaction.in_force());
  tell_change(transaction, ret_page);
  ret_page.gauge("evenkeel_overrides", "Backends that are set aside at run time",
                 transaction.overrides().all().size());
  const boost::json::object status = managed.views.status({});
  ret_page.gauge("evenkeel_troubles", "Sentences on what is wrong, as keel status shows them",
                 troubles_of(managed, status.at("troubles")).size());
}

void tell_alerts(const Alerts& alerts, Exposition& ret_page) {
  ret_page.gauge("evenkeel_alerts_firing", "Alerts that fire now, by name");
  for (size_t i = 0; i < kAlertKinds; ++i) {
    const auto kind = static_cast<AlertKind>(i);
    const AlertInfo& info = info_of(kind);
    ret_page.sample({{"alert", info.name}, {"severity", name_of(info.severity)}},
                    uint64_t{alerts.firing(kind)});
  }
}

void tell_receivers(const AlertReceivers& receivers, Exposition& ret_page) {
  const std::vector<AlertReceivers::Counts> all = receivers.counts();
  if (all.empty()) return;
  ret_page.counter("evenkeel_alert_posts_total", "POSTs that told receivers of alerts");
  for (const AlertReceivers::Counts& one : all) {
    ret_page.sample({{"kind", one.kind}, {"receiver", one.receiver}, {"outcome", "taken"}},
                    one.sent);
    ret_page.sample({{"kind", one.kind}, {"receiver", one.receiver}, {"outcome", "failed"}},
                    one.failed);
  }
}

}  // namespace

std::string metrics_page(const Managed& managed) {
  Exposition page;
  tell_settings(managed, page);
  if (managed.alerts != nullptr) tell_alerts(*managed.alerts, page);
  if (managed.receivers != nullptr) tell_receivers(*managed.receivers, page);
  managed.views.metrics(page);
  return std::move(page.text());
}

}  // namespace evenkeel
