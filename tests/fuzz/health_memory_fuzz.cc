// Any bytes as the text of what is held of backends: read as a whole or refused by a sentence; and
// what is read can be a verdict, and is read again as it was written.
#include <cstddef>
#include <cstdint>
#include <string>

#include "firmware/base/check.h"
#include "firmware/health/health_memory.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace evenkeel;
  constexpr Microseconds kNow = 1'000'000'000;
  constexpr WallTime kWall = 1'000;
  const auto read = [](std::string_view text) { return read_health(text, kNow, kWall, kWall); };
  const auto backends = read({reinterpret_cast<const char*>(data), size});
  if (!backends.ok()) {
    CHECK(!backends.message().empty());
    return 0;
  }
  for (const RememberedBackend& each : backends.value()) {
    const Verdict verdict(each.verdict);
    CHECK(verdict.is_decided() && verdict.since() <= kNow);
    CHECK(verdict.recovered() <= kNow && verdict.fell() <= kNow);
    CHECK(verdict.good_needed(CheckSettings()) <= 32);
  }
  const std::string written = write_health(backends.value(), kNow, kWall);
  const auto again = read(written);
  CHECK(again.ok() && again.value() == backends.value());
  return 0;
}
