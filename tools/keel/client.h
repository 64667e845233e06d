// The box's API over its Unix socket: one request, one answer, JSON both ways. Nothing that the
// other end does, or does not do, takes longer than a time-out or more memory than a bound.
#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "firmware/base/status.h"

namespace evenkeel::keel {

// What the box answered, as text: JSON, or nothing at all.
struct Answer {
  unsigned status = 0;  // of HTTP
  std::string text;

  bool is_good() const { return status >= 200 && status < 300; }
  // An error: it is no JSON.
  Result<boost::json::value> body() const;
};

class Client {
 public:
  using Waiting = std::function<bool(std::chrono::milliseconds)>;

  // `waiting` is told every now and then how long an answer is taking already, and says whether to
  // go on waiting.
  Client(std::string socket_path, std::chrono::seconds timeout, Waiting waiting)
      : socket_path_(std::move(socket_path)), timeout_(timeout), waiting_(std::move(waiting)) {}

  // An error: nobody answered, or not in a way that can be understood.
  Result<Answer> get(std::string_view target) const { return ask("GET", target, std::nullopt); }
  Result<Answer> post(std::string_view target, const boost::json::value& body) const {
    return ask("POST", target, body);
  }
  Result<Answer> remove(std::string_view target) const {
    return ask("DELETE", target, std::nullopt);
  }

  const std::string& socket_path() const { return socket_path_; }

 private:
  Result<Answer> ask(std::string_view method, std::string_view target,
                     const std::optional<boost::json::value>& body) const;

  std::string socket_path_;
  std::chrono::seconds timeout_;
  Waiting waiting_;
};

// What a target may not have in it, as %XX: for a part of a path or the value of a query.
std::string encoded(std::string_view text);

}  // namespace evenkeel::keel
