#include "firmware/manage/alert_receivers.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

#include "firmware/manage/alert_messages.h"
#include "firmware/manage/http_post.h"
#include "firmware/settings/requests.h"

namespace evenkeel {
namespace {

namespace asio = boost::asio;

// Alertmanager takes an alert to be over when nobody has told it again for so many repeats.
constexpr Microseconds kRepeatsToEnd = 4;

}  // namespace

struct AlertReceivers::Receiver {
  std::string text;  // as the settings have it
  bool is_alertmanager = false;
  Url url;

  uint64_t joined = 0;  // number of the alerts then: what was over before is no news
  uint64_t knows = 0;   // all alerts up to this number
  bool is_busy = false;
  Microseconds next = 0;        // not before
  Microseconds repeat = 0;      // of an Alertmanager: when to tell it all again
  Microseconds pause = kPause;  // after the next failure
  bool has_failed = false;      // the POST that ended last, which tick() has yet to see to
  std::string why;              // the last POST failed; empty: it did not
  uint64_t sent = 0;
  uint64_t failed = 0;

  std::string name() const { return host_of(url); }
  const char* kind() const { return is_alertmanager ? "alertmanager" : "webhook"; }

  // How a POST ended that had told all up to this number.
  void end(const std::string& error, uint64_t number) {
    is_busy = false;
    has_failed = !error.empty();
    why = error;
    if (has_failed) {
      ++failed;
      repeat = 0;
    } else {
      ++sent;
      knows = number;
    }
  }
};

AlertReceivers::AlertReceivers(asio::io_context& context, const Alerts& alerts)
    : context_(context), alerts_(alerts), office_(std::make_shared<PostOffice>()) {}

AlertReceivers::~AlertReceivers() = default;

void AlertReceivers::follow(const AlertSettings& settings, const std::string& box,
                            const std::vector<CredentialSettings>& credentials) {
  if (settings == settings_ && box == box_ && credentials == credentials_) return;
  std::vector<std::shared_ptr<Receiver>> receivers;
  for (const std::string& url : settings.webhooks) add(url, false, receivers);
  for (const std::string& url : settings.alertmanagers) add(url, true, receivers);
  receivers_ = std::move(receivers);
  settings_ = settings;
  box_ = box;
  credentials_ = credentials;
  office_->credentials.follow(credentials_of(alert_urls(settings_), credentials_));
}

// One that is named twice is told once.
void AlertReceivers::add(const std::string& url, bool is_alertmanager,
                         std::vector<std::shared_ptr<Receiver>>& ret_receivers) {
  const auto is_it = [&](const std::shared_ptr<Receiver>& one) {
    return one->text == url && one->is_alertmanager == is_alertmanager;
  };
  if (std::ranges::any_of(ret_receivers, is_it)) return;
  const auto known = std::ranges::find_if(receivers_, is_it);
  if (known != receivers_.end()) return ret_receivers.push_back(*known);
  auto receiver = std::make_shared<Receiver>();
  receiver->text = url;
  receiver->is_alertmanager = is_alertmanager;
  receiver->url = is_alertmanager ? alertmanager_url(url) : webhook_url(url);
  receiver->joined = alerts_.number();
  ret_receivers.push_back(std::move(receiver));
}

void AlertReceivers::tick(Microseconds now, WallTime wall) {
  office_->tick(now);
  for (const std::shared_ptr<Receiver>& receiver : receivers_) {
    if (receiver->is_busy) continue;
    if (std::exchange(receiver->has_failed, false)) {
      receiver->next = now + receiver->pause;
      receiver->pause = std::min(2 * receiver->pause, kLongestPause);
    } else if (receiver->why.empty()) {
      receiver->pause = kPause;
    }
    if (now < receiver->next) continue;
    std::string message = message_for(*receiver, now, wall);
    if (!message.empty()) send(receiver, std::move(message), now);
  }
}

// Empty: there is nothing to tell.
std::string AlertReceivers::message_for(const Receiver& receiver, Microseconds now,
                                        WallTime wall) const {
  const bool is_due = receiver.is_alertmanager && now >= receiver.repeat;
  std::vector<const Alerts::Entry*> entries;
  for (const Alerts::Entry* const entry : alerts_.firing()) {
    if (is_due || entry->number > receiver.knows) entries.push_back(entry);
  }
  for (const Alerts::Entry* const entry : alerts_.over()) {
    if (entry->number > std::max(receiver.knows, receiver.joined)) entries.push_back(entry);
  }
  if (entries.empty()) return "";
  // In the order in which it came: of one that ended and began again, the beginning is to be last.
  std::ranges::sort(entries, {}, &Alerts::Entry::number);
  return receiver.is_alertmanager
             ? alertmanager_message(entries, box_, wall + kRepeatsToEnd * settings_.repeat)
             : webhook_message(entries, box_, wall);
}

void AlertReceivers::send(const std::shared_ptr<Receiver>& receiver, std::string message,
                          Microseconds now) {
  receiver->is_busy = true;
  receiver->next = now + kPause;
  if (now >= receiver->repeat) receiver->repeat = now + settings_.repeat;
  const auto end = [receiver, office = office_, number = alerts_.number()](
                       const std::exception_ptr& thrown, const Status& status) {
    receiver->end(thrown != nullptr ? "no memory" : status.ok() ? "" : status.message(), number);
  };
  asio::co_spawn(context_, post(receiver->url, std::move(message), *office_), end);
}

std::vector<Alert> AlertReceivers::troubles() const {
  std::vector<Alert> troubles = office_->credentials.troubles();
  for (const std::shared_ptr<Receiver>& receiver : receivers_) {
    if (receiver->why.empty()) continue;
    troubles.push_back({.kind = AlertKind::receiver_failed,
                        .labels = {{"kind", receiver->kind()}, {"receiver", receiver->name()}},
                        .text = std::string("the ") + receiver->kind() + " at " + receiver->name() +
                                " is not told of alerts: " + receiver->why});
  }
  return troubles;
}

std::vector<AlertReceivers::Counts> AlertReceivers::counts() const {
  std::vector<Counts> counts;
  for (const std::shared_ptr<Receiver>& receiver : receivers_) {
    const auto is_it = [&](const Counts& one) {
      return one.kind == receiver->kind() && one.receiver == receiver->name();
    };
    auto row = std::ranges::find_if(counts, is_it);
    if (row == counts.end()) {
      row = counts.insert(row, {.kind = receiver->kind(), .receiver = receiver->name()});
    }
    row->sent += receiver->sent;
    row->failed += receiver->failed;
  }
  return counts;
}

}  // namespace evenkeel
