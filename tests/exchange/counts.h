// All that is counted for a backend, by name: so that a test says what differs, and forgets none.
#pragma once

#include <cstdint>

#include "firmware/exchange/evidence.h"
#include "tests/cmocka.h"

namespace evenkeel {

struct NamedCount {
  const char* name;
  uint64_t BackendCounts::* count;
};

inline constexpr NamedCount kCounts[] = {
    {"packets", &BackendCounts::packets},
    {"bytes", &BackendCounts::bytes},
    {"new_flows", &BackendCounts::new_flows},
    {"opened", &BackendCounts::opened},
    {"retried", &BackendCounts::retried},
    {"completed", &BackendCounts::completed},
    {"lost", &BackendCounts::lost},
    {"reset", &BackendCounts::reset},
    {"retried_flows", &BackendCounts::retried_flows},
    {"asked", &BackendCounts::asked},
    {"answered", &BackendCounts::answered},
    {"unanswered", &BackendCounts::unanswered},
    {"good", &BackendCounts::good},
    {"bad", &BackendCounts::bad},
    {"server_resets", &BackendCounts::server_resets},
    {"zero_windows", &BackendCounts::zero_windows},
};
static_assert(sizeof kCounts / sizeof *kCounts * sizeof(uint64_t) == sizeof(BackendCounts));

inline void expect_counts(const BackendCounts& counts, const BackendCounts& expected) {
  for (const NamedCount& named : kCounts) {
    if (counts.*named.count == expected.*named.count) continue;
    fail_msg("%s: %llu instead of %llu", named.name,
             static_cast<unsigned long long>(counts.*named.count),
             static_cast<unsigned long long>(expected.*named.count));
  }
}

}  // namespace evenkeel
