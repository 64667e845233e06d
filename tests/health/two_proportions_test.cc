#include "firmware/health/two_proportions.h"

#include <algorithm>
#include <cmath>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr double kRounding = 1e-9;

double choose(double n, double k) {
  return std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1));
}

// Probability that `tested` of n flows get x of the bad ones.
double dealt(double tested, double others, double bad, double x) {
  return choose(tested, x) * choose(others, bad - x) / choose(tested + others, bad);
}

double probability(Trials group, double proportion) {
  return choose(group.all, group.bad) * std::pow(proportion, group.bad) *
         std::pow(1 - proportion, group.all - group.bad);
}

// Calls `visit` with every way to deal `bad` flows, and its probability.
template <typename Visit>
void for_each_deal(double tested, double others, double bad, Visit visit) {
  for (int dealt_to_tested = 0; dealt_to_tested <= std::min(tested, bad); ++dealt_to_tested) {
    const double x = dealt_to_tested;
    if (bad - x > others) continue;
    visit(Block{{tested, x}, {others, bad - x}}, dealt(tested, others, bad, x));
  }
}

// The mean of wealth after any two blocks is 1 at most, if flows of both groups are alike.
void difference_favours_nobody(void**) {
  int blocks = 0;
  for (const double tested : {1.0, 2.0, 5.0, 12.0}) {
    for (const double others : {1.0, 3.0, 12.0, 40.0}) {
      for (int bad = 0; bad <= tested + others; ++bad) {
        double mean = 0;
        double mean_after_two = 0;
        for_each_deal(tested, others, bad, [&](const Block& first, double chance) {
          DifferenceTest test;
          test.take(first);
          mean += chance * std::exp(test.log_wealth());
          // What comes next may depend on what came first.
          const double next = first.tested.bad > 0 ? 7 : 2;
          for_each_deal(4, 6, next, [&](const Block& second, double chance_of_second) {
            DifferenceTest both = test;
            both.take(second);
            mean_after_two += chance * chance_of_second * std::exp(both.log_wealth());
          });
          ++blocks;
        });
        assert_true(mean <= 1 + kRounding);
        assert_true(mean_after_two <= 1 + kRounding);
        // It does bet, and where nothing can be learnt it does not.
        assert_true(mean > 0.2);
        const bool is_one_way = bad == 0 || bad == tested + others;
        if (is_one_way) assert_true(std::abs(mean - 1) < kRounding);
      }
    }
  }
  assert_in_range(blocks, 500, 10'000);
}

// Nor if bad flows are likelier to be of the tested group, by what it is told: the mean of wealth
// is 1 at most still. Who is not told is wrong.
void difference_allows_for_shares_that_moved(void**) {
  double most_untold = 0;
  for (const double odds : {1.0, 1.2, 2.0, 6.0}) {
    for (const double tested : {1.0, 2.0, 5.0, 12.0}) {
      for (const double others : {1.0, 3.0, 12.0, 40.0}) {
        for (int bad = 1; bad < tested + others; ++bad) {
          double all = 0;
          double mean = 0;
          double untold = 0;
          for_each_deal(tested, others, bad, [&](const Block& block, double chance) {
            const double weight = chance * std::pow(odds, block.tested.bad);
            DifferenceTest told;
            told.take(block, odds);
            DifferenceTest test;
            test.take(block);
            all += weight;
            mean += weight * std::exp(told.log_wealth());
            untold += weight * std::exp(test.log_wealth());
          });
          assert_true(mean / all <= 1 + kRounding);
          assert_true(mean / all > 0.2);
          most_untold = std::max(most_untold, untold / all);
        }
      }
    }
  }
  assert_true(most_untold > 2);
}

// Where bad flows may have been dealt at four times the odds, a half of bad ones is a fifth.
void excess_is_by_the_share_of_before(void**) {
  DifferenceTest test;
  test.take({{100, 50}, {100, 10}}, 4);
  assert_true(std::abs(test.excess() - (0.2 - 0.1)) < kRounding);
  DifferenceTest ruin;
  ruin.take({{100, 100}, {100, 0}}, 4);
  assert_true(std::abs(ruin.excess() - 1) < kRounding);
}

// The mean of wealth after any two blocks is 1 if each bad flow is tested with the share's
// probability, and less if with a smaller one.
void deals_favour_nobody(void**) {
  for (const double share : {0.01, 0.1, 0.5, 0.9}) {
    for (const double part : {1.0, 0.9, 0.5, 0.0}) {
      double mean = 0;
      for (int x = 0; x <= 7; ++x) {
        DealTest first;
        first.take(x, 7, share);
        const int next = x > 0 ? 5 : 2;
        for (int y = 0; y <= next; ++y) {
          DealTest both = first;
          both.take(y, next, share);
          mean += probability({7, double(x)}, part * share) *
                  probability({double(next), double(y)}, part * share) *
                  std::exp(both.log_wealth());
        }
      }
      assert_true(part < 1 ? mean < 1 : std::abs(mean - 1) < kRounding);
    }
  }
}

void deals_are_refuted_where_the_tested_get_too_many(void**) {
  const struct {
    const char* description;
    double tested, bad, share;
    int times;
    bool refuted;
  } cases[] = {
      {"nothing bad", 0, 0, 0.01, 1'000, false},
      {"their share", 1, 100, 0.01, 1'000, false},
      {"none", 0, 100, 0.5, 1'000, false},
      {"one of one", 1, 1, 0.01, 1, false},
      {"three of three", 1, 1, 0.01, 3, true},
      {"all, of half", 1, 1, 0.5, 8, false},
      {"all, of half, for longer", 1, 1, 0.5, 16, true},
      {"half as many again, by chance or a small table", 15, 100, 0.1, 1'000, false},
      {"three times their share", 30, 100, 0.1, 10, true},
      {"all, of almost all", 1, 1, 0.99, 100, false},
      {"as many as are believed", 1e9, 1e9, 0.5, 10, true},
      {"more than anybody believes", 1e18, 1e18, 0.5, 10, false},
  };
  for (const auto& row : cases) {
    DealTest test;
    for (int i = 0; i < row.times; ++i) test.take(row.tested, row.bad, row.share);
    if (test.refutes(0.001) != row.refuted) print_error("%s\n", row.description);
    assert_int_equal(test.refutes(0.001), row.refuted);
    assert_true(std::isfinite(test.log_wealth()));
  }
}

// Summed over all outcomes of a block, for proportions within the hypothesis and on its edge.
void tolerance_favours_nobody(void**) {
  for (const double tolerance : {0.01, 0.1, 0.5}) {
    for (const double others : {0.0, 0.001, 0.05, 0.3, 0.49, 0.9}) {
      for (const double more : {0.0, 0.05, 0.4}) {
        const double tested = others + tolerance + more;
        if (tested > 1) continue;
        for (const double earlier_bad : {0.0, 10.0, 300.0}) {
          ToleranceTest before(tolerance);
          before.take({{0, 0}, {1'000, earlier_bad}});
          double mean = 0;
          for (int x = 0; x <= 6; ++x) {
            for (int y = 0; y <= 15; ++y) {
              const Block block{{6, double(x)}, {15, double(y)}};
              ToleranceTest test = before;
              test.take(block);
              mean += probability(block.tested, tested) * probability(block.others, others) *
                      std::exp(test.log_wealth());
            }
          }
          assert_true(mean <= 1 + 1e-6);
        }
      }
    }
  }
}

void difference_is_refuted_where_there_is_one(void**) {
  const struct {
    const char* description;
    Block block;
    int times;
    bool refuted;
  } cases[] = {
      {"alike", {{100, 1}, {9'900, 99}}, 1'000, false},
      {"the others are worse", {{100, 0}, {9'900, 990}}, 1'000, false},
      {"twice as bad", {{100, 2}, {9'900, 99}}, 100, true},
      {"a little worse, for long", {{1'000, 13}, {1'000, 10}}, 200, true},
      {"all bad in both", {{100, 100}, {100, 100}}, 1'000, false},
      {"none bad", {{100, 0}, {100, 0}}, 1'000, false},
      {"nobody tested", {{0, 0}, {100, 50}}, 1'000, false},
      {"no others", {{100, 50}, {0, 0}}, 1'000, false},
      {"nothing", {}, 1'000, false},
      {"one bad of one, beside a hundred", {{1, 1}, {99, 0}}, 1, false},
      {"three times", {{1, 1}, {99, 0}}, 3, true},
      {"as many as are believed", {{5e8, 5e8}, {5e8, 0}}, 100, true},
      {"as many as are believed, alike", {{5e8, 1e8}, {5e8, 1e8}}, 100, false},
      {"more than anybody believes", {{1e18, 1e18}, {1e18, 0}}, 100, false},
  };
  for (const auto& row : cases) {
    DifferenceTest test;
    for (int i = 0; i < row.times; ++i) test.take(row.block);
    if (test.refutes(0.001) != row.refuted) print_error("%s\n", row.description);
    assert_int_equal(test.refutes(0.001), row.refuted);
    assert_true(std::isfinite(test.log_wealth()));
  }
}

void tolerance_is_refuted_where_both_are_alike(void**) {
  const struct {
    const char* description;
    Block block;
    int times;
    bool refuted;
  } cases[] = {
      {"none bad, many", {{10, 0}, {90, 0}}, 100, true},
      {"none bad, few", {{10, 0}, {90, 0}}, 10, false},
      {"some bad, alike", {{100, 3}, {100, 3}}, 500, true},
      {"a point more", {{100, 4}, {100, 3}}, 1'000, false},
      {"better", {{100, 0}, {100, 3}}, 100, true},
      {"most bad in both", {{100, 70}, {100, 70}}, 10'000, false},
      {"all bad in both", {{100, 100}, {100, 100}}, 10'000, false},
      {"nobody tested", {{0, 0}, {100, 0}}, 10'000, false},
      {"no others", {{100, 0}, {0, 0}}, 10'000, false},
      {"nothing", {}, 1'000, false},
      {"as many as are believed", {{5e8, 0}, {5e8, 0}}, 2, true},
      {"more than anybody believes", {{1e18, 0}, {1e18, 0}}, 100, false},
  };
  for (const auto& row : cases) {
    ToleranceTest test(0.01);
    for (int i = 0; i < row.times; ++i) test.take(row.block);
    if (test.refutes(0.05) != row.refuted) print_error("%s\n", row.description);
    assert_int_equal(test.refutes(0.05), row.refuted);
    assert_true(std::isfinite(test.log_wealth()));
  }
}

void excess_is_of_the_same_time(void**) {
  // First the world is bad and few are tested, then it is good and half are: in sums the tested
  // seem better by far, at each time they were worse.
  DifferenceTest test;
  test.take({{10, 6}, {990, 495}});
  test.take({{500, 5}, {500, 0}});
  assert_true(test.excess() > 0.009 && test.excess() < 0.02);
  // What was long ago counts less and less.
  for (int i = 0; i < 100; ++i) test.take({{500, 100}, {500, 0}});
  assert_true(test.excess() > 0.19 && test.excess() < 0.21);
  assert_true(DifferenceTest().excess() == 0);
}

void a_bet_that_lost_for_long_can_win(void**) {
  DifferenceTest test;
  for (int i = 0; i < 10'000; ++i) test.take({{100, 1}, {900, 9}});
  assert_true(test.log_wealth() < 0 && test.log_wealth() > -12);
  int blocks = 0;
  for (; !test.refutes(0.001); ++blocks) test.take({{100, 10}, {900, 9}});
  assert_in_range(blocks, 1, 5);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(difference_favours_nobody),
      cmocka_unit_test(tolerance_favours_nobody),
      cmocka_unit_test(difference_allows_for_shares_that_moved),
      cmocka_unit_test(excess_is_by_the_share_of_before),
      cmocka_unit_test(deals_favour_nobody),
      cmocka_unit_test(deals_are_refuted_where_the_tested_get_too_many),
      cmocka_unit_test(difference_is_refuted_where_there_is_one),
      cmocka_unit_test(tolerance_is_refuted_where_both_are_alike),
      cmocka_unit_test(excess_is_of_the_same_time),
      cmocka_unit_test(a_bet_that_lost_for_long_can_win),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
