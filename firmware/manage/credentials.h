// What requests to others bring along, and whom they believe there: the files of the settings'
// `credentials`, kept as they were read last. They are read by a thread of its own, so that nobody
// waits for a disk that hangs, and again and again, for tokens are replaced while the box runs.
//
// A file that has gone bad is told, and what was read before is used on: an alert that is refused
// is no worse than one that is not sent. What was never read is never left out: without it, a
// request would go to somebody who has not proved who he is, or be refused for nothing.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "firmware/base/alert.h"
#include "firmware/base/clock.h"
#include "firmware/base/errand.h"
#include "firmware/base/status.h"
#include "firmware/manage/credential_file.h"
#include "firmware/settings/settings.h"
#include "firmware/settings/url.h"

namespace evenkeel {

// Control thread only.
class Credentials {
 public:
  // From one reading to the next; and how long one may take before that is told.
  static constexpr Microseconds kInterval = 2 * kMicrosecondsPerTick;
  static constexpr Microseconds kPatience = 2 * kMicrosecondsPerTick;

  Credentials();
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  // Those there are from now on; their files are read at the next tick.
  // REQUIRES: of settings that were loaded without mistakes.
  void follow(std::vector<CredentialSettings> settings);
  // Often.
  void tick(Microseconds now);

  // Of a request to this URL; nothing in it: there are none for it. Says why there are none though
  // there should be. What is being read for the first time is waited for so long.
  // REQUIRES: this outlives it.
  boost::asio::awaitable<Result<Credential>> of(Url url, std::chrono::milliseconds patience);

  // Which files are not as they should be.
  std::vector<Alert> troubles() const;

 private:
  // Of an entry of the settings.
  struct Kept {
    std::optional<Credential> credential;  // as it was read last; none: it never was
    std::string why;                       // the last reading failed; empty: it did not
  };
  struct Reading {
    CredentialSettings settings;
    std::optional<Credential> before;
    std::optional<Credential> found;
    std::string why;

    void read();
  };

  bool is_reading_for_long() const { return is_reading_ && now_ - begun_ > kPatience; }
  void read();
  void take(const std::vector<Reading>& readings);

  std::vector<CredentialSettings> settings_;
  std::vector<Kept> kept_;  // of each of them
  Microseconds now_ = 0;
  Microseconds begun_ = 0;  // the last reading
  bool is_due_ = false;     // a reading, as soon as it can be
  bool is_reading_ = false;
  Errand errand_;
};

}  // namespace evenkeel
