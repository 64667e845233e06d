#include "firmware/health/two_proportions.h"

#include <algorithm>
#include <cmath>

#include "firmware/base/check.h"

namespace evenkeel {
namespace {

void require_counts(const Block& block) {
  for (const Trials& group : {block.tested, block.others}) {
    REQUIRE(0 <= group.bad && group.bad <= group.all && std::isfinite(group.all));
  }
}

bool has_both(const Block& block) { return block.tested.all > 0 && block.others.all > 0; }

// No box ends so many flows in one block: a counter has gone wrong.
constexpr double kMostFlows = 1e9;
bool is_absurd(const Block& block) { return block.all() > kMostFlows; }

// x log y, where nothing that happened never is no evidence.
double times_log(double x, double y) { return x > 0 ? x * std::log(y) : 0; }

// What a probability becomes when its odds are so many times as great.
double with_odds(double probability, double odds) {
  return odds * probability / (1 - probability + odds * probability);
}

// Logarithm of the most that the mean of bet^X can be.
double log_mean_bound(const Block& block, double bet, double odds) {
  const double bad_of_tested = with_odds(block.bad() / block.all(), odds);
  const double tested_of_bad = with_odds(block.tested.all / block.all(), odds);
  return std::min(block.tested.all * std::log1p(bad_of_tested * (bet - 1)),
                  block.bad() * std::log1p(tested_of_bad * (bet - 1)));
}

// The others' proportion in the pair (p + tolerance, p) under which the block is likeliest if both
// proportions are `guess`: where the derivative by p of the likelihood's logarithm, which falls, is
// zero.
double nearest_other(const Block& block, double guess, double tolerance) {
  const auto slope = [guess](double p) { return guess / p - (1 - guess) / (1 - p); };
  double low = std::max(0.0, guess - tolerance);
  double high = std::min(guess, 1 - tolerance);
  for (int step = 0; step < 50; ++step) {
    const double middle = (low + high) / 2;
    const bool rises =
        block.tested.all * slope(middle + tolerance) + block.others.all * slope(middle) > 0;
    (rises ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

Trials trials_of(const Outcomes& outcomes) {
  const auto bad = static_cast<double>(outcomes.bad);
  return {.all = static_cast<double>(outcomes.good) + bad, .bad = bad};
}

DifferenceTest::DifferenceTest() : wealth_(kInitial) {}

void DifferenceTest::take(const Block& block, double odds) {
  require_counts(block);
  REQUIRE(1 <= odds && std::isfinite(odds));
  if (!has_both(block) || is_absurd(block)) return;
  // Enough to tell half a point if one of a hundred is bad, few enough for a late harm to show
  // soon.
  constexpr double kRemembered = 500;
  const double weight = block.tested.all * block.others.all / block.all();
  const double kept = std::exp(-weight / kRemembered);
  const double difference = with_odds(block.tested.bad / block.tested.all, 1 / odds) -
                            block.others.bad / block.others.all;
  weighted_ = kept * weighted_ + weight * difference;
  weight_ = kept * weight_ + weight;

  if (block.bad() <= 0 || block.bad() >= block.all()) return;  // dealt in one way only
  std::array<double, kBets> log_factors{};
  for (size_t i = 1; i < kBets; ++i) {
    log_factors[i] = block.tested.bad * std::log(kOdds[i]) - log_mean_bound(block, kOdds[i], odds);
  }
  wealth_.settle(log_factors);
}

DealTest::DealTest() : wealth_(kInitial) {}

void DealTest::take(double tested, double bad, double share) {
  REQUIRE(0 <= tested && tested <= bad && std::isfinite(bad) && 0 < share && share < 1);
  if (bad <= 0 || bad > kMostFlows) return;
  std::array<double, kBets> log_factors{};
  for (size_t i = 1; i < kBets; ++i) {
    log_factors[i] = tested * std::log(kOdds[i]) - bad * std::log1p(share * (kOdds[i] - 1));
  }
  wealth_.settle(log_factors);
}

ToleranceTest::ToleranceTest(double tolerance) : tolerance_(tolerance), wealth_({0.3, 0.7}) {
  REQUIRE(0 < tolerance && tolerance < 1);
}

void ToleranceTest::take(const Block& block) {
  require_counts(block);
  if (is_absurd(block)) return;
  // Before anything is seen: few are bad. Never none or all, which one outcome could belie.
  const double guess =
      std::clamp((seen_.bad + 0.5) / (seen_.all + 100), tolerance_ / 100, 1 - tolerance_ / 100);
  if (has_both(block) && guess < kMostBad) wealth_.settle({0, log_factor(block, guess)});
  // The guess follows a world that changes within some dozen blocks.
  constexpr double kKept = 31.0 / 32;
  seen_.all = kKept * seen_.all + block.all();
  seen_.bad = kKept * seen_.bad + block.bad();
}

double ToleranceTest::log_factor(const Block& block, double guess) const {
  const double others = nearest_other(block, guess, tolerance_);
  const double tested = others + tolerance_;
  return times_log(block.tested.bad, guess / tested) +
         times_log(block.tested.all - block.tested.bad, (1 - guess) / (1 - tested)) +
         times_log(block.others.bad, guess / others) +
         times_log(block.others.all - block.others.bad, (1 - guess) / (1 - others));
}

}  // namespace evenkeel
