// Times, numbers and sizes as people read and write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "firmware/base/status.h"

namespace evenkeel::keel {

// "90s", "5m", "1h30m", "2d" -> seconds, 1 to 30 days; a number without a unit is refused.
Result<uint64_t> parse_seconds(std::string_view text);

// 4:31, 1:02:03: what is left.
std::string countdown(uint64_t seconds);
// 45s, 4m 31s, 2h 5m, 3d 4h: how long.
std::string how_long(uint64_t seconds);
// "2026-03-01 12:00:05" (UTC) of seconds since 1970.
std::string utc(uint64_t seconds);

// 12,345,678
std::string grouped(uint64_t number);
// 12.3k, 4.56M: four characters or so.
std::string shortened(double number);
// 12.3 % with as many digits as tell something: 0.04 %, 3.2 %, 25.0 %, 100 %.
std::string percent(double percentage);

// 0.24 ms, 3.1 ms, 812 ms.
std::string milliseconds(double number);

// A generation's, change's or override's number: digits only, not 0.
std::optional<uint64_t> parse_id(std::string_view text);

}  // namespace evenkeel::keel
