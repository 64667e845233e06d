// The mistakes that are known to end in an outage, each by a rule: a pure function with a name that
// stays, judged on the settings and on the tables as they were compiled, before anything goes live.
// What can be told from the text alone is a mistake in it already (settings/consistency.h) and no
// rule's business.
//
// A change answers for what it does, not for what it finds: what breaks a rule on both sides, and
// no more so afterwards, is a warning only, so that an operator can mend one thing at a time. Both
// sides are judged by the thresholds of the settings afterwards; loosening one is a rule too. There
// is nothing before the first generation, so it answers for everything.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/change/compile.h"
#include "firmware/exchange/plan.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

// Settings, and what became of them.
struct Side {
  const Settings* settings = nullptr;    // null: nothing; before the first generation
  const Plan* plan = nullptr;            // null: none could be built; its rules are not judged
  std::span<const BackendState> states;  // as compile() gives them
};

// What the box did lately.
struct Flows {
  uint64_t new_flows = 0;
  uint64_t packets = 0;
};
struct Traffic {
  Microseconds measured = 60 * kMicrosecondsPerTick;  // how long it was counted; less at first
  std::unordered_map<std::string, Flows> by_service;  // by the settings' names: both families
  std::unordered_map<std::string, Flows> by_backend;  // by "SERVICE/BACKEND"
};

enum class Severity : uint8_t {
  warn,    // to be known
  refuse,  // not to go live, unless it is waived by the rule's name
};
std::string_view name_of(Severity severity);

struct Rule {
  std::string_view name;
  Severity severity = Severity::refuse;  // the worst that a hit can be
  std::string_view reason;               // in one line
  std::string_view outage;  // the drill that it comes from; empty: none, but known to break things
};

// All of them, in the order in which hits are told.
std::span<const Rule> rules();
// Null: there is none of this name.
const Rule* find_rule(std::string_view name);

struct Hit {
  std::string_view rule;
  Severity severity = Severity::refuse;
  std::string where;  // path in the settings: "services.shop.backends.web1"
  std::string what;   // one sentence: what is wrong, and what to do
  std::optional<std::string> subject = std::nullopt;  // tells two at one place apart

  friend bool operator==(const Hit&, const Hit&) = default;
};

// `cores` of the machine, numbered from 0; 0: not known.
// REQUIRES: after.settings; a plan is that of its side's settings, compiled by compile().
std::vector<Hit> hits(const Side& before, const Side& after, const Traffic& traffic,
                      uint32_t cores = 0);

// The same by those rules only that judge how it is afterwards, not what changes.
std::vector<Hit> hits_of_side(const Side& before, const Side& after, const Traffic& traffic,
                              uint32_t cores = 0);

// Of two by one rule, at one place and of one subject, the worse.
// REQUIRES: hits are in the order of rules(); they are afterwards.
void add_worse(std::vector<Hit> others, std::vector<Hit>& hits);

}  // namespace evenkeel
