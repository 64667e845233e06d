// What a person who reviews a change should ask, made from what this one does: a few questions,
// each asked of the services that it concerns, and no more of them than people read.
#pragma once

#include <string>
#include <vector>

#include "firmware/change/impact.h"

namespace evenkeel {

// REQUIRES: all else of the impact is filled in. Nothing changes: nothing to ask.
std::vector<std::string> checklist_of(const Impact& impact, const Settings& after);

}  // namespace evenkeel
