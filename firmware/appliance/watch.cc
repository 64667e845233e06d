#include "firmware/appliance/watch.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "firmware/manage/alert_messages.h"
#include "firmware/settings/requests.h"
#include "firmware/settings/url.h"

namespace evenkeel {
namespace {

constexpr Microseconds kMetricsRetry = 5 * kMicrosecondsPerTick;

AlertSettings both(AlertSettings one, const AlertSettings& other) {
  const auto add = [](std::vector<std::string>& all, const std::vector<std::string>& more) {
    for (const std::string& url : more) {
      if (std::ranges::find(all, url) == all.end()) all.push_back(url);
    }
  };
  add(one.webhooks, other.webhooks);
  add(one.alertmanagers, other.alertmanagers);
  return one;
}

// Whom confirmed settings name is told as they say: a change that gets a secret wrong is not to
// silence who would tell of it.
std::vector<CredentialSettings> credentials_of_both(const Settings& settings,
                                                    const Settings& confirmed) {
  std::vector<CredentialSettings> all = confirmed.credentials;
  const std::vector<Url> told = alert_urls(confirmed.alerts);
  for (const CredentialSettings& each : settings.credentials) {
    const std::optional<Url> start = parse_url(each.url);
    const bool is_of_confirmed =
        std::ranges::any_of(told, [&](const Url& url) { return is_within(url, *start); });
    const bool is_known = std::ranges::find(all, each) != all.end();
    if (!is_of_confirmed && !is_known) all.push_back(each);
  }
  return all;
}

}  // namespace

void Watch::tick(const Settings& settings, const Settings& confirmed,
                 const std::function<std::vector<Alert>()>& wrongs, Microseconds now,
                 WallTime wall) {
  if (looked_ != 0 && now - looked_ < kInterval) return;
  looked_ = now;
  serve_metrics(settings.metrics.listen, now);
  receivers_.follow(both(settings.alerts, confirmed.alerts), settings.name,
                    credentials_of_both(settings, confirmed));
  std::vector<Alert> all = wrongs();
  std::ranges::move(receivers_.troubles(), std::back_inserter(all));
  if (!no_metrics_.empty()) {
    all.push_back({.kind = AlertKind::metrics_failed, .labels = {}, .text = no_metrics_});
  }
  std::ranges::sort(all, {}, [](const Alert& one) { return info_of(one.kind).severity; });
  alerts_.set(std::move(all), now, wall);
  tell_journal();
  receivers_.tick(now, wall);
}

void Watch::tell(Alert alert, Microseconds now, WallTime wall) {
  alerts_.tell(std::move(alert), now, wall);
}

void Watch::serve_metrics(const std::string& listen, Microseconds now) {
  if (listen != listen_) {
    metrics_.reset();
    no_metrics_.clear();
    listen_ = listen;
    metrics_again_ = 0;
  }
  if (listen_.empty() || metrics_ != nullptr || now < metrics_again_) return;
  Result<std::unique_ptr<MetricsServer>> server = MetricsServer::start(context_, listen_, page_);
  metrics_again_ = now + kMetricsRetry;
  no_metrics_ = server.ok() ? "" : server.message();
  if (server.ok()) metrics_ = std::move(server.value());
}

// What the journal does not take, as when there is none, is in the log instead.
void Watch::tell_journal() {
  std::vector<const Alerts::Entry*> news;
  for (const std::vector<const Alerts::Entry*>& entries : {alerts_.firing(), alerts_.over()}) {
    std::ranges::copy_if(entries, std::back_inserter(news),
                         [this](const Alerts::Entry* entry) { return entry->number > told_; });
  }
  std::ranges::sort(news, {}, [](const Alerts::Entry* entry) { return entry->number; });
  for (const Alerts::Entry* const entry : news) {
    if (recorder_) recorder_(*entry);
    if (journal_.send(journal_message(*entry))) continue;
    log_.write(entry->fires() ? Level::warning : Level::notice, line_of(*entry));
  }
  told_ = alerts_.number();
}

}  // namespace evenkeel
