// A plan checked as it was built: not the settings, and not the code that built it, but the tables
// that workers would follow. What is checked is what will forward.
#pragma once

#include "firmware/base/status.h"
#include "firmware/exchange/plan.h"
#include "firmware/exchange/spec.h"

namespace evenkeel {

// Checks the invariants of plan.h. A table that `verified` has too was checked with it. Refuses
// with the name of the service at fault.
Status verify_plan(const Plan& plan, const PlanSpec& spec, const Plan* verified);

}  // namespace evenkeel
