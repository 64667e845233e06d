// What happened just before something was found to be wrong: a change, or a failure, that may be
// the reason. Whoever is told of the one is told of the other.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "firmware/base/clock.h"

namespace evenkeel {

class Causes {
 public:
  // How long before; and how many are remembered.
  static constexpr Microseconds kBefore = 60 * kMicrosecondsPerTick;
  static constexpr size_t kMost = 256;

  // `service` that it is about; empty: any.
  void note(std::string_view service, std::string_view what, Microseconds now);

  // The latest that may explain what began at `since`: ", 3 s after: a change went live"; empty:
  // none.
  std::string before(std::string_view service, Microseconds since) const;

 private:
  struct Cause {
    std::string service;
    std::string what;
    Microseconds when = 0;
  };

  std::deque<Cause> causes_;  // by when
};

}  // namespace evenkeel
