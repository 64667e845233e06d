// A machine for tests of transactions (small_box.h), and what they ask of it.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "tests/change/small_box.h"
#include "tests/change/small_texts.h"
#include "tests/cmocka.h"

namespace evenkeel {

inline constexpr Microseconds kSecond = kMicrosecondsPerTick;

inline std::string first_text() { return text_of({}); }

inline int setup(void** state) {
  *state = new Machine(first_text());
  return 0;
}
inline int setup_with_approval(void** state) {
  *state = new Machine(text_of({.approval = true}));
  return 0;
}
inline int teardown(void** state) {
  delete static_cast<Machine*>(*state);
  return 0;
}
inline Machine& machine_of(void** state) { return *static_cast<Machine*>(*state); }

template <typename T>
bool is_refused(const Answer<T>& answer, Code code) {
  if (!answer.ok() && answer.refusal().code == code) {
    return !answer.refusal().message.empty() && !answer.refusal().advice.empty();
  }
  print_message("%s\n", answer.ok() ? "is not refused" : answer.refusal().message.c_str());
  return false;
}
template <typename T>
bool is_good(const Answer<T>& answer) {
  if (!answer.ok()) print_message("%s\n", answer.refusal().message.c_str());
  return answer.ok();
}

inline bool is_in_force(const Machine& machine, const std::string& text) {
  return *machine.box->in_force().settings == machine.wanted(text);
}

// Opened and committed by anna; her change's id.
inline uint64_t commit(Machine& machine, const std::string& text) {
  Transaction& transaction = *machine.transaction;
  const Caller anna = machine.caller("anna");
  CHECK(is_good(transaction.open(anna, transaction.confirmed().generation, text)));
  const Answer<Change> committed = transaction.commit(anna, {.window = {}, .why = "a test"});
  CHECK(is_good(committed));
  return committed.value().id;
}

inline bool has_event(Machine& machine, const std::string& kind, const std::string& part) {
  const std::vector<Event> events = machine.events(kind);
  return std::ranges::any_of(
      events, [&](const Event& event) { return event.what.find(part) != std::string::npos; });
}

inline CMUnitTest test_of(const char* name, CMUnitTestFunction test,
                          CMFixtureFunction first = setup) {
  return {name, test, first, teardown, nullptr};
}

}  // namespace evenkeel
