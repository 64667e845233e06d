// What an agent has said of its server until now, of which each answer may say a part: as HAProxy
// has it, what an answer does not mention stays as it was said before.
#pragma once

#include "firmware/health/verdict.h"

namespace evenkeel {

AgentReport merged(const AgentReport& before, const AgentReport& said);

// Of its weight in the settings: 0, it wants no new flows; above 1, it wants more.
double part_of(const AgentReport& report);

// Whether it wants no new flows, or none at all.
bool is_set_aside(const AgentReport& report);

}  // namespace evenkeel
