// Who looks after the box from outside: what is wrong becomes alerts, which go to systemd's journal
// and to the receivers of the settings; and /metrics is served where the settings say.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "firmware/appliance/log.h"
#include "firmware/base/clock.h"
#include "firmware/base/event_loop.h"
#include "firmware/manage/alert_receivers.h"
#include "firmware/manage/alerts.h"
#include "firmware/manage/journal_socket.h"
#include "firmware/manage/metrics_server.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

class Watch {
 public:
  // How often it is asked what is wrong.
  static constexpr Microseconds kInterval = 200'000;

  // `page` makes the metrics.
  // REQUIRES: all outlive it.
  Watch(boost::asio::io_context& context, const Log& log, MetricsServer::Parts page)
      : context_(context), log_(log), page_(std::move(page)), receivers_(context, alerts_) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Often. `wrongs` says what is wrong at this moment. Whom confirmed settings name is told as
  // well: a change on probation is not to silence who would tell of it.
  void tick(const Settings& settings, const Settings& confirmed,
            const std::function<std::vector<Alert>()>& wrongs, Microseconds now, WallTime wall);
  // Of what has happened.
  void tell(Alert alert, Microseconds now, WallTime wall);
  // Who remembers what begins and what is over.
  void set_recorder(std::function<void(const Alerts::Entry&)> recorder) {
    recorder_ = std::move(recorder);
  }

  const Alerts& alerts() const { return alerts_; }
  const AlertReceivers& receivers() const { return receivers_; }

 private:
  void serve_metrics(const std::string& listen, Microseconds now);
  void tell_journal();

  boost::asio::io_context& context_;
  const Log& log_;
  const MetricsServer::Parts page_;
  std::function<void(const Alerts::Entry&)> recorder_;  // none: nobody
  Alerts alerts_;
  AlertReceivers receivers_;
  const JournalSocket journal_;
  uint64_t told_ = 0;  // to the journal: all up to this number
  Microseconds looked_ = 0;

  std::unique_ptr<MetricsServer> metrics_;  // null: none is wanted, or none could be started
  std::string listen_;                      // where it is to be
  std::string no_metrics_;                  // why it is not
  Microseconds metrics_again_ = 0;          // not before
};

}  // namespace evenkeel
