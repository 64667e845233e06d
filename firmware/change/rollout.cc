#include "firmware/change/rollout.h"

#include <algorithm>
#include <utility>

#include "firmware/base/check.h"

namespace evenkeel {
namespace {

constexpr double kPercent = 100;

}  // namespace

Rollout::Rollout(RolloutSettings settings, std::vector<std::string> services,
                 const Settings& before, Microseconds now)
    : settings_(std::move(settings)), services_(std::move(services)), since_(now) {
  REQUIRE(!settings_.steps.empty() && !services_.empty());
  const JudgeOptions options = {.alpha = kAlpha / static_cast<double>(services_.size()),
                                .tolerance = settings_.tolerance / kPercent};
  for (const std::string& service : services_) {
    const auto known = std::ranges::find(before.services, service, &ServiceSettings::name);
    REQUIRE(known != before.services.end());
    buckets_.push_back(known->buckets);
  }
  judges_.assign(services_.size(), Judge(options));
  begin_step(now);
}

uint32_t Rollout::share() const {
  return is_over() ? kWholeSlice : settings_.steps[step_] * (kWholeSlice / 100);
}

Turns::Trial Rollout::turns() const {
  REQUIRE(!is_over());
  return {.since = tick_of(since_),
          .step = static_cast<uint8_t>(step_),
          .steps = static_cast<uint8_t>(settings_.steps.size())};
}

void Rollout::begin_step(Microseconds now) {
  begun_ = now;
  if (is_over()) return;
  for (size_t i = 0; i < judges_.size(); ++i) {
    const double slice = std::clamp(slice_size(buckets_[i], share()), 1U, buckets_[i] - 1);
    judges_[i].begin_stage(slice / buckets_[i], now + kSettled);
  }
}

Rollout::Advice Rollout::observe(const std::vector<ArmReading>& readings,
                                 const std::set<std::string, std::less<>>& closed,
                                 Microseconds now) {
  REQUIRE(!is_over() && readings.size() == services_.size());
  const Microseconds passed = now - begun_;
  bool are_all_fine = passed >= kSettled;
  for (size_t i = 0; i < readings.size(); ++i) {
    Judge& judge = judges_[i];
    judge.observe(readings[i].old_arm, readings[i].new_arm, now);
    if (judge.judgement() == Judgement::worse) {
      why_ = "service " + services_[i] + ": " + judge.evidence();
    } else if (closed.contains(services_[i]) && passed >= settings_.step_time) {
      why_ = "service " + services_[i] + ": none of its backends may take flows then";
    }
    if (!why_.empty()) return Advice::go_back;
    are_all_fine = are_all_fine && judge.judgement() == Judgement::fine;
  }
  return are_all_fine || passed >= settings_.step_time ? Advice::advance : Advice::stay;
}

void Rollout::advance(Microseconds now, std::vector<std::string>& ret_doubts) {
  REQUIRE(!is_over());
  for (size_t i = 0; i < services_.size(); ++i) {
    if (judges_[i].judgement() == Judgement::fine) continue;
    ret_doubts.push_back("service " + services_[i] + ": " + judges_[i].evidence());
  }
  ++step_;
  begin_step(now);
}

}  // namespace evenkeel
