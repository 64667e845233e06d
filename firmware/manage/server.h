// The API's server: HTTP over a Unix socket for the box's own users, and, if api.listen is set,
// over TLS for those who look from afar. It runs on the control thread's event loop between
// everything else, so whatever clients do costs the box a bounded number of connections, bytes and
// seconds: who is too slow is cut off, who is too many or too large is told so.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "firmware/base/alert.h"
#include "firmware/base/clock.h"
#include "firmware/base/event_loop.h"
#include "firmware/base/status.h"
#include "firmware/manage/route.h"

namespace evenkeel {

struct Instant {
  Microseconds now = 0;  // monotonic
  WallTime wall = 0;
};

// Control thread only.
class Server {
 public:
  // Listens as managed.settings say; an error names why the Unix socket cannot be. What is wrong
  // with TLS is a trouble only, for the box is to be managed nevertheless.
  // REQUIRES: the event loop and what is managed outlive it.
  static Result<std::unique_ptr<Server>> start(boost::asio::io_context& context, Managed managed,
                                               std::function<Instant()> clock);
  // No request is answered any more; connections end when the loop runs or is gone.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Why some cannot look from afar though the settings want it.
  std::vector<Alert> troubles() const;
  // Of the TLS socket; 0: there is none.
  uint16_t remote_port() const;

 private:
  struct State;
  explicit Server(std::shared_ptr<State> state) : state_(std::move(state)) {}

  std::shared_ptr<State> state_;
};

}  // namespace evenkeel
