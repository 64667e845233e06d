// Asks the user's own Prometheus the queries of the settings, each on its interval: one connection
// for each question, few at a time, all in the event loop.
//
// However it behaves - slow, silent, endless, talking nonsense - a question ends with an answer
// that says so, and nothing waits for it. Who has been waiting longest for a place is asked first.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firmware/base/alert.h"
#include "firmware/base/clock.h"
#include "firmware/base/event_loop.h"
#include "firmware/change/query_judge.h"
#include "firmware/settings/settings.h"
#include "firmware/settings/url.h"

namespace evenkeel {

struct PostOffice;

// Control thread only.
class Prometheus {
 public:
  struct Answered {
    std::string service;
    std::string name;  // of the query
    QueryAnswer answer;
  };

  // REQUIRES: the event loop outlives it.
  explicit Prometheus(boost::asio::io_context& context);
  // What is under way ends when the loop runs or is gone.
  ~Prometheus();
  Prometheus(const Prometheus&) = delete;
  Prometheus& operator=(const Prometheus&) = delete;

  // Whom to ask what from now on; what is under way is of no interest any more.
  // REQUIRES: settings that were loaded without mistakes.
  void follow(const Settings& settings);
  // Often. What was answered since the last time.
  std::vector<Answered> tick(Microseconds now);

  // Which files of its credentials are not as they should be.
  std::vector<Alert> troubles() const;

  // Host and port; empty: nobody is asked.
  std::string name() const { return url_.has_value() ? host_of(*url_) : ""; }

 private:
  struct Question;

  void ask(const std::shared_ptr<Question>& question);

  boost::asio::io_context& context_;
  const std::shared_ptr<PostOffice> office_;
  std::optional<Url> url_;
  Microseconds interval_ = 0;
  std::vector<std::shared_ptr<Question>> questions_;
  // Of questions_ and of what was followed before.
  const std::shared_ptr<size_t> under_way_;
  size_t first_ = 0;  // of questions_, whom to look at first
};

}  // namespace evenkeel
