// Does each backend of a pool get the share of new flows that the plan gives it? If not, whatever
// the reason, some server is overloaded while others idle.
//
// A flow goes to a backend with the probability that is its share, and flows do not know of each
// other. So for each backend its flows are bet on, interval by interval (Wealth,
// two_proportions.h): a bet on odds w is multiplied, with x of n flows and share s, by
//     w^x / (1 + s (w - 1))^n
// of which the mean is 1 if the share is true. Odds begin at 1.4 times more or less, so what is
// within an eighth of the share wins nothing: tables are not exact to the last bucket. The share
// may change between intervals as it likes; an interval in which it did is left out. Who has no
// share is not judged: flows that were promised to him still come.
//
// Error bound: within one kWindow a backend that gets its share is called imbalanced with
// probability `alpha` at most, however often one looks, if flows do not know of each other: a
// service that steers by source, with few sources, may be imbalanced by nobody's fault, and is
// called so.
//
// Invariants:
// 1. Who is called imbalanced had, over the last seconds, a share that differed from the plan's by
//    `tolerance` of it or more.
// 2. He is called so until a whole window has passed without evidence, and the difference is gone.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/health/two_proportions.h"

namespace evenkeel {

// What one backend got in one interval.
struct BackendFlows {
  std::string_view backend;
  double share = 0;  // of its pool's new flows, by the plan in force
  uint64_t flows = 0;
};

struct ImbalanceOptions {
  double alpha = 1e-9;
  double tolerance = 0.25;  // as a part of the plan's share
};

struct Imbalanced {
  std::string backend;
  Microseconds since = 0;
  double measured = 0;  // shares, over the last seconds
  double expected = 0;

  // "had 20.1 % of new flows, where its share is 10.0 %"
  std::string evidence() const;
};

// Of one pool.
class Imbalance {
 public:
  static constexpr Microseconds kWindow = 10'000'000;

  // REQUIRES: 0 < alpha < 1, 0 < tolerance < 1.
  explicit Imbalance(const ImbalanceOptions& options);

  // New flows since the last call, of every backend of the pool; who is not named is forgotten.
  // REQUIRES: names differ; 0 <= share <= 1; now does not go back.
  void observe(const std::vector<BackendFlows>& pool, Microseconds now);

  std::vector<Imbalanced> imbalanced() const;

 private:
  static constexpr size_t kBets = 7;
  static constexpr std::array<double, kBets> kOdds = {1, 0.05, 0.4, 0.7, 1.4, 2.5, 8};
  static constexpr std::array<double, kBets> kInitial = {0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1};

  struct Watched {
    bool is_present = true;
    bool is_imbalanced = false;
    Microseconds since = 0;
    double share = 0;
    Microseconds window_end = 0;
    Wealth<kBets> wealth{kInitial};
    // Over the last seconds.
    double flows = 0;
    double expected = 0;
    double of_pool = 0;
  };

  void watch(Watched& watched, const BackendFlows& member, double of_pool, double kept,
             Microseconds now);
  bool differs(const Watched& watched) const;

  ImbalanceOptions options_;
  Microseconds last_ = 0;
  std::map<std::string, Watched, std::less<>> watched_;
};

}  // namespace evenkeel
