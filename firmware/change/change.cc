#include "firmware/change/change.h"

#include <array>

namespace evenkeel {
namespace {

constexpr std::array<std::string_view, kChangeStates> kNames = {
    "candidate",  "checked",   "planned",     "awaiting-approval", "on-probation",
    "going-back", "confirmed", "rolled-back", "discarded",
};
static_assert(!kNames.back().empty());

}  // namespace

std::string_view name_of(ChangeState state) { return kNames.at(static_cast<size_t>(state)); }

}  // namespace evenkeel
