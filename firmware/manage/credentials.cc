#include "firmware/manage/credentials.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

#include "firmware/settings/requests.h"

namespace evenkeel {
namespace {

namespace asio = boost::asio;

// How often somebody who waits looks whether it is read.
constexpr std::chrono::milliseconds kLook{10};

constexpr const char* kNoDisk = "the disk with their files does not answer";

}  // namespace

void Credentials::Reading::read() {
  Result<Credential> credential = read_credential(settings, before);
  if (credential.ok()) {
    found = std::move(credential.value());
  } else {
    why = credential.message();
  }
}

Credentials::Credentials() { errand_.set_patience(Errand::Patience(0)); }

void Credentials::follow(std::vector<CredentialSettings> settings) {
  std::vector<Kept> kept(settings.size());
  for (size_t i = 0; i < settings.size(); ++i) {
    const auto known = std::ranges::find(settings_, settings[i]);
    if (known != settings_.end()) {
      kept[i] = kept_[static_cast<size_t>(known - settings_.begin())];
    }
  }
  settings_ = std::move(settings);
  kept_ = std::move(kept);
  is_due_ = true;
}

void Credentials::tick(Microseconds now) {
  now_ = now;
  if (!errand_.is_free()) return;
  if (!is_due_ && now_ - begun_ < kInterval) return;
  is_due_ = false;
  if (!settings_.empty()) read();
}

void Credentials::read() {
  const auto readings = std::make_shared<std::vector<Reading>>();
  for (size_t i = 0; i < settings_.size(); ++i) {
    readings->push_back(
        {.settings = settings_[i], .before = kept_[i].credential, .found = {}, .why = {}});
  }
  begun_ = now_;
  is_reading_ = true;
  const auto end = [this, readings] { take(*readings); };
  if (errand_.run([readings] { std::ranges::for_each(*readings, &Reading::read); }, end)) end();
}

// Of what is followed no more, nothing is kept.
void Credentials::take(const std::vector<Reading>& readings) {
  is_reading_ = false;
  for (size_t i = 0; i < settings_.size(); ++i) {
    const auto reading = std::ranges::find(readings, settings_[i], &Reading::settings);
    if (reading == readings.end()) continue;
    kept_[i].why = reading->why;
    if (reading->found) kept_[i].credential = reading->found;
  }
}

asio::awaitable<Result<Credential>> Credentials::of(Url url, std::chrono::milliseconds patience) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (;; patience -= kLook) {
    errand_.is_free();  // takes what has been read
    const CredentialSettings* const entry = credentials_of(url, settings_);
    if (entry == nullptr) co_return Credential{};
    const Kept& kept = kept_[static_cast<size_t>(entry - settings_.data())];
    if (kept.credential) co_return *kept.credential;
    if (!kept.why.empty()) co_return Error{kept.why};
    if (patience <= std::chrono::milliseconds(0)) co_return Error{kNoDisk};
    timer.expires_after(kLook);
    boost::system::error_code error;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
}

std::vector<Alert> Credentials::troubles() const {
  std::vector<Alert> troubles;
  for (size_t i = 0; i < settings_.size(); ++i) {
    const std::string why = is_reading_for_long() ? kNoDisk : kept_[i].why;
    if (why.empty()) continue;
    const std::string& name = settings_[i].name;
    std::string text = "credentials ";
    text.append(name).append(": ").append(why);
    text += kept_[i].credential ? "; what was read before is still used"
                                : "; nothing is sent without them";
    troubles.push_back({.kind = AlertKind::credentials_failed,
                        .labels = {{"credentials", name}},
                        .text = std::move(text)});
  }
  return troubles;
}

}  // namespace evenkeel
