// `tools/bench judge`: how soon the judge of a rollout (firmware/health/judge.h) finds a harm of
// what size in how much traffic, and how often it blames a change that does none; beside what is
// usually done, a significance test of all outcomes so far, repeated at each look. All is
// simulated: a look is a tenth of a second.
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "firmware/health/judge.h"
#include "tests/health/rollouts.h"
#include "tools/benchmarks/options.h"
#include "tools/benchmarks/report.h"

namespace evenkeel::bench {
namespace {

constexpr Microseconds kInterval = 100'000;
constexpr double kIntervalsPerSecond = 10;
constexpr int kMinute = 600;
constexpr double kAlpha = 0.001;
constexpr double kTolerance = 0.01;
constexpr double kPercent = 100;

struct Options {
  size_t rollouts = 200;
  std::string json;
};

// Calls the new arm worse as soon as its excess of failures has less than alpha's probability by
// chance: right if one looks once.
class RepeatedTest {
 public:
  void begin_stage(double /*share*/, Microseconds /*settled*/) {}

  void observe(const ArmInterval& old_arm, const ArmInterval& new_arm, Microseconds /*now*/) {
    old_ += trials_of(old_arm.outcomes);
    new_ += trials_of(new_arm.outcomes);
    if (old_.all <= 0 || new_.all <= 0) return;
    const double bad = (old_.bad + new_.bad) / (old_.all + new_.all);
    const double deviation = std::sqrt(bad * (1 - bad) * (1 / old_.all + 1 / new_.all));
    const double excess = new_.bad / new_.all - old_.bad / old_.all;
    constexpr double kQuantile = 3.0902;  // of the normal distribution, at 1 - kAlpha
    if (excess >= kTolerance && excess > kQuantile * deviation) judgement_ = Judgement::worse;
  }

  Judgement judgement() const { return judgement_; }

 private:
  Trials old_;
  Trials new_;
  Judgement judgement_ = Judgement::inconclusive;
};

// Looks until the new arm is called worse, or `most`.
template <typename Tested>
int looks_until_worse(Tested tested, Rollout& rollout, const IntervalWorld& world, int most) {
  tested.begin_stage(world.share, 0);
  for (int look = 1; look < most; ++look) {
    const auto [old_arm, new_arm] = rollout.next(world);
    tested.observe(old_arm, new_arm, static_cast<Microseconds>(look) * kInterval);
    if (tested.judgement() == Judgement::worse) return look;
  }
  return most;
}

template <typename Tested>
Figure seconds_until_worse(const Tested& tested, const IntervalWorld& world,
                           const Options& options) {
  std::vector<double> seconds;
  for (uint64_t seed = 0; seed < options.rollouts; ++seed) {
    Rollout rollout(seed);
    const int looks = looks_until_worse(tested, rollout, world, kMinute);
    seconds.push_back(looks / kIntervalsPerSecond);
  }
  return figure_of(seconds);
}

Judge new_judge() { return Judge{{.alpha = kAlpha, .tolerance = kTolerance}}; }

// One panel: a line for each slice, by the size of the harm.
void power(Report& report, const Options& options, double flows_per_second, bool is_slow) {
  const std::string traffic = std::to_string(static_cast<int>(flows_per_second)) + " flows/s";
  report.section(is_slow ? "Slow in the new arm, 2 % in the old: " + traffic
                         : "Failing in the new arm, 0.1 % in the old: " + traffic,
                 "seconds to decide by percent, logarithmic, 60: not in a minute");
  const ArmWorld old_arm = {.bad = 0.001, .slow = 0.02};
  const auto world_of = [&](double percent, double share) {
    ArmWorld new_arm = old_arm;
    (is_slow ? new_arm.slow : new_arm.bad) = percent / kPercent;
    return IntervalWorld{flows_per_second / kIntervalsPerSecond, share, old_arm, new_arm};
  };
  for (const double share : {0.01, 0.1, 0.5}) {
    const std::string series = "slice of " + std::to_string(static_cast<int>(share * 100)) + " %";
    for (const double percent : {2.0, 5.0, 10.0, 20.0, 50.0, 100.0}) {
      if (is_slow && percent < 20) continue;
      report.point(series, percent,
                   seconds_until_worse(new_judge(), world_of(percent, share), options));
    }
  }
  if (is_slow) return;
  for (const double percent : {2.0, 5.0, 10.0, 20.0, 50.0, 100.0}) {
    report.point("repeated z-test, 10 %", percent,
                 seconds_until_worse(RepeatedTest(), world_of(percent, 0.1), options));
  }
}

// For each of these times, which part of harmless rollouts was called worse by then.
constexpr double kWatched[] = {1, 3, 10, 30, 90};

template <typename Tested, typename World>
void false_alarms(Report& report, const std::string& series, const Tested& initial, size_t rollouts,
                  const World& world_of) {
  constexpr int kLooksOfStage = 300;
  std::vector<double> alarmed(std::size(kWatched), 0);
  for (uint64_t seed = 0; seed < rollouts; ++seed) {
    Rollout rollout(seed);
    auto world = world_of(rollout);
    Tested tested = initial;
    int look = 0;
    for (const double share : {0.01, 0.1, 0.5}) {
      tested.begin_stage(share, static_cast<Microseconds>(look) * kInterval);
      for (int i = 0; i < kLooksOfStage && tested.judgement() != Judgement::worse; ++i) {
        const auto [old_arm, new_arm] = rollout.next(world.next(share));
        tested.observe(old_arm, new_arm, static_cast<Microseconds>(++look) * kInterval);
      }
    }
    if (tested.judgement() != Judgement::worse) continue;
    for (size_t i = 0; i < std::size(kWatched); ++i) {
      alarmed[i] += look <= kWatched[i] * kIntervalsPerSecond;
    }
  }
  for (size_t i = 0; i < std::size(kWatched); ++i) {
    const double percent = kPercent * alarmed[i] / static_cast<double>(rollouts);
    report.point(series, kWatched[i], {percent, percent, percent});
  }
}

// The same at all times.
class SteadyWorld {
 public:
  SteadyWorld(double flows, double bad) : flows_(flows), bad_(bad) {}
  IntervalWorld next(double share) const {
    const ArmWorld arm = {.bad = bad_, .slow = 0.02};
    return {flows_, share, arm, arm};
  }

 private:
  double flows_;
  double bad_;
};

void bound(Report& report, const Options& options) {
  const size_t rollouts = 10 * options.rollouts;
  const auto compare = [&](const std::string& title, const auto& world_of) {
    report.section("Harmless changes: " + title, "percent called worse, by seconds watched");
    false_alarms(report, "judge", new_judge(), rollouts, world_of);
    false_alarms(report, "repeated z-test", RepeatedTest(), rollouts, world_of);
  };
  compare("1 % fail, 1,000 flows/s", [](Rollout&) { return SteadyWorld(100, 0.01); });
  compare("5 % fail, 1,000 flows/s", [](Rollout&) { return SteadyWorld(100, 0.05); });
  compare("a world that changes, in bursts",
          [](Rollout& rollout) { return ChangingWorld(rollout); });
  report.note("of " + std::to_string(rollouts) +
              " rollouts each, through slices of 1, 10 and 50 %; the judge's bound is 0.1 %");
}

int run(const Options& options) {
  Report report;
  for (const double flows : {100.0, 1'000.0, 10'000.0}) power(report, options, flows, false);
  power(report, options, 1'000, true);
  bound(report, options);
  return report.save(options.json) ? 0 : 1;
}

Options options_of(int count, char** arguments) {
  Options options;
  const NumberOption numbers[] = {{"--rollouts", 1, 100'000, &options.rollouts}};
  options.json = read_options(count, arguments, numbers);
  return options;
}

}  // namespace
}  // namespace evenkeel::bench

int main(int count, char** arguments) {
  return evenkeel::bench::run(evenkeel::bench::options_of(count, arguments));
}
