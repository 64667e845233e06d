#include "firmware/change/refusal.h"

#include <array>

namespace evenkeel {
namespace {

constexpr std::array<std::string_view, kCodes> kNames = {
    "stale-base",    "not-owner",     "pending-change", "no-change",         "wrong-state",
    "wrong-id",      "bad-settings",  "bad-request",    "nothing-to-commit", "needs-restart",
    "needs-waiver",  "wrong-waiver",  "latched",        "awaiting-approval", "own-change",
    "role",          "no-generation", "no-override",    "last-backend",      "storage",
    "not-published",
};
static_assert(!kNames.back().empty());

}  // namespace

std::string_view name_of(Code code) { return kNames.at(static_cast<size_t>(code)); }

}  // namespace evenkeel
