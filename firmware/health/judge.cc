#include "firmware/health/judge.h"

#include <algorithm>

#include "firmware/base/check.h"

namespace evenkeel {
namespace {

// Of all handshakes, which may more be slow in the new arm: a little slowness hurts less than a
// little loss.
constexpr double kSlowTolerance = 0.10;
constexpr double kSlowestTolerance = 0.05;

// Nobody minds a handshake that is faster than this.
constexpr Microseconds kLeastSlow = 1'024;

// Old handshakes that must be known before it is said what is slow.
constexpr double kLatenciesNeeded = 50;

Outcomes split_at(const LatencyCounts& latencies, size_t threshold) {
  Outcomes outcomes;
  for (size_t i = 0; i < kLatencyBuckets; ++i) {
    (i < threshold ? outcomes.good : outcomes.bad) += latencies.counts[i];
  }
  return outcomes;
}

// The first bucket all of whose times are at least twice this part of the handshakes'.
size_t twice_quantile(const std::array<double, kLatencyBuckets>& counts, double total,
                      double part) {
  size_t bucket = 0;
  for (double below = counts[0]; below < part * total && bucket + 1 < kLatencyBuckets;) {
    below += counts[++bucket];
  }
  const Microseconds above = latency_bucket_start(std::min(bucket + 1, kLatencyBuckets - 1));
  return latency_bucket(std::max(2 * above, kLeastSlow));
}

}  // namespace

const char* name_of(Judgement judgement) {
  switch (judgement) {
    case Judgement::inconclusive:
      return "inconclusive";
    case Judgement::fine:
      return "fine";
    case Judgement::worse:
      return "worse";
  }
  return "inconclusive";
}

Judge::Judge(const JudgeOptions& options)
    : questions_{Question(options.alpha * 3 / 8, options.tolerance),
                 Question(options.alpha / 8, kSlowTolerance),
                 Question(options.alpha / 8, kSlowestTolerance)},
      deal_alpha_(options.alpha * 3 / 8) {
  REQUIRE(0 < options.alpha && options.alpha < 1);
}

void Judge::begin_stage(double share, Microseconds settled) {
  REQUIRE(0 < share && share < 1);
  // About one new and one old flow, and some more where both are common: all that can be learnt
  // from a block is how it is dealt.
  block_least_ = std::max({8.0, 0.75 / share, 0.75 / (1 - share)});
  settled_ = settled;
  share_ = share;
  old_of_stage_ = {};
  new_of_stage_ = {};
  for (Question& question : questions_) {
    question.block = {};
    question.is_not_worse = ToleranceTest(question.tolerance);
  }
  set_thresholds();
  if (judgement_ == Judgement::fine) judgement_ = Judgement::inconclusive;
}

void Judge::observe(const ArmInterval& old_arm, const ArmInterval& new_arm, Microseconds now) {
  REQUIRE(block_least_ > 0);
  if (failures().block.all() <= 0) is_settled_ = now >= settled_;
  count(failed, old_arm.outcomes, new_arm.outcomes);
  old_of_stage_ += old_arm.outcomes;
  new_of_stage_ += new_arm.outcomes;
  const Trials lost = trials_of(new_arm.outcomes);
  deal_.take(lost.bad, lost.bad + trials_of(old_arm.outcomes).bad, share_);
  count_slow(slow, old_arm, new_arm);
  count_slow(slowest, old_arm, new_arm);
  for (size_t i = 0; i < kLatencyBuckets; ++i) old_latencies_[i] += old_arm.latencies.counts[i];
  if (failures().block.all() >= block_least_) end_block();
  judge();
}

// Of a stage, so that a good past hides nothing.
bool Judge::is_dealt_worse() const {
  const Trials tested = trials_of(new_of_stage_);
  const Trials others = trials_of(old_of_stage_);
  if (tested.all <= 0) return false;
  const double usual = others.all > 0 ? others.bad / others.all : 0;
  return tested.bad / tested.all - usual >= failures().tolerance && deal_.refutes(deal_alpha_);
}

void Judge::count(QuestionIndex index, const Outcomes& old_arm, const Outcomes& new_arm) {
  Question& question = questions_[index];
  question.block.others += trials_of(old_arm);
  question.block.tested += trials_of(new_arm);
  question.old_arm += old_arm;
  question.new_arm += new_arm;
}

void Judge::count_slow(QuestionIndex index, const ArmInterval& old_arm,
                       const ArmInterval& new_arm) {
  if (thresholds_[index] == 0) return;
  count(index, split_at(old_arm.latencies, thresholds_[index]),
        split_at(new_arm.latencies, thresholds_[index]));
}

void Judge::end_block() {
  for (Question& question : questions_) {
    question.difference.take(question.block);
    if (is_settled_) question.is_not_worse.take(question.block);
    question.block = {};
  }
  constexpr double kKept = 31.0 / 32;
  for (double& count : old_latencies_) count *= kKept;
  set_thresholds();
}

void Judge::set_thresholds() {
  double total = 0;
  for (const double count : old_latencies_) total += count;
  if (total < kLatenciesNeeded) return;
  thresholds_[slow] = twice_quantile(old_latencies_, total, 0.5);
  thresholds_[slowest] = twice_quantile(old_latencies_, total, 0.9);
}

void Judge::judge() {
  if (judgement_ == Judgement::worse) return;
  bool is_fine = true;
  for (const QuestionIndex index : {failed, slow, slowest}) {
    const Question& question = questions_[index];
    if (question.is_worse() || (index == failed && is_dealt_worse())) {
      judgement_ = Judgement::worse;
      reason_ = index;
      return;
    }
    // Where no handshake is ever timed, time is no question.
    const bool is_asked = index == failed || thresholds_[index] > 0;
    is_fine = is_fine && (!is_asked || question.is_not_worse.refutes(kFineAlpha));
  }
  if (is_fine) judgement_ = Judgement::fine;
}

std::string Judge::evidence() const {
  if (new_arm().all() == 0) return "no flow of the new arm has ended yet";
  switch (judgement_) {
    case Judgement::worse:
      return counts_in_words(reason_);
    case Judgement::fine:
      return counts_in_words(failed) + ": not worse by more than is tolerated";
    case Judgement::inconclusive:
      return counts_in_words(failed) + ": too little to tell";
  }
  return "";
}

std::string Judge::counts_in_words(QuestionIndex index) const {
  static constexpr std::array<const char*, count_questions> kBad = {
      "failed", "took more than twice the old median",
      "took more than twice what nine of ten old ones take"};
  const Question& question = questions_[index];
  return in_words(question.new_arm, index == failed ? "new flows" : "new responses", kBad[index]) +
         ", " + in_words(question.old_arm, "old ones", "");
}

}  // namespace evenkeel
