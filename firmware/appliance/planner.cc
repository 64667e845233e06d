#include "firmware/appliance/planner.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace evenkeel {
namespace {

// How long workers have to take a plan up, and how often it is looked whether they have.
constexpr Microseconds kWorkersPatience = 5'000;
constexpr useconds_t kWorkersPoll = 20;

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

Status Planner::want(Draft& draft, Microseconds now) {
  settle(now);
  if (!is_fresh(draft) || !publish(draft.plan, draft.made, now)) {
    return want(std::move(draft.spec), now);
  }
  std::swap(spec_, draft.spec);
  return {};
}

bool Planner::await_workers(const std::function<Microseconds()>& now) {
  const auto wait = [&now] {
    usleep(kWorkersPoll);
    return now();
  };
  return !slot_.wait_settled(now() + kWorkersPatience, wait).has_value();
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

Result<Planner::Draft> Planner::draft(PlanSpec spec, Microseconds now) {
  settle(now);
  spec.generation = next_generation_;
  Result<std::shared_ptr<const Plan>> plan = build(spec, tick_of(now));
  if (!plan.ok()) return Error{plan.message()};
  return Draft{.spec = std::move(spec), .plan = std::move(plan.value()), .made = tick_of(now)};
}

Result<std::shared_ptr<const Plan>> Planner::build(const PlanSpec& spec, Tick now) const {
  const Predecessor before{.plan = slot_.current().get(),
                           .settled = is_settled_ ? settled_ : now,
                           .window = window(now),
                           .quiet_for = [this, now](uint16_t service, uint32_t group) {
                             return quiet_for(service, group, now);
                           }};
  return build_plan(spec, secret_, before, now);
}

// What a lagging worker holds up is built, so that errors are told, and tried again by step().
Status Planner::build_and_publish(Microseconds now) {
  settle(now);
  spec_.generation = next_generation_;
  const Result<std::shared_ptr<const Plan>> plan = build(spec_, tick_of(now));
  if (!plan.ok()) return Error{plan.message()};
  (void)publish(plan.value(), tick_of(now), now);
  return {};
}

// False: a worker is not ready for it.
bool Planner::publish(const std::shared_ptr<const Plan>& plan, Tick made, Microseconds now) {
  if (!is_settled_ || !slot_.publish(plan).ok()) return false;
  const Tick tick = tick_of(now);
  delay_ = std::max(tick - made, tick < delayed_until_ ? delay_ : 0);
  if (made != tick) delayed_until_ = tick + window_ + delay_ + 1;
  ++next_generation_;
  waits_ = false;
  is_settled_ = false;
  looked_over_ = now;
  return true;
}

Tick Planner::quiet_for(uint16_t service, uint32_t group, Tick now) const {
  Tick least = Evidence::kNeverDeviated;
  for (const Evidence* evidence : evidence_) {
    least = std::min(least, evidence->quiet_for(service, group, now));
  }
  return least;
}

}  // namespace evenkeel
