// What is said over a connection, and what is made of the answer; apart from sockets, so that any
// bytes can be tried on it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "firmware/health/verdict.h"

namespace evenkeel {

class Dialogue {
 public:
  Dialogue() = default;
  virtual ~Dialogue() = default;
  Dialogue(const Dialogue&) = delete;
  Dialogue& operator=(const Dialogue&) = delete;

  // What is to be sent by now; each byte is told once.
  virtual std::string to_send() = 0;
  // None: more is needed.
  // REQUIRES: it has not answered yet.
  virtual std::optional<ProbeAnswer> take(std::string_view bytes) = 0;
  // The backend has closed the connection before that.
  virtual ProbeAnswer end() = 0;
  // What there is, if no more comes in time: "connected, but no answer".
  virtual std::string how_far() const = 0;
};

}  // namespace evenkeel
