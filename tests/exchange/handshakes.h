// A few slots' evidence, and handshakes in a table of 16 sets or of one.
#pragma once

#include <memory>
#include <utility>

#include "firmware/exchange/handshakes.h"
#include "tests/cmocka.h"
#include "tests/exchange/counts.h"

namespace evenkeel {

inline constexpr uint16_t kSlots = 4;
inline constexpr Microseconds kDeadline = Handshakes::kDefaultDeadline;
inline constexpr size_t kSets = 16;
inline constexpr Microseconds kPass = 100'000;  // in which the sweep comes to every set

inline constexpr Handshakes::Segment kAck = {.acknowledgement = 1, .acknowledges = true};
inline constexpr Handshakes::Segment kRequest = {
    .acknowledgement = 1, .acknowledges = true, .has_payload = true};
inline constexpr Handshakes::Segment kResponse = {.acknowledgement = 9, .acknowledges = true};
inline constexpr Handshakes::Segment kRst = {.is_reset = true};

struct State {
  std::unique_ptr<Evidence> evidence;
  std::unique_ptr<Handshakes> handshakes;

  void opened(uint64_t flow, uint16_t slot, Microseconds now) {
    handshakes->opened(flow, slot, now);
  }
  void answered(uint64_t flow, Microseconds now) { handshakes->heard(flow, kAck, now); }
  void reset(uint64_t flow, Microseconds now) { handshakes->heard(flow, kRst, now); }
  BackendCounts counts(uint16_t slot) const { return evidence->backend(slot); }
  uint64_t untracked() const { return evidence->worker().untracked_handshakes; }
};

inline int setup_of(void** state, size_t capacity) {
  auto evidence = Evidence::make({.slots = kSlots, .services = 1});
  if (!evidence.ok()) return -1;
  auto handshakes = Handshakes::make(*evidence.value(), capacity);
  if (!handshakes.ok()) return -1;
  *state = new State{std::move(evidence.value()),
                     std::make_unique<Handshakes>(std::move(handshakes.value()))};
  return 0;
}

inline int setup(void** state) { return setup_of(state, kSets * 4); }
inline int setup_one_set(void** state) { return setup_of(state, 4); }

inline int teardown(void** state) {
  std::unique_ptr<State>(static_cast<State*>(*state));
  return 0;
}

inline State& of(void** state) { return *static_cast<State*>(*state); }

// The nth flow of a set.
inline uint64_t flow(size_t set, uint64_t n = 0) { return (n << 32) | (uint64_t{set} << 8); }

// What a flow counts that was opened, completed, asked and ...
inline constexpr BackendCounts kAnswered = {
    .opened = 1, .completed = 1, .asked = 1, .answered = 1, .good = 1};
inline constexpr BackendCounts kUnanswered = {
    .opened = 1, .completed = 1, .asked = 1, .unanswered = 1, .bad = 1};
inline constexpr BackendCounts kAsked = {.opened = 1, .completed = 1, .asked = 1};
inline constexpr BackendCounts kCompleted = {.opened = 1, .completed = 1};
inline constexpr BackendCounts kNoRequest = {.opened = 1, .completed = 1, .good = 1};
inline constexpr BackendCounts kLost = {.opened = 1, .lost = 1, .bad = 1};

}  // namespace evenkeel
