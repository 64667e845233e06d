// A packet's path from a frame that has arrived to one that may leave, over a burst at a time:
//
//   classify -> choose -> recall -> track -> emit
//
// Each stage goes over the whole burst and prefetches what the next one reads, so that their cache
// misses overlap. A stage passes a packet on or drops it for one reason; what is still in the burst
// is a list of indices that gets shorter. All state is the worker's own; only the plan is shared,
// and it does not change.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "firmware/base/clock.h"
#include "firmware/base/limits.h"
#include "firmware/base/reason.h"
#include "firmware/exchange/evidence.h"
#include "firmware/exchange/handshakes.h"
#include "firmware/exchange/plan.h"
#include "firmware/table/hash.h"
#include "firmware/table/memory.h"
#include "firmware/wire/frame.h"
#include "firmware/wire/parse.h"

namespace evenkeel {

class Pipeline {
 public:
  // REQUIRES: all outlive the pipeline and are this worker's own, but for the secret; evidence has
  // room for every slot and service of the plans to come.
  Pipeline(const Secret& secret, Evidence& evidence, FlowMemory& memory, Handshakes& handshakes)
      : secret_(secret), evidence_(evidence), memory_(memory), handshakes_(handshakes) {}

  // Makes of each frame what is to be sent, or says in ret_reasons why it is not. Also to be called
  // without frames, once per loop, for what time alone brings about.
  // REQUIRES: frames.size() <= kBurst, ret_reasons as long; plan was read before the clock.
  void run(const Plan& plan, std::span<Frame> frames, Microseconds now,
           std::span<Reason> ret_reasons);

 private:
  // Indices into the burst.
  struct List {
    std::array<uint8_t, kBurst> items;
    size_t size = 0;

    void clear() { size = 0; }
    // Appends without a branch.
    void add_if(bool wanted, size_t item) {
      items[size] = static_cast<uint8_t>(item);
      size += wanted ? 1 : 0;
    }
    const uint8_t* begin() const { return items.data(); }
    const uint8_t* end() const { return items.data() + size; }
  };

  void classify(const Plan& plan, std::span<Frame> frames, std::span<Reason> ret_reasons);
  Reason find_service(const Plan& plan, size_t i);
  Reason classify_rare(const Plan& plan, Frame& frame, size_t i, Reason reason);
  void choose(const Plan& plan);
  void recall(const Plan& plan, Tick now);
  void recall_one(const Plan& plan, size_t i, Tick now);
  void track(Microseconds now);
  void note_sources(Tick now);
  void emit_all(const Plan& plan, std::span<Frame> frames, std::span<Reason> ret_reasons);

  // Constant
  const Secret& secret_;

  // The worker's
  Evidence& evidence_;
  FlowMemory& memory_;
  Handshakes& handshakes_;
  uint32_t bursts_ = 0;

  // The burst's; indexed as its frames are
  std::array<Parsed, kBurst> parsed_;
  std::array<uint64_t, kBurst> flow_;      // flow_hash
  std::array<uint64_t, kBurst> steering_;  // steering_hash
  std::array<uint16_t, kBurst> service_;
  std::array<Bucket, kBurst> bucket_;
  std::array<uint16_t, kBurst> backend_;
  List live_;      // not dropped
  List recalled_;  // those that flow memory has a say in
  List sampled_;   // those whose handshakes are followed
  List opening_;
};

}  // namespace evenkeel
