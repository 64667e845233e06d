// When a backend is asked again.
#pragma once

#include <cstdint>

#include "firmware/base/clock.h"
#include "firmware/health/verdict.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

// From one question to the next: the check's interval, or the fast one while the last answers speak
// against what is held; shortened by chance, at most by the check's jitter. Never 0.
Microseconds next_interval(const CheckSettings& check, const Verdict& verdict, uint64_t random);

}  // namespace evenkeel
