// A change comes into force step by step: for a slice of each service's buckets that it changes,
// then for a larger one, then for all. In each step the flows of both arms are compared, at the
// same time; one service whose new arm is worse is enough to go back. A step whose evidence is
// plain ends at once; one that has too little is ended by time, which proves nothing and is told.
//
// Apart from plans and workers: readings and the time are passed in.
//
// Invariants:
//  1. The share never shrinks, and is the whole only at the end.
//  2. Nothing follows upon a verdict to go back.
//  3. A harmless change is gone back from with probability kAlpha at most, whatever it touches and
//     however long its steps are.
//
// Of a service that steers by source, evidence is of its sources, and each of n steps has an n-th
// of them (turns()), however many flows they have: with few sources a step proves little, and time
// ends it. In a slice of a hundredth there is none of 200 more often than not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/change/arm_meter.h"
#include "firmware/exchange/turns.h"
#include "firmware/health/judge.h"
#include "firmware/settings/settings.h"
#include "firmware/table/slice.h"

namespace evenkeel {

class Rollout {
 public:
  static constexpr double kAlpha = 0.001;
  // What a flow of an earlier step does is known by then; a step is not shorter.
  static constexpr Microseconds kSettled = 2'000'000;

  enum class Advice : uint8_t { stay, advance, go_back };

  // The services of `before` that are named. REQUIRES: at least one step, and one service, and
  // `before` has them; steps ascend within 1 to 99.
  Rollout(RolloutSettings settings, std::vector<std::string> services, const Settings& before,
          Microseconds now);

  const std::vector<std::string>& services() const { return services_; }
  // Of kWholeSlice.
  uint32_t share() const;
  bool is_over() const { return step_ == settings_.steps.size(); }
  // When sources have their turns, where they choose the arm. REQUIRES: it is not over.
  Turns::Trial turns() const;

  // What was read since the last call, by service; and the services that are open, and whose new
  // arm has nobody who may take flows. After go_back, why() says why.
  // REQUIRES: it is not over; the time does not go back.
  Advice observe(const std::vector<ArmReading>& readings,
                 const std::set<std::string, std::less<>>& closed, Microseconds now);
  const std::string& why() const { return why_; }

  // To the next step. What was not compared well enough until then is in ret_doubts.
  // REQUIRES: observe() has advised it.
  void advance(Microseconds now, std::vector<std::string>& ret_doubts);

  const Judge& judge(size_t service) const { return judges_[service]; }
  const RolloutSettings& settings() const { return settings_; }

 private:
  void begin_step(Microseconds now);

  const RolloutSettings settings_;
  const std::vector<std::string> services_;
  std::vector<uint32_t> buckets_;  // of their tables
  std::vector<Judge> judges_;
  const Microseconds since_;
  size_t step_ = 0;
  Microseconds begun_ = 0;  // the step
  std::string why_;
};

}  // namespace evenkeel
