// Keeps the plan that workers follow what it is wanted to be.
//
// A specification is built at once, so that one which cannot be honoured is told at once; it is
// published as soon as no worker holds the plan before the last any more, which is one loop of the
// slowest. Until then the newest specification waits, and those between are never seen by a worker.
// A plan with moved buckets is built anew now and then with the same specification: what has been
// quiet for a window becomes steady. What may be wanted in a hurry is drafted before.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/base/status.h"
#include "firmware/exchange/build.h"
#include "firmware/exchange/evidence.h"
#include "firmware/exchange/slot.h"

namespace evenkeel {

class Planner {
 public:
  // How often a plan with moved buckets is looked over.
  static constexpr Microseconds kSettleInterval = 5 * kMicrosecondsPerTick;

  // `first` is of the slot's plan. REQUIRES: all outlive the planner; secret is that of the plan.
  Planner(Slot<Plan>& slot, PlanSpec first, const Secret& secret,
          std::vector<const Evidence*> evidence, Tick window);

  // What a plan would be, were it wanted now; nobody follows it.
  struct Draft {
    PlanSpec spec;
    std::shared_ptr<const Plan> plan;
    Tick made = 0;
  };
  Result<Draft> draft(PlanSpec spec, Microseconds now);

  // Whether it still follows upon the plan in force.
  bool is_fresh(const Draft& draft) const { return draft.plan->generation == next_generation_; }

  // Makes it the plan to follow; a specification that is refused changes nothing.
  Status want(PlanSpec spec, Microseconds now);
  // The same, by one pointer if the draft is fresh. What was in force is left in the draft, for its
  // caller to free when there is time.
  Status want(Draft& draft, Microseconds now);

  // Waits until every worker follows the slot's plan, a moment at most; false: not yet.
  // `now` is the clock.
  bool await_workers(const std::function<Microseconds()>& now);

  // To be called often: what waits is published when it can be.
  Status step(Microseconds now);

  // As it was wanted last.
  const PlanSpec& wanted() const { return spec_; }
  // Whether a wanted plan is not in force yet.
  bool is_waiting() const { return waits_; }
  uint64_t generation() const { return slot_.current()->generation; }

 private:
  void settle(Microseconds now);
  Result<std::shared_ptr<const Plan>> build(const PlanSpec& spec, Tick now) const;
  Status build_and_publish(Microseconds now);
  bool publish(const std::shared_ptr<const Plan>& plan, Tick made, Microseconds now);
  Tick window(Tick now) const { return now < delayed_until_ ? window_ + delay_ : window_; }
  Tick quiet_for(uint16_t service, uint32_t group, Tick now) const;

  Slot<Plan>& slot_;
  const Secret& secret_;
  const std::vector<const Evidence*> evidence_;
  const Tick window_;

  PlanSpec spec_;
  uint64_t next_generation_;
  bool waits_ = false;
  bool is_settled_ = false;  // every worker follows the slot's plan
  Tick settled_ = 0;         // since then
  Microseconds looked_over_ = 0;
  // A draft is older than its moves say: until they are over, windows are longer by as much.
  Tick delay_ = 0;
  Tick delayed_until_ = 0;
};

}  // namespace evenkeel
