// A changed service runs in two arms at the same time: most new flows by the old settings, a slice
// of them by the new ones. Is the change hurting anybody? The judge is told every tenth of a second
// or so how flows of both arms ended, and says at any moment "worse": go back, "fine": the new arm
// is not worse by more than what is tolerated, or that it cannot tell yet.
//
// It asks three questions, each as a comparison of two proportions (two_proportions.h): do more
// flows fail; do more first requests take longer than twice the old arm's median; and longer than
// twice what nine of ten of them take. For these no shape of the distribution is assumed; where
// "long" begins is known from the old arm's earlier blocks, so it cannot lean to either side.
//
// Error bound: a change that makes no difference is called worse with probability `alpha` at most
// over the whole trial, however often the judge is fed or asked; three quarters of it are spent on
// failures, half of that on each of two tests, and an eighth on each question about time. A change
// that is worse in one of the three by its tolerance or more is called fine with probability
// kFineAlpha at most in each stage.
//
// What that rests on: the arm of each outcome is drawn by a hash, whatever those of others are.
// That is the flow's; or where a service steers by source, the source's, of which one flow is
// followed in a whole trial, in either arm (exchange/turns.h). Were it two, a client whom nobody
// can serve would take a harmless change back wherever it is in a slice of a hundredth, for which
// two failures are enough: one time in a hundred. And the new arm's share only ever grows, so that
// what began before a stage counts for the new arm at best. A block of outcomes ends when it has so
// many that both arms should be in it, which says nothing about how they fall to the arms.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "firmware/base/clock.h"
#include "firmware/exchange/evidence.h"
#include "firmware/health/outcomes.h"
#include "firmware/health/two_proportions.h"

namespace evenkeel {

// What one arm did in one interval.
struct ArmInterval {
  Outcomes outcomes;
  LatencyCounts latencies;
};

enum class Judgement : uint8_t { inconclusive, fine, worse };

// "inconclusive", "fine" or "worse".
const char* name_of(Judgement judgement);

struct JudgeOptions {
  // Probability of calling a change worse that makes no difference.
  double alpha = 0.001;
  // By how much more of the new flows may fail: less is not acted on, and is fine.
  double tolerance = 0.01;
};

// Invariants:
// 1. Once worse, always worse.
// 2. Fine is of the present stage: the next one begins inconclusive.
// 3. Fine needs evidence: with few flows the judgement is inconclusive, whatever became of them.
class Judge {
 public:
  static constexpr double kFineAlpha = 0.05;

  // REQUIRES: 0 < alpha < 1, 0 < tolerance < 1.
  explicit Judge(const JudgeOptions& options);

  // From now on the new arm has this share of new flows, or less. Losses are known late, so what
  // flows of the earlier share do is seen until `settled`; nothing before that makes fine.
  // REQUIRES: 0 < share < 1, not less than before.
  void begin_stage(double share, Microseconds settled);

  // What ended since the last call, or since the stage began. REQUIRES: a stage has begun; now does
  // not go back.
  void observe(const ArmInterval& old_arm, const ArmInterval& new_arm, Microseconds now);

  Judgement judgement() const { return judgement_; }
  // One sentence for people: how many of how many, in both arms.
  std::string evidence() const;
  // Of the whole trial.
  const Outcomes& old_arm() const { return failures().old_arm; }
  const Outcomes& new_arm() const { return failures().new_arm; }

 private:
  // One comparison of both arms.
  struct Question {
    Question(double alpha_spent, double tolerated)
        : alpha(alpha_spent), tolerance(tolerated), is_not_worse(tolerated) {}

    bool is_worse() const { return difference.refutes(alpha) && difference.excess() >= tolerance; }

    double alpha;
    double tolerance;
    DifferenceTest difference;
    ToleranceTest is_not_worse;
    Block block;  // since its last end
    Outcomes old_arm;
    Outcomes new_arm;
  };
  enum QuestionIndex : uint8_t { failed, slow, slowest, count_questions };

  const Question& failures() const { return questions_[failed]; }
  void count(QuestionIndex index, const Outcomes& old_arm, const Outcomes& new_arm);
  void count_slow(QuestionIndex index, const ArmInterval& old_arm, const ArmInterval& new_arm);
  void end_block();
  void set_thresholds();
  bool is_dealt_worse() const;
  void judge();
  std::string counts_in_words(QuestionIndex index) const;

  std::array<Question, count_questions> questions_;
  double deal_alpha_;  // spent on:
  DealTest deal_;      // of failures
  double share_ = 0;   // of the present stage
  Outcomes old_of_stage_;
  Outcomes new_of_stage_;
  Judgement judgement_ = Judgement::inconclusive;
  QuestionIndex reason_ = failed;  // for which it is worse
  double block_least_ = 0;         // outcomes of both arms that end a block
  Microseconds settled_ = 0;
  bool is_settled_ = false;                              // of the whole block
  std::array<double, kLatencyBuckets> old_latencies_{};  // of earlier blocks, the recent ones more
  std::array<size_t, count_questions> thresholds_{};     // first bucket that is slow; 0: not known
};

}  // namespace evenkeel
