// A worker: receives by its queue of each port, lets the pipeline decide, and sends; run to
// completion, on a core of its own. All that it does not forward goes one of four ways
// (disposition()): to the kernel, on hold until its first fragment comes, answered or cut into
// pieces that fit, or dropped.
//
// As any host, the box takes what is sent to its own MAC address; ports hear more, and what floods
// a link must not be steered once more by each box that hears it. What is sent to groups - ARP,
// neighbour discovery - is the kernel's.
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "drivers/clock.h"
#include "firmware/base/limits.h"
#include "firmware/base/token_bucket.h"
#include "firmware/exchange/evidence.h"
#include "firmware/exchange/liveness.h"
#include "firmware/exchange/slot.h"
#include "firmware/packet/flow_limit.h"
#include "firmware/packet/kernel_door.h"
#include "firmware/packet/outbox.h"
#include "firmware/packet/pipeline.h"
#include "firmware/packet/waiting_room.h"
#include "firmware/wire/headers.h"

namespace evenkeel {

struct WorkerSpec {
  struct OfPort {
    uint16_t ethdev = 0;   // as DPDK numbers it
    bool receives = true;  // this worker has a receive queue on it; its number is the worker's
    Mac mac{};
  };

  size_t number = 0;
  std::vector<OfPort> ports;  // by port number
  rte_mempool* pool = nullptr;
  rte_ring* to_kernel = nullptr;
  rte_ring* from_kernel = nullptr;              // of worker 0; else null
  uint32_t kernel_packets_per_second = 20'000;  // of each port and sort, by this worker
  bool is_adaptive = true;                      // sleeps when there is nothing to do
};

class Worker {
 public:
  // REQUIRES: all outlive it and are its own, but for slot and clock.
  Worker(WorkerSpec spec, Slot<Plan>& slot, const TscClock& clock, Pipeline& pipeline,
         Evidence& evidence, Liveness& liveness);

  // On its own thread, until liveness.must_stop.
  void run();
  // One loop; answers how many packets there were. REQUIRES: the worker's own reader, online.
  size_t step(Slot<Plan>::Reader& reader);
  // Frees all that waits.
  void clear();

 private:
  struct PortState {
    uint16_t ethdev;
    bool receives;
    uint64_t address;  // the MAC address, as address_of() has it
    Outbox outbox;
    KernelDoor kernel;
  };

  // One that does not fit, and may be cut.
  struct TooBig {
    rte_mbuf* packet;
    uint16_t mtu;  // what fits
  };

  size_t receive(const Plan& plan, size_t port, Microseconds now);
  uint32_t process(const Plan& plan, size_t port, std::span<rte_mbuf*> packets, Microseconds now);
  uint32_t make_frames(size_t port, std::span<rte_mbuf* const> packets);
  size_t dispose_of_refused(const Plan& plan, size_t port, std::span<rte_mbuf*> packets,
                            Microseconds now);
  void send(std::span<rte_mbuf*> packets);
  void try_held(const Plan& plan, Microseconds now);
  void forward(size_t port, std::span<rte_mbuf*> packets);
  void dispose(const Plan& plan, size_t i, size_t port, rte_mbuf* packet, Microseconds now);
  void drop(Reason reason, rte_mbuf* packet);
  bool keep_for_cutting(size_t i, rte_mbuf* packet);
  void cut_packets(const Plan& plan, Microseconds now);
  size_t cut(const TooBig& too_big, std::span<rte_mbuf*, kMaxPieces> ret_pieces);
  void answer_too_big(size_t i, Microseconds now);
  void turn_away(const Plan& plan, size_t port, rte_mbuf* packet, Microseconds now);
  void give_to_kernel(const Plan& plan, size_t port, rte_mbuf* packet, Microseconds now);
  size_t send_for_kernel();
  void rest(Slot<Plan>::Reader& reader, size_t packets);

  // Constant
  const WorkerSpec spec_;
  Slot<Plan>& slot_;
  const TscClock clock_;

  // The worker's
  Pipeline& pipeline_;
  Evidence& evidence_;
  Liveness& liveness_;
  std::vector<PortState> ports_;
  WaitingRoom held_;
  uint64_t learned_ = 0;       // fragments_learned() when held_ was tried last
  Microseconds tried_ = 0;     // when that was
  FlowLimit answers_;          // by sender and VIP
  TokenBucket answer_tokens_;  // of all
  uint32_t idle_loops_ = 0;

  // The burst's
  std::array<rte_mbuf*, kBurst> packets_{};
  std::array<Frame, kBurst> frames_{};
  std::array<Reason, kBurst> reasons_{};
  Microseconds came_ = 0;  // when it was received first
  std::array<TooBig, kBurst> too_big_{};
  size_t too_big_count_ = 0;
  bool is_cutting_ = false;  // it is pieces, which nobody cuts again
};

}  // namespace evenkeel
