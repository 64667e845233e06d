// The one place where a plan is published, and the old one retired.
//
// Problem: workers follow a plan without a lock while the control thread replaces it; the old plan
// may be freed only when no worker can follow it any more, and no worker may ever wait for that.
// Answer: quiescent-state reclamation (DPDK's rte_rcu_qsbr). A worker reads the pointer once per
// burst and says "I hold nothing" once per loop. The control thread stores the new pointer, draws a
// token, and frees the old plan when every worker has said so since that token, or is offline.
//
// Theory of operation, one replacement with workers 0 and 1:
//   control                        worker 0               worker 1           memory
//   publish(B): pointer = B,       works by A             offline            A retired, B current
//     token 7
//   reclaim() -> worker 0          works by A             offline            A, B
//                                  quiescent(): saw 7     online(), reads B
//   reclaim() -> none, A freed     reads B                works by B         B
//
// A worker that stalls keeps one old plan alive and delays the next publish(); it holds up nothing
// else. tests/exchange/slot.pml is this protocol as a model that is checked exhaustively.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/base/clock.h"
#include "firmware/base/limits.h"
#include "firmware/base/status.h"

struct rte_rcu_qsbr;

namespace evenkeel {

// Who has held nothing since when: a slot without its pointer. All workers are registered from the
// start and offline until they say otherwise; their number never changes.
class Quiescence {
 public:
  using Token = uint64_t;

  // REQUIRES: 1 <= workers <= kMaxWorkers
  explicit Quiescence(size_t workers);

  // Worker: each for its own number, which is below the number of workers.
  void online(size_t worker);
  void quiescent(size_t worker);  // REQUIRES: online
  void offline(size_t worker);

  // Control: start() comes after the old pointer was replaced; lagging() then answers the lowest
  // worker that may still hold it, or none.
  Token start();
  std::optional<size_t> lagging(Token token) const;

  bool is_online(size_t worker) const;
  bool is_idle() const;  // every worker is offline

 private:
  struct Release {
    void operator()(rte_rcu_qsbr* variable) const;
  };

  const size_t workers_;
  std::unique_ptr<rte_rcu_qsbr, Release> variable_;  // shared: see rte_rcu_qsbr.h
};

// Invariants:
// 1. pointer_ == current_.get(), and never null.
// 2. The slot keeps at most two plans alive: current_, and retired_ until no worker can hold it.
// 3. A plan that the slot was the last to own is destroyed by the control thread, in reclaim() or
//    publish(), or with the slot; never by a worker.
// 4. A worker that is online holds no plan but those two.
template <typename T>
class Slot {
 public:
  // A worker's hand on the slot: online from construction to destruction, unless it says
  // otherwise. None of its functions waits, allocates, or touches a plan's reference count.
  class Reader {
   public:
    // REQUIRES: worker is below the slot's number of workers, and has no other reader.
    Reader(Slot& slot, size_t worker) : slot_(slot), worker_(worker) {
      REQUIRE(!slot_.quiescence_.is_online(worker_));
      online();
    }
    ~Reader() { offline(); }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    // The current plan, good until this reader's next quiescent() or offline().
    // REQUIRES: online
    const T& read() const {
      REQUIRE(online_);
      // Acquire; partner: the release store in publish(). What the plan's builder wrote is seen
      // by whoever sees the pointer.
      return *slot_.pointer_.load(std::memory_order_acquire);
    }

    // Says that nothing read before is held. Once per loop, after the burst.
    // REQUIRES: online
    void quiescent() {
      REQUIRE(online_);
      slot_.quiescence_.quiescent(worker_);
    }

    // Before the worker sleeps or otherwise stops calling quiescent(), and after. Idempotent.
    void offline() {
      slot_.quiescence_.offline(worker_);
      online_ = false;
    }
    void online() {
      if (online_) return;
      slot_.quiescence_.online(worker_);
      online_ = true;
    }

   private:
    Slot& slot_;
    const size_t worker_;
    bool online_ = false;
  };

  // REQUIRES: 1 <= workers <= kMaxWorkers; first is not null.
  Slot(size_t workers, std::shared_ptr<const T> first)
      : pointer_(first.get()), quiescence_(workers), current_(std::move(first)) {
    REQUIRE(current_ != nullptr);
  }
  // REQUIRES: every reader is gone.
  ~Slot() { REQUIRE(quiescence_.is_idle()); }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  // All below: control thread only.

  // Makes `plan` what workers read from their next read() on, and retires the one before. Refused,
  // with nothing changed, while a worker may still hold the plan that was retired last.
  // REQUIRES: plan is not null.
  Status publish(std::shared_ptr<const T> plan) {
    REQUIRE(plan != nullptr);
    if (const std::optional<size_t> stalled = reclaim()) {
      return Error{"worker " + std::to_string(*stalled) +
                   " still uses the previous plan, so no new one is published; try again when it "
                   "has moved on, and restart keeld if it never does"};
    }
    // Release; partner: the acquire load in Reader::read(). Ordered before the token that retires
    // the old plan by start().
    pointer_.store(plan.get(), std::memory_order_release);
    retired_ = std::exchange(current_, std::move(plan));
    retired_token_ = quiescence_.start();
    return {};
  }

  // Frees the retired plan if no worker can hold it. None: every worker that is online has moved
  // on to the current plan. Otherwise: the lowest worker that has not.
  std::optional<size_t> reclaim() {
    if (retired_ == nullptr) return std::nullopt;
    const std::optional<size_t> lagging = quiescence_.lagging(retired_token_);
    if (!lagging) retired_.reset();
    return lagging;
  }

  // As reclaim(), tried until it succeeds or the deadline has come. `wait` lets a little time pass
  // and answers the clock. Blocks its caller: an event loop calls reclaim() from a timer instead.
  std::optional<size_t> wait_settled(Microseconds deadline,
                                     const std::function<Microseconds()>& wait) {
    std::optional<size_t> stalled = reclaim();
    while (stalled && wait() < deadline) stalled = reclaim();
    return stalled;
  }

  const std::shared_ptr<const T>& current() const { return current_; }

 private:
  // Shared: written by control, read by workers. Alone in its line with what never changes.
  alignas(kCacheLine) std::atomic<const T*> pointer_;
  Quiescence quiescence_;

  // Control only.
  alignas(kCacheLine) std::shared_ptr<const T> current_;
  std::shared_ptr<const T> retired_;
  Quiescence::Token retired_token_ = 0;
};

}  // namespace evenkeel
