// Whether a specification can be honoured at all, before any memory is asked for or table filled.
#pragma once

#include "firmware/base/status.h"
#include "firmware/exchange/spec.h"

namespace evenkeel {

// Refuses with a sentence that names the backend or service at fault, and the limit.
Status check_spec(const PlanSpec& spec);

}  // namespace evenkeel
