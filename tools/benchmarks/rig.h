// One worker with everything it owns and a plan to work by: what the packet benchmarks drive.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "firmware/exchange/build.h"
#include "firmware/exchange/evidence.h"
#include "firmware/exchange/handshakes.h"
#include "firmware/exchange/plan.h"
#include "firmware/exchange/slot.h"
#include "firmware/packet/pipeline.h"
#include "firmware/table/memory.h"
#include "tools/benchmarks/report.h"
#include "tools/benchmarks/traffic.h"

namespace evenkeel::bench {

struct Scale {
  uint32_t services = 1;
  uint32_t backends = 10;
  uint32_t buckets = kDefaultBuckets;
  bool is_v4 = true;
  uint8_t sample_shift = Handshakes::kSampleShift;
};

// Services with all backends each. `wave` makes their names and addresses: another wave, other
// servers. Backends of `older`, another wave's, are there too, with weight 0.
PlanSpec make_spec(const Scale& shape, char wave, char older = 0);

class Rig {
 public:
  explicit Rig(const Scale& shape);

  // Publishes a plan in which every bucket has moved to other backends.
  void move_every_bucket();

  // Nanoseconds per packet over `packets` packets of flows drawn at random, for each round.
  std::vector<double> measure(const std::vector<Flow>& flows, size_t packets, size_t rounds);
  // As measure(), but every packet is the SYN of a flow that has not been seen before.
  std::vector<double> measure_flood(const Scale& shape, size_t packets, size_t rounds);
  // As measure(), one packet after the other through the same functions, without memory or
  // evidence.
  std::vector<double> measure_plain(const std::vector<Flow>& flows, size_t packets, size_t rounds);
  // Opens each flow and sends one packet more, so that flow memory holds it as a finished one.
  void establish(const std::vector<Flow>& flows);

  const Evidence& evidence() const { return *evidence_; }
  static const Secret& secret();

 private:
  void settle();
  void run(std::span<Frame> frames, std::span<Reason> ret_reasons);
  double run_block(std::span<const Flow* const> flows, bool is_opening);
  double run_plain_block(std::span<const Flow* const> flows);
  template <typename RunBlock>
  std::vector<double> rounds_of(const std::vector<Flow>& flows, size_t packets, size_t rounds,
                                const RunBlock& run_block);

  Scale shape_;
  Microseconds now_ = 10'000'000'000;
  Slot<Plan> slot_;
  Slot<Plan>::Reader reader_{slot_, 0};
  std::unique_ptr<Evidence> evidence_;
  FlowMemory memory_;
  Handshakes handshakes_;
  Turns turns_;
  Pipeline pipeline_;
  Buffers buffers_;
  std::mt19937_64 random_{7};
};

}  // namespace evenkeel::bench
