// What is held of backends, as a text that outlives a restart: JSON, which an operator can read.
// Whatever is not as it was written here is refused as a whole: it is known again in seconds.
//
// Times within it are how long ago, for the clock of another run says nothing. A verdict is as old
// as the text that has it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/base/address.h"
#include "firmware/base/clock.h"
#include "firmware/base/status.h"
#include "firmware/health/verdict.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

struct RememberedBackend {
  std::string service;
  std::string backend;
  Address address;
  uint16_t port = 0;   // that traffic goes to
  uint64_t check = 0;  // which one said so: check_digest()
  Verdict::Kept verdict;
  AgentReport agent;

  friend bool operator==(const RememberedBackend&, const RememberedBackend&) = default;
};

// Equal of equal checks.
uint64_t check_digest(const CheckSettings& check);

// REQUIRES: no verdict is of the future.
std::string write_health(const std::vector<RememberedBackend>& backends, Microseconds now,
                         WallTime wall);

// Times are by `now`, which is `wall`. Refused: what is damaged, older than that, or of the future.
Result<std::vector<RememberedBackend>> read_health(std::string_view text, Microseconds now,
                                                   WallTime wall, Microseconds max_age);

}  // namespace evenkeel
