// Why something that was asked for is not done: a code for programs, a sentence for people, and
// what they need to see for the next try.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "firmware/base/check.h"
#include "firmware/change/impact.h"
#include "firmware/settings/source.h"

namespace evenkeel {

enum class Code : uint8_t {
  stale_base,         // made from a generation that is no longer confirmed; see `diff`
  not_owner,          // somebody else's change
  pending_change,     // there is one already
  no_change,          // there is none
  wrong_state,        // not now: the change is live, or not yet
  wrong_id,           // another change than the one that is meant
  bad_settings,       // see `mistakes`; or no plan can be made of them
  bad_request,        // an edit, a window, a reason that cannot be
  nothing_to_commit,  // the text is the confirmed one
  needs_restart,      // keeld was started with other values
  needs_waiver,       // see `hits`
  wrong_waiver,       // of a rule that does not refuse this change
  latched,            // went back by itself before
  awaiting_approval,  // somebody else is to release it
  own_change,         // who made it does not release it
  role,               // not this one's to do
  no_generation,      // there is none of that number, or it cannot be read
  no_override,        // there is none of that number
  last_backend,       // an override, or its end, would close a service
  storage,            // the disk does not take it
  not_published,      // no plan could be put in force; the one before is
};
inline constexpr size_t kCodes = static_cast<size_t>(Code::not_published) + 1;

// "stale-base": stable, for programs.
std::string_view name_of(Code code);

// NOLINTBEGIN(readability-redundant-member-init): GCC wants them, where one is made of a few.
struct Refusal {
  Code code = Code::bad_request;
  std::string message;  // what is wrong, one sentence
  std::string advice;   // what to do
  std::vector<Mistake> mistakes{};
  std::vector<Hit> hits{};
  std::string diff{};
};
// NOLINTEND(readability-redundant-member-init)

// What was asked for, or why not.
template <typename T>
class [[nodiscard]] Answer {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): `return value` is the point.
  Answer(T value) : outcome_(std::move(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor): `return Refusal{...}` is the point.
  Answer(Refusal refusal) : outcome_(std::move(refusal)) {}

  bool ok() const { return std::holds_alternative<T>(outcome_); }
  // REQUIRES: ok()
  T& value() {
    REQUIRE(ok());
    return std::get<T>(outcome_);
  }
  const T& value() const {
    REQUIRE(ok());
    return std::get<T>(outcome_);
  }
  // REQUIRES: !ok()
  const Refusal& refusal() const {
    REQUIRE(!ok());
    return std::get<Refusal>(outcome_);
  }

 private:
  std::variant<T, Refusal> outcome_;
};

}  // namespace evenkeel
