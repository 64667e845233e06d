// A change of the settings on its way: plain values, for whoever shows it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/change/archive.h"
#include "firmware/change/identity.h"
#include "firmware/change/impact.h"
#include "firmware/settings/settings.h"
#include "firmware/settings/source.h"

namespace evenkeel {

enum class ChangeState : uint8_t {
  candidate,          // a text that somebody works on
  checked,            // without mistakes
  planned,            // somebody has seen what it would do
  awaiting_approval,  // stored; somebody else is to release it
  on_probation,       // in force, until its deadline
  going_back,         // it ended, and what is confirmed could not be put in force yet
  // What has ended:
  confirmed,
  rolled_back,
  discarded,
};
inline constexpr size_t kChangeStates = static_cast<size_t>(ChangeState::discarded) + 1;

// "on-probation": stable, for programs.
std::string_view name_of(ChangeState state);

// NOLINTBEGIN(readability-redundant-member-init): GCC wants them, where one is made of a few.
struct Change {
  // The number of the generation that it is to be. Before the commit it may still rise; from then
  // on no other change ever has it.
  uint64_t id = 0;
  Identity owner;
  ChangeState state = ChangeState::candidate;
  uint64_t base = 0;
  uint64_t generation = 0;  // 0: not stored
  WallTime opened = 0;
  Microseconds window = 0;                 // to confirm it; 0: not committed
  std::optional<Microseconds> deadline{};  // on probation: monotonic
  std::string why{};
  std::vector<Waiver> waivers{};
  bool needs_approval = false;  // by the confirmed settings
  std::string approver{};       // who released it; empty: nobody
  std::string outcome{};        // why it ended so
  std::string text;
};
// NOLINTEND(readability-redundant-member-init)

// How the outcome begins, and is told in the journal, of a change that nobody took back.
inline constexpr std::string_view kByItself = "rolled back by itself";

// The settings that a start boots, and that whatever fails goes back to.
struct Confirmed {
  uint64_t generation = 0;  // 0: not in the archive
  std::string text;
  Settings settings;
};

// What check finds, all of it.
struct Checked {
  std::vector<Mistake> mistakes;
  std::vector<std::string> needs_restart;  // keys
  std::string no_plan;                     // why none can be made; empty: one can
  std::vector<Hit> hits;                   // of rules, once there is a plan

  bool ok() const { return mistakes.empty() && needs_restart.empty() && no_plan.empty(); }
};

// NOLINTBEGIN(readability-redundant-member-init): GCC wants them, where one is made of a few.
struct CommitRequest {
  std::optional<Microseconds> window;  // none: what the confirmed settings say
  std::string why;
  std::vector<Waiver> waivers{};
};
// NOLINTEND(readability-redundant-member-init)

// `set` a key to a value, or delete it (settings/edit.h).
struct Edit {
  std::string path;
  std::optional<std::string> value;  // none: delete
};

}  // namespace evenkeel
