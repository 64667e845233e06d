// From a specification to a plan, verified as built, or a sentence that says what cannot be
// honoured.
//
// A plan is built beside the one in force: what did not change is shared with it, backends and
// services keep their numbers, and buckets that change hands become moved ones (moves.h). Nothing
// but the inputs decides the outcome, so two boxes with the same settings and secret steer alike.
#pragma once

#include <functional>
#include <memory>

#include "firmware/base/clock.h"
#include "firmware/base/status.h"
#include "firmware/exchange/plan.h"
#include "firmware/exchange/spec.h"
#include "firmware/table/hash.h"

namespace evenkeel {

// The plan in force, and what the world has made of it.
struct Predecessor {
  const Plan* plan = nullptr;  // null: this is the first
  Tick settled = 0;            // when every worker had moved on to it (Slot::reclaim())
  // Longer than any flow is remembered: how long a bucket stays moved at least, and how long the
  // slot of a backend that has left rests before another gets it.
  Tick window = 0;
  // Seconds for which no worker has seen a flow of this service and group deviate from its bucket's
  // current backend (Evidence::quiet_for, the least over all workers). Empty: nothing ever did.
  std::function<Tick(uint16_t service, uint32_t group)> quiet_for;
};

// REQUIRES: the secret is that of the plan before: what is shared with it was made with that.
Result<std::shared_ptr<const Plan>> build_plan(const PlanSpec& spec, const Secret& secret,
                                               const Predecessor& before, Tick now);

}  // namespace evenkeel
