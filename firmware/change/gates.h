// What every candidate has to pass before it is in force, whichever way it came: text without
// mistakes, nothing that only a restart brings, credentials whose files can be used, a plan, and no
// rule that refuses it unless it was waived by its name and with a reason.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/change/box.h"
#include "firmware/change/change.h"
#include "firmware/change/impact.h"
#include "firmware/change/overrides.h"
#include "firmware/change/refusal.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

// By this name the latch of a text is waived.
inline constexpr std::string_view kLatched = "latched";
// Waived, a change comes into force for all flows at once, and is compared with nothing.
inline constexpr std::string_view kTrial = "trial";

struct Assessment {
  Checked checked;
  Settings settings;                       // of the text. If checked.ok():
  std::shared_ptr<const Settings> wanted;  // the same with the overrides, as previewed
  Impact impact;
};

// How it would be if `text` came in force in place of `before`, at this moment. And when all
// overrides have ended: then the text is in force as it is written, in place of `confirmed`, and no
// gate will judge that any more.
Assessment assess(const std::string& text, const Overrides& overrides, const Settings& confirmed,
                  const Side& before, Box& box);

// The first of these that holds is why a change does not go on.
std::optional<Refusal> refusal_of(const Checked& checked);
std::optional<Refusal> refusal_of_unwaived(const std::vector<Hit>& hits,
                                           std::span<const Waiver> waivers);
// A waiver that waives nothing: misspelt, or for another change.
std::optional<Refusal> refusal_of_waivers(const std::vector<Hit>& hits,
                                          std::span<const Waiver> waivers, bool is_latched);

// Text that people gave as a reason; `what` it is for.
std::optional<Refusal> refusal_of_reason(std::string_view reason, std::string_view what);

}  // namespace evenkeel
