#include "firmware/change/transaction_words.h"

#include "firmware/base/limits.h"

namespace evenkeel {

std::string name_of(const Change& change) { return "change " + std::to_string(change.id); }

std::string in_words(const Edit& edit) {
  if (!edit.value.has_value()) return "delete " + edit.path;
  return "set " + edit.path + " = " + *edit.value;
}

std::optional<Refusal> refusal_of_role(const Caller& caller, Role least) {
  if (caller.who.role >= least) return std::nullopt;
  const std::string role = least == Role::approver ? "approver" : "operator";
  return Refusal{.code = Code::role,
                 .message = caller.who.user + " is no " + role,
                 .advice = "ask somebody of the group that api." + role + "s names"};
}

Refusal wrong_state(const Change& change, const std::string& advice) {
  return {.code = Code::wrong_state,
          .message = name_of(change) + " is " + std::string(name_of(change.state)),
          .advice = advice};
}

Refusal bad_request(const std::string& message, const std::string& advice) {
  return {.code = Code::bad_request, .message = message, .advice = advice};
}

Refusal too_long() {
  return bad_request("the text has more than " + std::to_string(kMaxSettingsBytes) + " bytes",
                     "make it shorter");
}

Refusal storage(const std::string& message) {
  return {.code = Code::storage,
          .message = message,
          .advice = "nothing has changed; mend the disk, or make room on it"};
}

}  // namespace evenkeel
