// Serves /metrics, and nothing else, to whoever asks: for a Prometheus that has no business with
// the API. Whoever can reach it costs the box a bounded number of connections and seconds, and one
// page in a second at most: all who ask meanwhile get the same.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "firmware/base/clock.h"
#include "firmware/base/event_loop.h"
#include "firmware/base/status.h"

namespace evenkeel {

// Control thread only.
class MetricsServer {
 public:
  static constexpr Microseconds kPageTime = kMicrosecondsPerTick;

  // How a page is made, and what time it is.
  struct Parts {
    std::function<std::string()> page;
    std::function<Microseconds()> now;
  };

  // On an address and port as parse_endpoint() has them.
  // REQUIRES: the event loop outlives it, and so does what the parts refer to.
  static Result<std::unique_ptr<MetricsServer>> start(boost::asio::io_context& context,
                                                      const std::string& listen, Parts parts);
  // Nobody is answered any more; connections end when the loop runs or is gone.
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

 private:
  struct State;
  explicit MetricsServer(std::shared_ptr<State> state) : state_(std::move(state)) {}

  std::shared_ptr<State> state_;
};

}  // namespace evenkeel
