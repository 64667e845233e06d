#include "firmware/appliance/planner.h"

#include <algorithm>
#include <utility>

namespace evenkeel {
namespace {

bool has_moves(const Plan& plan) {
  return std::ranges::any_of(plan.service_records,
                             [](const ServiceRecord& record) { return record.moves != nullptr; });
}

}  // namespace

Planner::Planner(Slot<Plan>& slot, PlanSpec first, const Secret& secret,
                 std::vector<const Evidence*> evidence, Tick window)
    : slot_(slot),
      secret_(secret),
      evidence_(std::move(evidence)),
      window_(window),
      spec_(std::move(first)),
      next_generation_(slot.current()->generation + 1) {}

Status Planner::want(PlanSpec spec, Microseconds now) {
  std::swap(spec, spec_);
  const bool waited = std::exchange(waits_, true);
  const Status status = build_and_publish(now);
  if (!status.ok()) {
    std::swap(spec, spec_);
    waits_ = waited;
  }
  return status;
}

Status Planner::step(Microseconds now) {
  settle(now);
  if (is_settled_ && !waits_ && now - looked_over_ >= kSettleInterval) {
    looked_over_ = now;
    waits_ = has_moves(*slot_.current());
  }
  return waits_ && is_settled_ ? build_and_publish(now) : Status();
}

void Planner::settle(Microseconds now) {
  if (is_settled_ || slot_.reclaim()) return;
  is_settled_ = true;
  settled_ = tick_of(now);
}

// What a lagging worker holds up is built, so that errors are told, and tried again by step().
Status Planner::build_and_publish(Microseconds now) {
  const Tick tick = tick_of(now);
  settle(now);
  spec_.generation = next_generation_;
  const Predecessor before{.plan = slot_.current().get(),
                           .settled = settled_,
                           .window = window_,
                           .quiet_for = [this, tick](uint16_t service, uint32_t group) {
                             return quiet_for(service, group, tick);
                           }};
  const Result<std::shared_ptr<const Plan>> plan = build_plan(spec_, secret_, before, tick);
  if (!plan.ok()) return Error{plan.message()};
  if (!is_settled_ || !slot_.publish(plan.value()).ok()) return {};
  ++next_generation_;
  waits_ = false;
  is_settled_ = false;
  looked_over_ = now;
  return {};
}

Tick Planner::quiet_for(uint16_t service, uint32_t group, Tick now) const {
  Tick least = Evidence::kNeverDeviated;
  for (const Evidence* evidence : evidence_) {
    least = std::min(least, evidence->quiet_for(service, group, now));
  }
  return least;
}

}  // namespace evenkeel
