// The steering rule: which backend takes a packet, and what is to be remembered of it. One pure
// function, used by the worker, by tests and by whoever asks "why".
//
// A bucket that has not moved sends everything to its backend, and nothing is remembered. A bucket
// that has moved keeps its previous backend beside the current one until its window is over:
//   opening              -> current, and remembered
//   else remembered      -> the remembered backend, if it is alive
//   else, previous alive -> previous: a flow from before the move, for newer ones are remembered
//   else                 -> current, and remembered
// A second move while the window is open changes `current` only: what is unremembered is still on
// `previous`. And so is what is remembered of a backend that is no longer alive: a bucket whose
// backend leaves the plan is steady at once (moves.h), with nothing remembered of its flows' new
// backend, which is `previous` in the next move. There it is remembered anew, lest the dead
// backend's return take it back.
//
// Flows from before the move need no place in memory: not being there is what tells them. So memory
// holds only what began inside the window, and losing one of the others to eviction is impossible.
//
// The promise: a flow whose backend stays alive keeps it. It can break in three ways:
//  - a flow that began inside the window (of a sticky service: any flow) is evicted, or refused a
//    place, and is then taken for one from before the move (of a sticky service: for a new one).
//    Counted (evidence: evicted, refused);
//  - a flow is silent for longer than it is remembered, or, from before the move, for longer than
//    the window;
//  - two flows are taken for one (memory.h, invariant 1).
// It is worth nothing where a flow never was on one backend: a flow without an opening that we saw.
// One that repeats its opening is a new flow.
#pragma once

#include <cstdint>

#include "firmware/base/limits.h"

namespace evenkeel {

// How a service treats flows over a move.
enum class Affinity : uint8_t {
  connection,  // by openings: TCP, SCTP
  stateless,   // every packet by its bucket alone: DNS and the like
  sticky,      // without openings, but every flow stays: remembered from its first packet
};

struct Bucket {
  uint16_t current = kNoBackend;
  uint16_t previous = kNoBackend;  // kNoBackend: has not moved

  constexpr bool moved() const { return previous != kNoBackend; }
};

struct Steered {
  uint16_t backend = kNoBackend;
  bool remember = false;  // insert (flow -> backend)
  bool touch = false;     // the flow was remembered, and is to be kept young
  bool deviates = false;  // differs from its bucket's current backend: the window must stay open
  bool begins = false;    // not of a flow that is on this backend already, as far as one can tell
};

// Whether steering needs to know what is remembered; if not, steer() takes kNoBackend for it.
constexpr bool needs_memory(Affinity affinity, Bucket bucket) {
  return affinity == Affinity::sticky || (affinity == Affinity::connection && bucket.moved());
}

// `is_alive(backend)` says whether a backend may have packets of flows that are on it already.
template <typename IsAlive>
constexpr Steered steer(Affinity affinity, Bucket bucket, bool opening, uint16_t remembered,
                        const IsAlive& is_alive) {
  if (!needs_memory(affinity, bucket)) {
    return {.backend = bucket.current, .begins = opening || affinity == Affinity::stateless};
  }
  const Steered anew = {.backend = bucket.current, .remember = true, .begins = true};
  if (opening) return anew;
  if (remembered != kNoBackend && is_alive(remembered)) {
    return {.backend = remembered, .touch = true, .deviates = remembered != bucket.current};
  }
  if (affinity == Affinity::sticky || !is_alive(bucket.previous)) return anew;
  return {.backend = bucket.previous,
          .remember = remembered != kNoBackend,
          .deviates = bucket.previous != bucket.current};
}

}  // namespace evenkeel
