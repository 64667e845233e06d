#include "firmware/health/outliers.h"

#include <algorithm>
#include <limits>
#include <random>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr Microseconds kInterval = 100'000;
constexpr Microseconds kSecond = 1'000'000;

const char* const kNames[] = {"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9",
                              "t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8", "t9"};

// A pool whose flows go to those who are not ejected, by weight, and fail as often as is said.
class Pool {
 public:
  Pool(size_t count, uint64_t seed, const OutlierOptions& options)
      : random_(seed), weights(count, 1), bad(count, 0.001), outliers(options) {}

  // One interval; all that changed is noted.
  void step() {
    now += kInterval;
    double sum = 0;
    for (size_t i = 0; i < weights.size(); ++i) sum += weight_of(i);
    std::vector<BackendOutcomes> interval;
    for (size_t i = 0; i < weights.size(); ++i) {
      const double share = sum > 0 ? weight_of(i) / sum : 0;
      const auto count = static_cast<uint64_t>(
          share > 0 ? std::poisson_distribution<int>(flows * share)(random_) : 0);
      uint64_t lost = 0;
      for (uint64_t flow = 0; flow < count; ++flow) {
        lost += std::bernoulli_distribution(bad[i])(random_);
      }
      interval.push_back({kNames[i], share, {count - lost, lost}});
    }
    const Outliers::Changes changes = outliers.observe(interval, now);
    for (const Ejection& ejection : changes.ejected) {
      ejected.push_back(ejection);
      most_out = std::max(most_out, outliers.ejected().size());
    }
    for (const std::string& name : changes.returned) returned.emplace_back(now, name);
  }
  void run(Microseconds time) {
    for (const Microseconds end = now + time; now < end;) step();
  }

 private:
  double weight_of(size_t index) const {
    return outliers.is_ejected(kNames[index]) ? 0 : weights[index];
  }

  std::mt19937_64 random_;

 public:
  std::vector<double> weights;
  std::vector<double> bad;
  double flows = 100;  // in an interval
  Microseconds now = 0;
  Outliers outliers;
  std::vector<Ejection> ejected;
  std::vector<std::pair<Microseconds, std::string>> returned;
  size_t most_out = 0;
};

void bad_backends_are_ejected_soon(void**) {
  const struct {
    const char* description;
    size_t count;
    double flows, bad_everywhere, bad_of_one;
    Microseconds at_most;
  } cases[] = {
      {"ruin", 10, 100, 0.001, 1, kSecond},
      {"ruin, little traffic", 10, 5, 0.001, 1, 5 * kSecond},
      {"half of its flows fail", 10, 100, 0.001, 0.5, kSecond},
      {"a tenth of its flows fails", 10, 100, 0.001, 0.1, 5 * kSecond},
      {"ruin where much fails anyway", 10, 100, 0.2, 1, 2 * kSecond},
      {"of three", 3, 100, 0.001, 0.5, kSecond},
      {"of twenty", 20, 100, 0.001, 0.5, 2 * kSecond},
  };
  for (const auto& row : cases) {
    Pool pool(row.count, 1, {});
    pool.bad.assign(row.count, row.bad_everywhere);
    pool.run(20 * kSecond);
    assert_true(pool.ejected.empty());
    const Microseconds began = pool.now;
    pool.bad[1] = row.bad_of_one;
    while (pool.ejected.empty() && pool.now < began + 60 * kSecond) pool.step();
    print_message("%s: after %.1f s\n", row.description,
                  static_cast<double>(pool.now - began) / kSecond);
    assert_in_range(pool.now - began, 1, row.at_most);
    assert_string_equal(pool.ejected[0].backend.c_str(), "s1");
    assert_true(pool.ejected[0].until - pool.ejected[0].since == Outliers::kFirstEjection);
    assert_true(pool.outliers.is_ejected("s1") && !pool.outliers.is_ejected("s2"));
    assert_int_equal(pool.outliers.ejected().size(), 1);
  }
}

void evidence_says_how_many_of_how_many(void**) {
  Outliers outliers({});
  Outliers::Changes changes;
  for (Microseconds now = kInterval; changes.ejected.empty() && now < kSecond; now += kInterval) {
    changes = outliers.observe(
        {{"a", 0.25, {0, 10}}, {"b", 0.25, {10, 0}}, {"c", 0.25, {9, 1}}, {"d", 0.25, {10, 0}}},
        now);
  }
  assert_int_equal(changes.ejected.size(), 1);
  assert_string_equal(changes.ejected[0].evidence.c_str(),
                      "of 20 new flows 20 failed, of 60 of the other backends 2");
}

void what_is_bad_for_all_ejects_nobody(void**) {
  for (const double bad : {0.0, 0.05, 0.5, 0.95, 1.0}) {
    Pool pool(10, 2, {});
    pool.run(10 * kSecond);
    pool.bad.assign(10, bad);
    pool.run(130 * kSecond);
    pool.bad.assign(10, 0);
    pool.run(10 * kSecond);
    assert_true(pool.ejected.empty() && pool.outliers.spared().empty());
  }
}

void little_more_than_others_is_no_reason(void**) {
  Pool pool(4, 3, {});
  pool.flows = 1'000;
  pool.bad = {0.03, 0.001, 0.001, 0.001};
  pool.run(100 * kSecond);
  assert_true(pool.ejected.empty());
}

void few_are_out_at_a_time(void**) {
  const struct {
    const char* description;
    size_t count, bad;
    double most;
    size_t out;
  } cases[] = {
      {"of two nobody", 2, 1, 0.1, 0},      {"of three one", 3, 1, 0.1, 1},
      {"of ten one", 10, 3, 0.1, 1},        {"of twenty two", 20, 6, 0.1, 2},
      {"a third", 10, 5, 0.34, 3},          {"nobody, if none may be", 10, 1, 0, 0},
      {"half, if all may be", 10, 5, 1, 5},
  };
  for (const auto& row : cases) {
    Pool pool(row.count, 4, {.most = row.most});
    std::fill_n(pool.bad.begin(), row.bad, 0.9);
    pool.run(15 * kSecond);
    if (pool.outliers.ejected().size() != row.out) print_error("%s\n", row.description);
    assert_int_equal(pool.outliers.ejected().size(), row.out);
    assert_int_equal(pool.outliers.spared().size(), row.bad - row.out);
    // Those who may not go on: when one returns, there is room for another, and never more.
    pool.run(60 * kSecond);
    assert_int_equal(pool.most_out, row.out);
  }
}

void half_of_the_flows_stay_where_they_are(void**) {
  Pool pool(10, 5, {});
  pool.weights[0] = 10;
  pool.bad[0] = 0.5;
  pool.run(10 * kSecond);
  assert_true(pool.ejected.empty());
  assert_int_equal(pool.outliers.spared().size(), 1);
  assert_string_equal(pool.outliers.spared()[0].backend.c_str(), "s0");
}

// Who takes no flows is nobody whose place could be taken.
void those_without_flows_do_not_count(void**) {
  Outliers outliers({});
  for (Microseconds now = kInterval; now < 20 * kSecond; now += kInterval) {
    outliers.observe({{"a", 0.5, {5, 5}}, {"b", 0.5, {10, 0}}, {"c", 0, {}}, {"d", 0, {}}}, now);
  }
  assert_false(outliers.is_any_ejected());
  assert_non_null(outliers.spared_of("a"));
}

void who_is_one_too_many_by_now_returns(void**) {
  Pool pool(10, 7, {});
  pool.bad[0] = 0.8;
  pool.run(5 * kSecond);
  assert_true(pool.outliers.is_ejected("s0"));
  for (size_t i = 2; i < 9; ++i) pool.weights[i] = 0;
  pool.run(kSecond);
  assert_true(pool.outliers.is_ejected("s0"));  // one of three
  pool.weights[9] = 0;
  pool.step();
  assert_false(pool.outliers.is_ejected("s0"));
  assert_int_equal(pool.returned.size(), 1);
}

// Whatever comes: nobody is there to compare with.
void who_is_alone_does_no_worse_than_others(void**) {
  Outliers outliers({});
  for (Microseconds now = kInterval; now < 90 * kSecond; now += kInterval) {
    outliers.observe({{"a", 1, {10, 5'000}}}, now);
    assert_false(outliers.is_any_ejected() || outliers.is_any_spared());
  }
}

// Who begins slowly after its return counts with all that it is to have.
void who_has_just_returned_counts_with_its_whole_share(void**) {
  Outliers outliers({.most = 0.34});
  Microseconds now = kInterval;
  const auto pass = [&](Microseconds time, double share_of_a, uint64_t bad_of_b) {
    for (const Microseconds end = now + time; now < end; now += kInterval) {
      const bool is_out = outliers.is_ejected("a");
      const double a = is_out ? 0 : share_of_a;
      const auto flows = static_cast<uint64_t>(100 * a);
      const double rest = 1 - a;
      outliers.observe({{"a", a, {flows - flows * 4 / 5, flows * 4 / 5}},
                        {"b", rest * 0.3, {30 - bad_of_b, bad_of_b}},
                        {"c", rest * 0.3, {30, 0}},
                        {"d", rest * 0.2, {20, 0}},
                        {"e", rest * 0.1, {10, 0}},
                        {"f", rest * 0.1, {10, 0}}},
                       now);
    }
  };
  pass(5 * kSecond, 0.3, 0);
  assert_true(outliers.is_ejected("a"));
  pass(Outliers::kFirstEjection + 5 * kSecond, 0.05, 0);
  assert_true(outliers.is_ejected("a"));  // again, by a small share
  pass(5 * kSecond, 0.05, 25);
  assert_false(outliers.is_ejected("b"));  // with whom that is more than a half
  assert_non_null(outliers.spared_of("b"));
}

// It is told once, and stands until a whole window has passed without evidence.
void who_is_spared_is_told(void**) {
  Outliers outliers({});
  Microseconds now = kInterval;
  size_t told = 0;
  const auto pass = [&](Microseconds time, uint64_t bad) {
    for (const Microseconds end = now + time; now < end; now += kInterval) {
      told +=
          outliers.observe({{"a", 0.5, {10 - bad, bad}}, {"b", 0.5, {10, 0}}}, now).spared.size();
    }
  };
  pass(3 * kSecond, 5);
  assert_int_equal(told, 1);
  assert_true(outliers.is_any_spared() && outliers.spared_of("b") == nullptr);
  assert_true(outliers.spared_of("a")->evidence.find("failed, of ") != std::string::npos);
  pass(130 * kSecond, 5);
  assert_int_equal(told, 1);
  pass(2 * Outliers::kWindow, 0);
  assert_false(outliers.is_any_spared());
  pass(3 * kSecond, 5);
  assert_int_equal(told, 2);
  outliers.forget("a");
  assert_false(outliers.is_any_spared());
}

void it_returns_later_each_time(void**) {
  Pool pool(10, 6, {});
  pool.bad[3] = 0.8;
  const Microseconds seconds[] = {30, 60, 120, 240, 480, 600, 600};
  for (const Microseconds expected : seconds) {
    const size_t before = pool.returned.size();
    while (pool.returned.size() == before && pool.now < 3'600 * kSecond) pool.step();
    assert_true(pool.ejected.back().until - pool.ejected.back().since == expected * kSecond);
    assert_true(pool.returned.back().first >= pool.ejected.back().until);
    assert_true(pool.returned.back().first < pool.ejected.back().until + 2 * kInterval);
  }
  assert_int_equal(pool.ejected.size(), std::size(seconds));
  // Five minutes of good behaviour take one doubling back: of 5 then, 3 are left.
  pool.bad[3] = 0.001;
  pool.run(3 * kSecond);  // perhaps ejected once more
  while (pool.outliers.is_ejected("s3")) pool.step();
  pool.run(2 * Outliers::kGoodTime + kSecond);
  pool.bad[3] = 0.8;
  const size_t before = pool.ejected.size();
  while (pool.ejected.size() == before) pool.step();
  assert_true(pool.ejected.back().until - pool.ejected.back().since == 240 * kSecond);
}

// After hours without a fault, as soon as after seconds.
void long_good_behaviour_hides_nothing(void**) {
  Pool pool(10, 7, {});
  pool.run(600 * kSecond);
  const Microseconds began = pool.now;
  pool.bad[9] = 0.2;
  while (pool.ejected.empty() && pool.now < began + 60 * kSecond) pool.step();
  print_message("after ten minutes: %.1f s\n", static_cast<double>(pool.now - began) / kSecond);
  assert_in_range(pool.now - began, 1, 4 * kSecond);
}

// Flows are lost three seconds after they began, and others answered at once.
void a_share_that_shrinks_is_no_fault(void**) {
  for (const bool is_watched_late : {true, false}) {
    const Microseconds deadline = is_watched_late ? 3 * kSecond : 0;
    Outliers outliers({.deadline = deadline});
    size_t ejected = 0;
    for (Microseconds now = kInterval; now < 20 * kSecond; now += kInterval) {
      const bool is_small = now > 10 * kSecond;
      const bool is_small_in_losses = now > 13 * kSecond;
      const double share = is_small ? 0.01 : 0.3;
      ejected += outliers
                     .observe({{"a", share, {is_small ? 1u : 27u, is_small_in_losses ? 0u : 3u}},
                               {"b", (1 - share) / 2, {32, 4}},
                               {"c", (1 - share) / 2, {32, 4}}},
                              now)
                     .ejected.size();
    }
    assert_int_equal(ejected, is_watched_late ? 0 : 1);
  }
}

// It is dead for a second, of which its check takes half to see it; what was lost is known later.
void who_comes_back_is_not_judged_by_its_outage(void**) {
  for (const bool is_watched_late : {true, false}) {
    const Microseconds deadline = is_watched_late ? 3 * kSecond : 0;
    Outliers outliers({.deadline = deadline});
    size_t ejected = 0;
    for (Microseconds now = kInterval; now < 30 * kSecond; now += kInterval) {
      const auto is_at = [&](Microseconds begin, Microseconds end) {
        return begin <= now && now < end;
      };
      const bool is_dead = is_at(10 * kSecond, 11 * kSecond);
      const bool is_out = is_at(10 * kSecond + kSecond / 2, 11 * kSecond + kSecond / 2);
      const bool is_told = is_at(13 * kSecond, 13 * kSecond + kSecond / 2);
      const double share = is_out ? 0 : 0.33;
      ejected += outliers
                     .observe({{"a", share, {is_dead || is_out ? 0u : 33u, is_told ? 33u : 0u}},
                               {"b", (1 - share) / 2, {33, 0}},
                               {"c", (1 - share) / 2, {33, 0}}},
                              now)
                     .ejected.size();
    }
    assert_int_equal(ejected, is_watched_late ? 0 : 1);
  }
}

void who_is_gone_is_forgotten(void**) {
  Pool pool(10, 8, {});
  pool.bad[0] = 1;
  pool.run(10 * kSecond);
  assert_true(pool.outliers.is_ejected("s0"));
  pool.outliers.observe({{"s1", 1, {}}}, pool.now);
  assert_false(pool.outliers.is_ejected("s0"));
  assert_true(pool.outliers.ejected().empty());
  assert_false(pool.outliers.is_ejected("nobody"));
  pool.outliers.observe({}, pool.now);
  assert_true(pool.outliers.spared().empty());
}

// An hour of ten alike backends, whose world changes: a bound of a thousandth for each window.
void harmless_backends_stay(void**) {
  std::mt19937_64 random(9);
  Pool pool(10, 9, {.alpha = 0.001, .tolerance = 0});
  while (pool.now < 3'600 * kSecond) {
    const double kind = std::uniform_real_distribution<double>(0, 1)(random);
    pool.bad.assign(10, kind < 0.5 ? 0.002 : kind);
    pool.flows = 20 + 100 * kind;
    pool.run(std::uniform_int_distribution<Microseconds>(1, 20)(random) * kSecond);
  }
  print_message("%zu ejected in 600 windows\n", pool.ejected.size());
  assert_in_range(pool.ejected.size(), 0, 4);  // 0.6 allowed; 5 by chance: 0.0004
}

void absurd_counts_do_no_harm(void**) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  Outliers outliers({});
  for (Microseconds now = kInterval; now < 10 * kSecond; now += kInterval) {
    const auto changes = outliers.observe(
        {{"a", 0.4, {0, kMost}}, {"b", 0.3, {kMost, kMost}}, {"c", 0.3, {kMost, 0}}}, now);
    assert_true(changes.ejected.empty());
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(bad_backends_are_ejected_soon),
      cmocka_unit_test(evidence_says_how_many_of_how_many),
      cmocka_unit_test(what_is_bad_for_all_ejects_nobody),
      cmocka_unit_test(little_more_than_others_is_no_reason),
      cmocka_unit_test(few_are_out_at_a_time),
      cmocka_unit_test(half_of_the_flows_stay_where_they_are),
      cmocka_unit_test(those_without_flows_do_not_count),
      cmocka_unit_test(who_is_one_too_many_by_now_returns),
      cmocka_unit_test(who_is_alone_does_no_worse_than_others),
      cmocka_unit_test(who_has_just_returned_counts_with_its_whole_share),
      cmocka_unit_test(who_is_spared_is_told),
      cmocka_unit_test(it_returns_later_each_time),
      cmocka_unit_test(long_good_behaviour_hides_nothing),
      cmocka_unit_test(a_share_that_shrinks_is_no_fault),
      cmocka_unit_test(who_comes_back_is_not_judged_by_its_outage),
      cmocka_unit_test(who_is_gone_is_forgotten),
      cmocka_unit_test(harmless_backends_stay),
      cmocka_unit_test(absurd_counts_do_no_harm),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
