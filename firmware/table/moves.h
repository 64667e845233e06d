// What becomes of a service's moved buckets from one plan to the next.
//
// A bucket moves when its current backend changes. From then on it has a previous backend, which
// flows that began before the move are on (steer.h), until its window is over: until nothing has
// deviated from the current backend for as long as a silent flow is remembered. Then it is steady
// again.
//
// Windows are kept by group, an equal part of the hash space: exact enough, and independent of how
// many buckets there are. A group's window starts anew when any bucket in it moves.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/base/limits.h"

namespace evenkeel {

// Of one service; none, if no bucket of it has moved. Has as many buckets as the table from which
// its flows first moved, which need not be as many as the current one has.
struct Moves {
  std::vector<uint16_t> previous;  // by bucket; kNoBackend: has not moved
  // By bucket: flows that are remembered in it may be on other backends than its current one. If
  // not, and its previous one is its current one, it is steady.
  std::vector<bool> is_mixed;
  std::array<Tick, kBucketGroups> moved_at{};

  bool empty() const { return previous.empty(); }
};

struct MoveInput {
  std::span<const uint16_t> before;  // the table in force until now
  std::span<const uint16_t> after;   // the table from now on
  const Moves& open;                 // moves in force until now
  Tick now = 0;
  Tick window = 0;  // must be longer than any flow is remembered
  // Seconds for which no flow of a group has deviated; large if none ever did.
  std::function<Tick(uint32_t group)> quiet_for;
  // Whether a backend is in no plan any more: its flows cannot stay.
  std::function<bool(uint16_t backend)> is_gone;
  // Who has its flows from now on: the same server by another number, or itself. No function: each
  // itself.
  // NOLINTNEXTLINE(readability-redundant-member-init): gcc 12 warns of a member without.
  std::function<uint16_t(uint16_t backend)> heir_of = {};
};

// Moves in force from now on. With tables of the same size, only buckets that differ move; with
// another size, all do.
Moves next_moves(const MoveInput& input);

}  // namespace evenkeel
