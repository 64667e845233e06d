// Does one group of flows go bad more often than another of the same time? Asked ten times a
// second, for as long as it takes, and the answer must be wrong at most once in so many trials,
// however often it was looked at. A significance test that is repeated is wrong sooner or later;
// the answer here is betting: a gambler who starts with 1 and never plays a game that favours him,
// if the hypothesis is true, ever has 1/alpha with probability alpha at most (Ville 1939). So what
// he has is evidence, at any time and for any rule by which somebody stops to look.
//
// What is bet on comes in blocks: outcomes of both groups in one stretch of time. Nothing is
// carried over from one block to the next but wealth and how to bet, so the world may change
// between blocks as it likes.
//
// DifferenceTest bets against "the tested group goes bad no more often than the others". A flow's
// group is drawn by its hash. If that hypothesis holds, the `bad` flows of a block are dealt to the
// groups like cards: of n flows, `a` of them tested, the tested group gets X of the bad ones, and X
// is hypergeometric, whatever made them bad and when: bursts, floods and a world that breaks within
// the block are in `bad`, which is given. (Wald 1947, "Sequential Analysis", ch. 6, compares two
// proportions by such conditioning; Turner, Ly & Gruenwald 2022, "Generic E-variables for exact
// sequential k-sample tests that allow for optional stopping", do it with estimated proportions.
// Given the margins nothing has to be estimated, and outcomes need not be independent.) A bet on
// odds w > 1 is multiplied by
//     w^X / min((1 + bad/n (w - 1))^a, (1 + a/n (w - 1))^bad)
// where both bounds of the mean of w^X are Hoeffding's (1963): draws without replacement are no
// wilder than draws with it, seen from the tested flows or from the bad ones. The first is tight if
// the tested group is small, the second if bad flows are rare.
//
// Bad flows may be known later than good ones, and the tested group's share may have moved
// meanwhile. If the odds that a bad flow of the block is of the tested group are at most r times
// those of a good one, X is no greater than with exactly r: flows are independent and what they sum
// to is log-concave, so that a likelier flow makes X greater, whatever the sum `a` is. With exactly
// r it is Fisher's noncentral hypergeometric. Given who got the other bad ones, the odds of one of
// them are r times what they would be by mere dealing; the probability is concave in these, and so
// its mean is at most (r a) / (n - a + r a), which takes the place of a/n above, and likewise that
// of bad/n seen from the tested flows. And X is still a sum of independent draws (Vatutin &
// Mikhailov 1982: all roots of what generates it are real, and stay so), so that Hoeffding's bounds
// hold of that mean.
//
// ToleranceTest bets against "the tested group goes bad more often by `tolerance` or more". The
// factor is the likelihood ratio of equal proportions to the nearest pair with that difference
// (Turner, Ly & Gruenwald 2022, theorem 1: the reverse information projection on a convex
// hypothesis); proportions are guessed from earlier blocks. Its proof wants proportions that stay
// as they are within a block. It holds for any guess. While most flows go bad in both groups it
// does not bet: such a time says little of how a better one would be.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "firmware/base/check.h"
#include "firmware/health/outcomes.h"

namespace evenkeel {

// Outcomes of one group in one block.
struct Trials {
  double all = 0;
  double bad = 0;

  Trials& operator+=(const Trials& more) {
    all += more.all;
    bad += more.bad;
    return *this;
  }
};

Trials trials_of(const Outcomes& outcomes);

struct Block {
  Trials tested;
  Trials others;

  double all() const { return tested.all + others.all; }
  double bad() const { return tested.bad + others.bad; }
};

// What a gambler has who spreads it over several bets, of which the first is not to bet.
// After each block a little of all that he has is spread anew (Herbster & Warmuth 1998, fixed
// share), so that a bet which lost for long can win again: long good behaviour hides nothing.
// Moving wealth between fair bets is fair.
// Invariants:
// 1. Shares are positive and their sum is 1.
// 2. If no factor's mean is above 1 under the hypothesis, wealth reaches W with probability 1/W at
//    most, ever.
template <size_t kBets>
class Wealth {
 public:
  // REQUIRES: positive, with sum 1.
  explicit Wealth(const std::array<double, kBets>& initial) : initial_(initial), shares_(initial) {}

  // The block made each bet exp(log_factors) times what it was. REQUIRES: finite; the first is 0.
  void settle(const std::array<double, kBets>& log_factors);

  // Natural logarithm.
  double log() const { return log_wealth_; }
  // REQUIRES: 0 < alpha < 1.
  bool refutes(double alpha) const {
    REQUIRE(0 < alpha && alpha < 1);
    return log_wealth_ >= -std::log(alpha);
  }

 private:
  static constexpr double kSpreadAnew = 1.0 / 4096;

  std::array<double, kBets> initial_;
  std::array<double, kBets> shares_;
  double log_wealth_ = 0;
};

class DifferenceTest {
 public:
  DifferenceTest();

  // REQUIRES, of each block: 0 <= bad <= all in both groups. Where a block ends may depend on its
  // totals, not on how they are dealt to the groups. The odds that a bad flow is of the tested
  // group, if it is no worse, are at most `odds` times those of a good one; 1 <= odds.
  void take(const Block& block, double odds = 1);

  // Whether the hypothesis is refuted; wrong with probability alpha at most, over all calls.
  bool refutes(double alpha) const { return wealth_.refutes(alpha); }
  double log_wealth() const { return wealth_.log(); }
  // By how much more of the tested group goes bad, or would if bad flows had been dealt as the good
  // ones: over blocks, each weighted by what it tells, the recent ones more.
  double excess() const { return weight_ > 0 ? weighted_ / weight_ : 0; }

 private:
  static constexpr size_t kBets = 7;
  static constexpr std::array<double, kBets> kOdds = {1, 1.3, 2, 4, 12, 60, 1000};
  // Most on ruin: where most flows are lost, each moment counts.
  static constexpr std::array<double, kBets> kInitial = {0.15, 0.05, 0.1, 0.1, 0.1, 0.1, 0.4};

  Wealth<kBets> wealth_;
  double weighted_ = 0;  // sum of weight * difference of proportions
  double weight_ = 0;
};

// Bets against "of bad flows no larger part is of the tested group than of all flows", which is
// `share`: whatever makes flows bad, and when, each is of the tested group with that probability,
// for its group is drawn by its hash. Asks nothing of flows that end well, so that it still tells
// when those cease: clients that wait for each other's answers make no more flows once the tested
// group has swallowed all of them, and failures are known a second later than success. A bet on
// odds w is multiplied by w^X / (1 + share (w - 1))^bad, the exact mean of the binomial.
class DealTest {
 public:
  DealTest();

  // Of `bad` flows, `tested` are of the tested group. REQUIRES: tested <= bad, 0 < share < 1.
  void take(double tested, double bad, double share);

  // Whether the hypothesis is refuted; wrong with probability alpha at most, over all calls.
  bool refutes(double alpha) const { return wealth_.refutes(alpha); }
  double log_wealth() const { return wealth_.log(); }

 private:
  static constexpr size_t kBets = 4;
  static constexpr std::array<double, kBets> kOdds = {1, 3, 20, 1000};
  static constexpr std::array<double, kBets> kInitial = {0.1, 0.2, 0.3, 0.4};

  Wealth<kBets> wealth_;
};

class ToleranceTest {
 public:
  // REQUIRES: 0 < tolerance < 1.
  explicit ToleranceTest(double tolerance);

  // REQUIRES, of each block: 0 <= bad <= all in both groups.
  void take(const Block& block);

  // Whether the hypothesis is refuted; wrong with probability alpha at most, over all calls.
  bool refutes(double alpha) const { return wealth_.refutes(alpha); }
  double log_wealth() const { return wealth_.log(); }

 private:
  static constexpr size_t kBets = 2;
  static constexpr double kMostBad = 0.5;

  double log_factor(const Block& block, double guess) const;

  double tolerance_;
  Wealth<kBets> wealth_;
  Trials seen_;  // of both groups, the recent ones more
};

template <size_t kBets>
void Wealth<kBets>::settle(const std::array<double, kBets>& log_factors) {
  const double greatest = *std::ranges::max_element(log_factors);
  double sum = 0;
  for (size_t i = 0; i < kBets; ++i) {
    shares_[i] *= std::exp(log_factors[i] - greatest);
    sum += shares_[i];
  }
  log_wealth_ += greatest + std::log(sum);
  for (size_t i = 0; i < kBets; ++i) {
    shares_[i] = (1 - kSpreadAnew) * shares_[i] / sum + kSpreadAnew * initial_[i];
  }
}

}  // namespace evenkeel
