// "Why does this flow go there?" - the whole way of one flow through a plan, step by step as a
// worker takes it: service, hash, bucket, what is remembered, backend, and the headers that would
// be sent.
//
// The answer is not told from the settings but found as for a packet: one of that flow is made, and
// parsed, looked up, steered and emitted by the very functions that a worker calls.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/base/reason.h"
#include "firmware/exchange/plan.h"
#include "firmware/manage/specimen.h"
#include "firmware/table/hash.h"
#include "firmware/table/memory.h"
#include "firmware/wire/parse.h"

namespace evenkeel {

// What became of a packet: of the opening one, or of a later one.
struct FlowVerdict {
  Reason reason = Reason::none;  // none: it goes to `backend`
  std::string backend;           // "SERVICE/BACKEND"
  std::string because;           // the rule that chose it, in one line
};

// What one worker remembers of the flow.
struct Recollection {
  size_t worker = 0;
  bool has_answered = false;  // a worker that stands still does not
  std::string backend;        // empty: nothing
  FlowState state = FlowState::unfinished;
  Tick age = 0;
};

struct Diagnosis {
  FlowKey key;
  Reason reason = Reason::none;  // why no service takes it
  bool is_answered = false;      // an echo request, by the box itself: of the rest, only headers
  std::string service;
  uint64_t hash = 0;  // that steers
  uint32_t bucket = 0;
  uint32_t buckets = 0;
  std::string current;   // the bucket's backend
  std::string previous;  // empty: the bucket is steady
  std::vector<Recollection> memory;
  FlowVerdict opening;
  FlowVerdict established;
  uint16_t slot = kNoBackend;  // of the established one's backend
  // Of the established one; empty if it is not forwarded.
  std::string mode;
  uint8_t port = 0;                 // number of the port on which it leaves
  std::vector<HeaderText> headers;  // outermost first
  uint16_t mtu = 0;                 // of the way, in bytes of outermost IP packet
  uint8_t overhead = 0;
};

// The hash by which workers remember a flow.
uint64_t memory_hash(const Secret& secret, const FlowKey& key);

// `remembered` is what each worker answered, in their order; none: it has not.
Diagnosis diagnose(const Plan& plan, const Secret& secret, const FlowKey& key,
                   std::span<const std::optional<FlowMemory::Found>> remembered, Tick now);

}  // namespace evenkeel
