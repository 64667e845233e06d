// A broken invariant stops the process: the watchdog restarts it from the confirmed settings, which
// is better than forwarding by a table that nobody understands. Operating errors use Status
// instead.
#pragma once

namespace evenkeel {

[[noreturn]] void check_failed(const char* file, int line, const char* condition);

}  // namespace evenkeel

// CHECK: an invariant of ours. REQUIRE: a caller's duty, as stated by "REQUIRES:" at the
// declaration.
#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::evenkeel::check_failed(__FILE__, __LINE__, #condition))
#define REQUIRE(condition) CHECK(condition)
