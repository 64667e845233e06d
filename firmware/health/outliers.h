// A backend may answer its checks and still lose its users' flows. What its flows really do tells:
// a backend whose flows fail more often than those of the rest of its pool, at the same time, is
// ejected for a while, without any probe.
//
// Each backend is compared with all others that are in service (two_proportions.h): which backend a
// flow goes to is drawn by its hash - or by its source's, of which then one flow counts in a while
// (exchange/turns.h) - so if a backend is no worse than the others, its flows are no more often
// among the bad ones than among all. A world that breaks for the whole pool ejects nobody. That is
// asked in two ways, each with half of the error: by how the flows of a moment are dealt, and by
// whose the failures are, which still tells when clients wait for what does not come.
//
// Losses are known late: of a backend whose share has just shrunk one sees losses of many flows
// beside successes of few. Shares may shrink all the time, as with agents, so it is judged
// meanwhile, by the shares of its pool's flows that it had within the last `deadline`. Whatever is
// known now, soon or late, was dealt at one of these:
//  - A bad flow is of a harmless backend with the largest of them as its probability at most. A bet
//    at that share has a mean of 1 at most.
//  - The odds that a bad flow is its own are to those of a good one at most as the odds of the
//    largest share to those of the smallest. Each block is bet on with that ratio
//    (two_proportions.h). While it is above kMostOdds there is little to win, and no bet.
// So no evidence is thrown away, and what was bet before stands. Shares are those of the flows that
// are counted: when a backend is no longer counted, as it is ejected or gone, each flow of the time
// before is one of the rest, and the shares that these had are greater by that.
//
// Who takes no flows for a moment begins anew, and is not judged by what it lost before.
//
// Error bound: within one kWindow a backend that is no worse than its pool is ejected with
// probability `alpha` at most. Each window begins anew, so that old good behaviour hides nothing.
//
// Invariants:
// 1. No more are ejected than `most` of the n backends that take flows or would but for that; but
//    one may be, if n >= 3 and `most` is not 0. If n shrinks meanwhile, some return early.
// 2. Nor who would bring the share of flows that the ejected had above a half, or `most` if that is
//    more. Who has just returned, and has a part of its share, counts with the whole.
// 3. Who is ejected returns after 30 s, the next time after twice that, and so on up to 10 minutes.
//    Each five minutes in service take one doubling back.
// 4. Nobody is ejected whose observed excess of failures is below `tolerance`. Where a share has
//    shrunk, as many of the losses are taken to be of the time before as may be.
// 5. Who would be ejected but for 1 or 2 is spared, until a window has passed in which he would
// not.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/health/outcomes.h"
#include "firmware/health/two_proportions.h"

namespace evenkeel {

// What one backend did in one interval.
struct BackendOutcomes {
  std::string_view backend;
  double share = 0;  // of its pool's new flows, by the plan in force; 0 if it takes none
  Outcomes outcomes;
};

struct OutlierOptions {
  double alpha = 1e-7;
  // By how much more of its flows must fail, as a share of them.
  double tolerance = 0.05;
  // Of the pool, ejected at a time; 0: nobody is.
  double most = 0.1;
  // After so long a flow's outcome is known and seen: three phases of a handshake, and a look.
  Microseconds deadline = 5'500'000;
};

struct Ejection {
  std::string backend;
  Microseconds since = 0;
  Microseconds until = 0;
  std::string evidence;
};

// Does worse than its pool, and keeps its flows since too many are out.
struct Spared {
  std::string backend;
  Microseconds until = 0;
  std::string evidence;
};

// Of one pool.
class Outliers {
 public:
  static constexpr Microseconds kWindow = 60'000'000;
  static constexpr Microseconds kFirstEjection = 30'000'000;
  static constexpr Microseconds kLongestEjection = 600'000'000;
  static constexpr Microseconds kGoodTime = 300'000'000;
  static constexpr double kMostOdds = 2;

  struct Changes {
    std::vector<Ejection> ejected;
    std::vector<std::string> returned;
    std::vector<Spared> spared;  // that were not before
  };

  // REQUIRES: 0 < alpha < 1, 0 <= most <= 1.
  explicit Outliers(const OutlierOptions& options);

  // What ended since the last call, of every backend of the pool, those that are ejected too; who
  // is not named is forgotten. REQUIRES: names differ; 0 <= share <= 1; now does not go back.
  Changes observe(const std::vector<BackendOutcomes>& pool, Microseconds now);

  // As if it had never been named.
  void forget(std::string_view backend);

  bool is_any_ejected() const { return out_ > 0; }
  bool is_any_spared() const { return spared_ > 0; }
  bool is_ejected(std::string_view backend) const { return ejection_of(backend) != nullptr; }
  // Null: it is not ejected.
  const Ejection* ejection_of(std::string_view backend) const;
  std::vector<Ejection> ejected() const;
  // Null: it is not spared.
  const Spared* spared_of(std::string_view backend) const;
  std::vector<Spared> spared() const;

 private:
  // At which flows were dealt whose outcomes may be seen until then; or of several such times.
  struct Shares {
    double least = 0;  // of all flows
    double most = 0;   // of those that are counted
    Microseconds until = 0;
  };
  struct Watched {
    bool is_ejected = false;
    bool is_present = true;
    Ejection ejection;  // the present or last one
    Spared spared;      // until 0: it is not
    unsigned doublings = 0;
    Microseconds good_since = 0;

    double share = 0;            // now, or before it was ejected
    double whole = 0;            // before it was ejected last, unless that is long ago
    std::vector<Shares> recent;  // of the last deadline, the latest last
    Microseconds judged_from = 0;
    Microseconds window_end = 0;
    DifferenceTest difference;
    DealTest deal;
    Block block;
    Shares of_block;
    Outcomes own;  // of the window
    Outcomes others;
    Trials discounted;  // own, as if all losses were of the largest share of late
  };
  using Record = std::map<std::string, Watched, std::less<>>::value_type;

  Watched& find(std::string_view backend);
  void return_those_due(const std::vector<BackendOutcomes>& pool, Microseconds now,
                        Changes& ret_changes);
  size_t most_out(size_t in_service) const;
  void begin_window(Watched& watched, Microseconds from);
  void forget_absent(const std::vector<BackendOutcomes>& pool);
  double most_of_late(const Watched& watched) const;
  void count_no_longer(double share);
  Shares dealt(Watched& watched, double share, double counted, Microseconds now) const;
  void watch(Watched& watched, const BackendOutcomes& member, const Outcomes& others,
             double counted, Microseconds now);
  static void compare(Watched& watched, const Block& outcomes, const Shares& shares);
  static double excess_of(const Watched& watched);
  bool is_outlier(const Watched& watched) const;
  static std::string evidence_of(const Watched& watched);
  void eject_worst(Microseconds now, Changes& ret_changes);
  void eject(Record& record, double share, Microseconds now);
  static void spare(Record& record, Microseconds now, Changes& ret_changes);

  OutlierOptions options_;
  std::map<std::string, Watched, std::less<>> watched_;
  Microseconds looked_ = 0;
  size_t out_ = 0;  // that are ejected
  size_t spared_ = 0;
};

}  // namespace evenkeel
