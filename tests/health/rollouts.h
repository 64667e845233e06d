// Simulated rollouts: flows come at a rate that varies, each is in the new arm by chance, and each
// ends well or badly, soon or late, by the proportions of that arm at that time.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>

#include "firmware/health/judge.h"

namespace evenkeel {

// What becomes of an arm's flows in an interval.
struct ArmWorld {
  double bad = 0;   // share that fails
  double slow = 0;  // share of the good ones that take 40 ms; the others take 1 to 4 ms
};

struct IntervalWorld {
  double flows = 0;  // expected, in both arms
  double share = 0;  // of the new arm
  ArmWorld old_arm;
  ArmWorld new_arm;
};

class Rollout {
 public:
  explicit Rollout(uint64_t seed) : random_(seed) {}

  struct Interval {
    ArmInterval old_arm;
    ArmInterval new_arm;
  };

  Interval next(const IntervalWorld& world) {
    const uint64_t flows = poisson(world.flows);
    const uint64_t in_new = binomial(flows, world.share);
    return {.old_arm = arm(flows - in_new, world.old_arm), .new_arm = arm(in_new, world.new_arm)};
  }

  double uniform() { return std::uniform_real_distribution<double>(0, 1)(random_); }

 private:
  uint64_t poisson(double mean) {
    return mean > 0 ? std::poisson_distribution<uint64_t>(mean)(random_) : 0;
  }
  uint64_t binomial(uint64_t count, double part) {
    if (count == 0 || part <= 0) return 0;
    if (part >= 1) return count;
    return std::binomial_distribution<uint64_t>(count, part)(random_);
  }

  ArmInterval arm(uint64_t flows, const ArmWorld& world) {
    ArmInterval interval;
    interval.outcomes.bad = binomial(flows, world.bad);
    interval.outcomes.good = flows - interval.outcomes.bad;
    uint64_t left = interval.outcomes.good;
    const auto put = [&](Microseconds time, double part) {
      const uint64_t count = binomial(left, part);
      interval.latencies.counts[latency_bucket(time)] += static_cast<uint32_t>(count);
      left -= count;
    };
    put(40'000, world.slow);
    put(1'000, 0.4);
    put(2'000, 0.5);
    put(4'000, 1);
    return interval;
  }

  std::mt19937_64 random_;
};

// A world that changes for both arms: rates, floods, bursts of slowness, and ruin.
class ChangingWorld {
 public:
  explicit ChangingWorld(Rollout& rollout)
      : rollout_(rollout), flows_(std::pow(10, 1 + 2 * rollout.uniform())) {}

  IntervalWorld next(double share) {
    if (left_ == 0) change();
    --left_;
    const double burst = rollout_.uniform() < 0.05 ? 10 : 1;
    return {flows_ * burst, share, now_, now_};
  }

 private:
  void change() {
    left_ = 1 + static_cast<int>(30 * rollout_.uniform());
    const double kind = rollout_.uniform();
    now_.bad = kind < 0.6 ? 0.002 : kind < 0.8 ? 0.1 * rollout_.uniform() : rollout_.uniform();
    now_.slow = rollout_.uniform() < 0.5 ? 0.02 : rollout_.uniform();
  }

  Rollout& rollout_;
  double flows_;
  ArmWorld now_;
  int left_ = 0;
};

}  // namespace evenkeel
