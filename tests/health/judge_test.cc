#include "firmware/health/judge.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "tests/cmocka.h"
#include "tests/health/rollouts.h"

namespace evenkeel {
namespace {

constexpr Microseconds kInterval = 100'000;
constexpr uint64_t kManyFlows = uint64_t{1} << 40;

// The same interval again and again.
Judge judge_of(double share, const ArmInterval& old_arm, const ArmInterval& new_arm,
               int intervals) {
  Judge judge{{}};
  judge.begin_stage(share, 0);
  for (int i = 1; i <= intervals; ++i) {
    judge.observe(old_arm, new_arm, static_cast<Microseconds>(i) * kInterval);
  }
  return judge;
}

ArmInterval arm_of(uint64_t good, uint64_t bad) {
  return {.outcomes = {good, bad}, .latencies = {}};
}

void says_what_it_has_seen(void**) {
  const struct {
    const char* description;
    double share;
    ArmInterval old_arm, new_arm;
    int intervals;
    Judgement judgement;
    const char* evidence;
  } cases[] = {
      {"nothing",
       0.01,
       {},
       {},
       100,
       Judgement::inconclusive,
       "no flow of the new arm has ended yet"},
      {"only old flows, all well",
       0.01,
       arm_of(100, 0),
       {},
       1'000,
       Judgement::inconclusive,
       "no flow of the new arm has ended yet"},
      {"only old flows, all failed",
       0.01,
       arm_of(0, 100),
       {},
       1'000,
       Judgement::inconclusive,
       "no flow of the new arm has ended yet"},
      {"only new flows, all failed",
       0.01,
       {},
       arm_of(0, 100),
       1'000,
       Judgement::worse,
       "of 100,000 new flows 100,000 failed, of 0 old ones none"},
      {"one new flow of a hundred, lost", 0.01, arm_of(99, 0), arm_of(0, 1), 1,
       Judgement::inconclusive, "of 1 new flows 1 failed, of 99 old ones none: too little to tell"},
      {"all new flows lost, one in an interval", 0.01, arm_of(99, 0), arm_of(0, 1), 3,
       Judgement::worse, "of 3 new flows 3 failed, of 297 old ones none"},
      {"all flows lost in both arms", 0.01, arm_of(0, 99), arm_of(0, 1), 1'000,
       Judgement::inconclusive,
       "of 1,000 new flows 1,000 failed, of 99,000 old ones 99,000: too little to tell"},
      {"all well", 0.01, arm_of(99, 0), arm_of(1, 0), 1'000, Judgement::fine,
       "of 1,000 new flows none failed, of 99,000 old ones none: not worse by more than is "
       "tolerated"},
      {"all well, but few", 0.01, arm_of(99, 0), arm_of(1, 0), 100, Judgement::inconclusive,
       "of 100 new flows none failed, of 9,900 old ones none: too little to tell"},
      {"the new arm is better", 0.5, arm_of(40, 60), arm_of(100, 0), 20, Judgement::fine,
       "of 2,000 new flows none failed, of 2,000 old ones 1,200: not worse by more than is "
       "tolerated"},
      {"worse, but not by what anybody minds", 0.5, arm_of(9'990, 10), arm_of(9'940, 60), 1'000,
       Judgement::fine,
       "of 10,000,000 new flows 60,000 failed, of 10,000,000 old ones 10,000: not worse by more "
       "than is tolerated"},
      {"worse by a little more than is tolerated", 0.5, arm_of(990, 10), arm_of(978, 22), 100,
       Judgement::worse, "of 100,000 new flows 2,200 failed, of 100,000 old ones 1,000"},
  };
  for (const auto& row : cases) {
    const Judge judge = judge_of(row.share, row.old_arm, row.new_arm, row.intervals);
    print_message("%s: %s\n", row.description, judge.evidence().c_str());
    assert_string_equal(name_of(judge.judgement()), name_of(row.judgement));
    assert_string_equal(judge.evidence().c_str(), row.evidence);
  }
}

// Intervals until the judgement is not inconclusive any more, or `most`.
template <typename World>
int decided_after(Judge& judge, Rollout& rollout, const World& world, int most) {
  for (int i = 1; i <= most; ++i) {
    const Rollout::Interval interval = rollout.next(world(i));
    judge.observe(interval.old_arm, interval.new_arm, static_cast<Microseconds>(i) * kInterval);
    if (judge.judgement() == Judgement::worse) return i;
  }
  return most;
}

struct Harm {
  const char* description;
  double flows;  // in an interval
  double share;
  ArmWorld old_arm;
  ArmWorld new_arm;
  int intervals;  // that nineteen of twenty rollouts need at most
};

void harm_is_found_soon(void**) {
  const Harm cases[] = {
      {"ruin, 1 %", 100, 0.01, {0.001, 0}, {1, 0}, 10},
      {"ruin, 10 %", 100, 0.1, {0.001, 0}, {1, 0}, 2},
      {"ruin, half, little traffic", 1, 0.5, {0.001, 0}, {1, 0}, 60},
      {"ruin under a flood of lost handshakes", 1'000, 0.1, {0.8, 0}, {1, 0}, 10},
      {"half fail, 10 %", 100, 0.1, {0.001, 0}, {0.5, 0}, 3},
      {"a tenth fails, 10 %", 100, 0.1, {0.001, 0}, {0.1, 0}, 15},
      {"two points more, half", 1'000, 0.5, {0.01, 0}, {0.03, 0}, 15},
      {"all slow, 1 %", 100, 0.01, {0, 0.05}, {0, 1}, 40},
      {"all slow, 10 %", 100, 0.1, {0, 0.05}, {0, 1}, 5},
      {"a third slow, 10 %", 100, 0.1, {0, 0.05}, {0, 0.35}, 30},
  };
  for (const Harm& harm : cases) {
    std::vector<int> decided;
    for (uint64_t seed = 0; seed < 200; ++seed) {
      Rollout rollout(seed);
      Judge judge{{}};
      judge.begin_stage(harm.share, 0);
      decided.push_back(decided_after(
          judge, rollout,
          [&](int) { return IntervalWorld{harm.flows, harm.share, harm.old_arm, harm.new_arm}; },
          1'000));
    }
    std::ranges::sort(decided);
    print_message("%s: %d, %d, %d\n", harm.description, decided[100], decided[190], decided[199]);
    assert_in_range(decided[190], 1, harm.intervals);
  }
}

// 1,000 flows a second, a slice of 1 %: more than half of its ten flows a second fail.
void a_hard_failure_is_found_in_a_second(void**) {
  size_t in_time = 0;
  constexpr size_t kRollouts = 1'000;
  for (uint64_t seed = 0; seed < kRollouts; ++seed) {
    Rollout rollout(seed);
    Judge judge{{}};
    judge.begin_stage(0.01, 0);
    int first_lost = 0;
    for (int i = 1; judge.judgement() != Judgement::worse; ++i) {
      const auto [old_arm, new_arm] = rollout.next({100, 0.01, {0.001, 0}, {0.55, 0}});
      judge.observe(old_arm, new_arm, static_cast<Microseconds>(i) * kInterval);
      if (first_lost == 0 && judge.new_arm().bad > 0) first_lost = i;
      if (first_lost == 0 || i - first_lost < 10) {
        in_time += judge.judgement() == Judgement::worse;
      }
    }
  }
  print_message("%zu of %zu within a second\n", in_time, kRollouts);
  assert_in_range(in_time, kRollouts * 95 / 100, kRollouts);
}

void harmless_rollouts_go_through(void**) {
  constexpr size_t kRollouts = 10'000;
  constexpr int kIntervalsOfStage = 25;
  size_t worse = 0;
  for (uint64_t seed = 0; seed < kRollouts; ++seed) {
    Rollout rollout(seed);
    ChangingWorld world(rollout);
    Judge judge{{.alpha = 0.001, .tolerance = 0.000'001}};
    Microseconds now = 0;
    for (const double share : {0.01, 0.1, 0.5}) {
      judge.begin_stage(share, now);
      for (int i = 0; i < kIntervalsOfStage; ++i) {
        const auto [old_arm, new_arm] = rollout.next(world.next(share));
        judge.observe(old_arm, new_arm, now += kInterval);
      }
    }
    worse += judge.judgement() == Judgement::worse;
  }
  print_message("%zu of %zu harmless rollouts called worse\n", worse, kRollouts);
  // Ten are allowed; that it is 21 or more by chance has probability 0.002.
  assert_in_range(worse, 0, 20);
}

void what_is_worse_is_rarely_fine(void**) {
  constexpr size_t kRollouts = 400;
  const struct {
    const char* description;
    ArmWorld old_arm, new_arm;
  } cases[] = {
      {"fails a point more", {0.002, 0.02}, {0.012, 0.02}},
      {"fails a point more of many", {0.1, 0.02}, {0.11, 0.02}},
      {"ten points more are slow", {0.002, 0.02}, {0.002, 0.12}},
  };
  for (const auto& row : cases) {
    size_t fine = 0;
    for (uint64_t seed = 0; seed < kRollouts; ++seed) {
      Rollout rollout(seed);
      Judge judge{{}};
      judge.begin_stage(0.1, 0);
      bool was_fine = false;
      for (int i = 1; i <= 300; ++i) {
        const auto [old_arm, new_arm] = rollout.next({100, 0.1, row.old_arm, row.new_arm});
        judge.observe(old_arm, new_arm, static_cast<Microseconds>(i) * kInterval);
        was_fine = was_fine || judge.judgement() == Judgement::fine;
      }
      fine += was_fine;
    }
    print_message("%s: %zu of %zu called fine\n", row.description, fine, kRollouts);
    assert_in_range(fine, 0, 33);  // 20 are allowed, and three standard deviations
  }
}

void harmless_is_fine_soon(void**) {
  for (const double share : {0.1, 0.5}) {
    size_t fine = 0;
    for (uint64_t seed = 0; seed < 200; ++seed) {
      Rollout rollout(seed);
      Judge judge{{}};
      judge.begin_stage(share, 0);
      for (int i = 1; i <= 200; ++i) {
        const auto [old_arm, new_arm] = rollout.next({100, share, {0.001, 0.02}, {0.001, 0.02}});
        judge.observe(old_arm, new_arm, static_cast<Microseconds>(i) * kInterval);
      }
      fine += judge.judgement() == Judgement::fine;
    }
    print_message("share %.1f: %zu of 200 fine in 20 s\n", share, fine);
    assert_in_range(fine, 180, 200);
  }
}

void long_good_behaviour_hides_nothing(void**) {
  for (const double bad : {0.1, 0.3, 1.0}) {
    Rollout rollout(1);
    Judge judge{{}};
    judge.begin_stage(0.1, 0);
    constexpr int kGood = 6'000;  // ten minutes
    const auto world = [&](int i) {
      return IntervalWorld{100, 0.1, {0.002, 0.02}, {i > kGood ? bad : 0.002, 0.02}};
    };
    const int decided = decided_after(judge, rollout, world, kGood + 100);
    print_message("%.0f %% fail after ten good minutes: after %d\n", 100 * bad, decided - kGood);
    assert_in_range(decided - kGood, 1, 50);
  }
}

void a_world_that_breaks_for_both_is_no_evidence(void**) {
  Rollout rollout(2);
  Judge judge{{}};
  judge.begin_stage(0.1, 0);
  const auto world = [&](int i) {
    const ArmWorld now = i > 100 ? ArmWorld{0.9, 0.9} : ArmWorld{0.001, 0.01};
    return IntervalWorld{100, 0.1, now, now};
  };
  assert_int_equal(decided_after(judge, rollout, world, 1'000), 1'000);
  // And it is known well enough that a new arm which does not recover is found.
  const auto recovered = [&](int) { return IntervalWorld{100, 0.1, {0.001, 0.01}, {0.9, 0.01}}; };
  assert_in_range(decided_after(judge, rollout, recovered, 100), 1, 5);
}

// Handshakes of one time each.
ArmInterval timed(uint64_t flows, Microseconds time) {
  ArmInterval arm = arm_of(flows, 0);
  arm.latencies.counts[latency_bucket(time)] = static_cast<uint32_t>(flows);
  return arm;
}

void slowness_matters_from_twice_the_old_median(void**) {
  const struct {
    const char* description;
    Microseconds old_time, new_time;
    Judgement judgement;
  } cases[] = {
      {"the same", 10'000, 10'000, Judgement::fine},
      {"faster", 10'000, 1'000, Judgement::fine},
      {"half again", 10'000, 15'000, Judgement::fine},
      {"three times", 10'000, 30'000, Judgement::worse},
      {"a second", 10'000, 1'000'000, Judgement::worse},
      {"three times, but less than a millisecond", 200, 600, Judgement::fine},
      {"both as slow as is counted", 64'000'000, 64'000'000, Judgement::inconclusive},
      {"longer than is counted", 1'000, std::numeric_limits<Microseconds>::max(), Judgement::worse},
      {"no time at all", 0, 0, Judgement::fine},
  };
  for (const auto& row : cases) {
    const Judge judge = judge_of(0.5, timed(100, row.old_time), timed(100, row.new_time), 100);
    print_message("%s: %s\n", row.description, judge.evidence().c_str());
    assert_string_equal(name_of(judge.judgement()), name_of(row.judgement));
  }
  const Judge judge = judge_of(0.5, timed(100, 10'000), timed(100, 30'000), 100);
  assert_string_equal(
      judge.evidence().c_str(),
      "of 9,900 new responses 9,900 took more than twice the old median, of 9,900 old "
      "ones none");
}

// Most are as fast as ever, and the tail gets longer.
void a_longer_tail_is_found(void**) {
  const auto tail = [](uint32_t fast, uint32_t middling, uint32_t slowest) {
    ArmInterval arm = arm_of(fast + middling + slowest, 0);
    arm.latencies.counts[latency_bucket(1'000)] = fast;
    arm.latencies.counts[latency_bucket(50'000)] = middling;
    arm.latencies.counts[latency_bucket(1'000'000)] = slowest;
    return arm;
  };
  const Judge judge = judge_of(0.5, tail(80, 20, 0), tail(80, 10, 10), 100);
  print_message("%s\n", judge.evidence().c_str());
  assert_int_equal(judge.judgement(), Judgement::worse);
}

void a_stage_begins_inconclusive_and_worse_stays(void**) {
  Judge judge = judge_of(0.1, arm_of(90, 0), arm_of(10, 0), 1'000);
  assert_int_equal(judge.judgement(), Judgement::fine);
  Microseconds now = 1'000 * kInterval;
  judge.begin_stage(0.5, now + 30 * kInterval);
  assert_int_equal(judge.judgement(), Judgement::inconclusive);
  // What flows of the stage before do makes nothing fine, however many they are.
  for (int i = 0; i < 29; ++i) judge.observe(arm_of(5'000, 0), arm_of(5'000, 0), now += kInterval);
  assert_int_equal(judge.judgement(), Judgement::inconclusive);
  for (int i = 0; i < 30; ++i) judge.observe(arm_of(5'000, 0), arm_of(5'000, 0), now += kInterval);
  assert_int_equal(judge.judgement(), Judgement::fine);
  for (int i = 0; i < 10; ++i) judge.observe(arm_of(100, 0), arm_of(0, 100), now += kInterval);
  assert_int_equal(judge.judgement(), Judgement::worse);
  const std::string evidence = judge.evidence();
  judge.begin_stage(0.9, now);
  for (int i = 0; i < 99; ++i) judge.observe(arm_of(0, 100), arm_of(900, 0), now += kInterval);
  assert_int_equal(judge.judgement(), Judgement::worse);
  assert_true(evidence.starts_with("of 306,000 new flows 1,000 failed") ||
              evidence.starts_with("of 305,"));
}

// In little traffic arms are never there at the same time; they are told apart all the same.
void blocks_are_as_long_as_they_must_be(void**) {
  Judge judge{{}};
  judge.begin_stage(0.5, 0);
  Microseconds now = 0;
  int flows = 0;
  while (judge.judgement() == Judgement::inconclusive && flows < 100) {
    const bool is_new = flows++ % 2 == 0;
    judge.observe(is_new ? ArmInterval{} : arm_of(1, 0), is_new ? arm_of(0, 1) : ArmInterval{},
                  now += 20 * kInterval);
  }
  assert_int_equal(judge.judgement(), Judgement::worse);
  assert_in_range(flows, 8, 40);
}

void absurd_counts_are_not_believed(void**) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  for (const uint64_t count : {kManyFlows, kMost}) {
    Judge judge = judge_of(0.5, arm_of(count, 0), arm_of(0, count), 10);
    assert_int_equal(judge.judgement(), Judgement::inconclusive);
    assert_true(judge.new_arm().bad >= count);
    for (int i = 0; i < 10; ++i) judge.observe(arm_of(100, 0), arm_of(0, 100), 10 * kInterval);
    assert_int_equal(judge.judgement(), Judgement::worse);
  }
  ArmInterval full = arm_of(kMost, kMost);
  full.latencies.counts.fill(std::numeric_limits<uint32_t>::max());
  assert_int_equal(judge_of(0.01, full, full, 100).judgement(), Judgement::inconclusive);
  // The most that is believed.
  assert_int_equal(judge_of(0.5, arm_of(400'000'000, 0), arm_of(0, 400'000'000), 2).judgement(),
                   Judgement::worse);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(says_what_it_has_seen),
      cmocka_unit_test(harm_is_found_soon),
      cmocka_unit_test(a_hard_failure_is_found_in_a_second),
      cmocka_unit_test(harmless_rollouts_go_through),
      cmocka_unit_test(what_is_worse_is_rarely_fine),
      cmocka_unit_test(harmless_is_fine_soon),
      cmocka_unit_test(long_good_behaviour_hides_nothing),
      cmocka_unit_test(a_world_that_breaks_for_both_is_no_evidence),
      cmocka_unit_test(slowness_matters_from_twice_the_old_median),
      cmocka_unit_test(a_longer_tail_is_found),
      cmocka_unit_test(a_stage_begins_inconclusive_and_worse_stays),
      cmocka_unit_test(blocks_are_as_long_as_they_must_be),
      cmocka_unit_test(absurd_counts_are_not_believed),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
