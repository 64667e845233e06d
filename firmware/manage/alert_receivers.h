// Who is told of alerts: webhooks, once of what begins and what is over; Alertmanagers, of the same
// at once and of all that fires again and again, as they expect it.
//
// Nothing is queued. Each receiver has the number up to which it knows everything (alerts.h), gets
// what is newer in one POST at a time, and after one that failed waits longer and longer. What it
// does to us - does not answer, answers nonsense, sends us elsewhere - is a trouble and a counter.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "firmware/base/alert.h"
#include "firmware/base/clock.h"
#include "firmware/base/event_loop.h"
#include "firmware/manage/alerts.h"
#include "firmware/settings/settings.h"
#include "firmware/settings/url.h"

namespace evenkeel {

struct PostOffice;

// Control thread only.
class AlertReceivers {
 public:
  // Between two POSTs to one receiver at least; after one that failed at first and at most.
  static constexpr Microseconds kPause = kMicrosecondsPerTick;
  static constexpr Microseconds kLongestPause = 30 * kMicrosecondsPerTick;

  // REQUIRES: the event loop and the alerts outlive it.
  AlertReceivers(boost::asio::io_context& context, const Alerts& alerts);
  // What is under way ends when the loop runs or is gone.
  ~AlertReceivers();
  AlertReceivers(const AlertReceivers&) = delete;
  AlertReceivers& operator=(const AlertReceivers&) = delete;

  // Whom to tell from now on. Who was told before goes on where he is.
  // REQUIRES: settings that were loaded without mistakes.
  void follow(const AlertSettings& settings, const std::string& box,
              const std::vector<CredentialSettings>& credentials);
  // Often.
  void tick(Microseconds now, WallTime wall);

  // Who cannot be told, and which files of credentials are not as they should be.
  std::vector<Alert> troubles() const;

  struct Counts {
    std::string kind;      // webhook or alertmanager
    std::string receiver;  // host and port: what else is in a URL may be a secret
    uint64_t sent = 0;
    uint64_t failed = 0;
  };
  // Those of one kind, host and port as one.
  std::vector<Counts> counts() const;

 private:
  struct Receiver;

  void add(const std::string& url, bool is_alertmanager,
           std::vector<std::shared_ptr<Receiver>>& ret_receivers);
  std::string message_for(const Receiver& receiver, Microseconds now, WallTime wall) const;
  void send(const std::shared_ptr<Receiver>& receiver, std::string message, Microseconds now);

  boost::asio::io_context& context_;
  const Alerts& alerts_;
  const std::shared_ptr<PostOffice> office_;
  AlertSettings settings_;
  std::string box_;
  std::vector<CredentialSettings> credentials_;
  std::vector<std::shared_ptr<Receiver>> receivers_;
};

}  // namespace evenkeel
