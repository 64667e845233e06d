// What the parts of a transaction (transaction*.cc) say in the same words.
#pragma once

#include <optional>
#include <string>

#include "firmware/change/change.h"
#include "firmware/change/identity.h"
#include "firmware/change/refusal.h"

namespace evenkeel {

// In the archive's notes, for the next start: nothing came after that.
inline constexpr const char* kGoesLive = "on probation";

std::string name_of(const Change& change);  // "change 12"
std::string in_words(const Edit& edit);

std::optional<Refusal> refusal_of_role(const Caller& caller, Role least);
Refusal wrong_state(const Change& change, const std::string& advice);
Refusal bad_request(const std::string& message, const std::string& advice);
Refusal too_long();
Refusal storage(const std::string& message);

}  // namespace evenkeel
