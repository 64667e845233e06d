#include "firmware/table/steer.h"

#include <algorithm>
#include <array>
#include <memory>
#include <random>

#include "tests/cmocka.h"
#include "tests/table/steer_model.h"

namespace evenkeel {
namespace {

constexpr uint16_t kNone = kNoBackend;
constexpr uint16_t kCurrent = 1, kPrevious = 2, kOther = 3;
constexpr Affinity kConnection = Affinity::connection;
constexpr Affinity kSticky = Affinity::sticky;

struct Case {
  const char* description;
  Affinity affinity;
  Bucket bucket;
  bool opening;
  uint16_t remembered;
  uint16_t dead;
  Steered steered;
};

constexpr Bucket kSteady = {.current = kCurrent};
constexpr Bucket kMoved = {.current = kCurrent, .previous = kPrevious};
constexpr Bucket kMovedBack = {.current = kCurrent, .previous = kCurrent};
constexpr Steered kNew = {.backend = kCurrent, .remember = true, .begins = true};

constexpr Case kCases[] = {
    {"steady: the current backend", kConnection, kSteady, false, kNone, kNone, {kCurrent}},
    {"steady, opening: not remembered",
     kConnection,
     kSteady,
     true,
     kNone,
     kNone,
     {.backend = kCurrent, .begins = true}},
    {"moved, opening", kConnection, kMoved, true, kNone, kNone, kNew},
    {"moved, opening of a flow known elsewhere", kConnection, kMoved, true, kOther, kNone, kNew},
    {"moved, remembered on current",
     kConnection,
     kMoved,
     false,
     kCurrent,
     kNone,
     {.backend = kCurrent, .touch = true}},
    {"moved, remembered elsewhere",
     kConnection,
     kMoved,
     false,
     kOther,
     kNone,
     {.backend = kOther, .touch = true, .deviates = true}},
    {"moved, remembered on previous",
     kConnection,
     kMoved,
     false,
     kPrevious,
     kNone,
     {.backend = kPrevious, .touch = true, .deviates = true}},
    {"moved, not remembered",
     kConnection,
     kMoved,
     false,
     kNone,
     kNone,
     {.backend = kPrevious, .deviates = true}},
    {"moved, not remembered, previous is dead", kConnection, kMoved, false, kNone, kPrevious, kNew},
    {"moved, remembered on a dead one: as if from before the move, but for good",
     kConnection,
     kMoved,
     false,
     kOther,
     kOther,
     {.backend = kPrevious, .remember = true, .deviates = true}},
    {"moved, remembered on previous, which is dead", kConnection, kMoved, false, kPrevious,
     kPrevious, kNew},
    {"moved back, not remembered", kConnection, kMovedBack, false, kNone, kNone, {kCurrent}},
    {"moved back, opening", kConnection, kMovedBack, true, kNone, kNone, kNew},
    {"moved back, remembered elsewhere",
     kConnection,
     kMovedBack,
     false,
     kOther,
     kNone,
     {.backend = kOther, .touch = true, .deviates = true}},
    {"sticky, steady, not remembered", kSticky, kSteady, false, kNone, kNone, kNew},
    {"sticky, steady, remembered on current",
     kSticky,
     kSteady,
     false,
     kCurrent,
     kNone,
     {.backend = kCurrent, .touch = true}},
    {"sticky, steady, remembered elsewhere",
     kSticky,
     kSteady,
     false,
     kOther,
     kNone,
     {.backend = kOther, .touch = true, .deviates = true}},
    {"sticky, moved, not remembered: new, not from before", kSticky, kMoved, false, kNone, kNone,
     kNew},
    {"sticky, moved, remembered on a dead one", kSticky, kMoved, false, kOther, kOther, kNew},
    {"stateless, moved",
     Affinity::stateless,
     kMoved,
     false,
     kNone,
     kNone,
     {.backend = kCurrent, .begins = true}},
    {"stateless, moved, opening",
     Affinity::stateless,
     kMoved,
     true,
     kNone,
     kNone,
     {.backend = kCurrent, .begins = true}},
};

bool operator==(const Steered& a, const Steered& b) {
  return a.backend == b.backend && a.remember == b.remember && a.touch == b.touch &&
         a.deviates == b.deviates && a.begins == b.begins;
}

void test_rule(void**) {
  for (const Case& c : kCases) {
    print_message("  %s\n", c.description);
    const Steered steered = steer(c.affinity, c.bucket, c.opening, c.remembered,
                                  [&](uint16_t backend) { return backend != c.dead; });
    assert_true(steered == c.steered);
  }
}

void test_what_needs_memory(void**) {
  static_assert(!needs_memory(kConnection, kSteady) && needs_memory(kConnection, kMoved));
  static_assert(needs_memory(kConnection, kMovedBack));
  static_assert(needs_memory(kSticky, kSteady) && needs_memory(kSticky, kMoved));
  static_assert(!needs_memory(Affinity::stateless, kMoved));
}

template <typename Rule>
Tally live(const WorldOptions& options, uint64_t worlds) {
  Tally total;
  total.ends_steady = true;
  for (uint64_t seed = 0; seed < worlds; ++seed) {
    WorldOptions of_seed = options;
    of_seed.seed = seed;
    total += World<Rule>(of_seed).run(400);
  }
  return total;
}

// That the worlds were not dull, whatever the rule made of them.
void assert_eventful(const Tally& tally) {
  assert_true(tally.moved_plans > tally.plans / 2);
  assert_true(tally.reused_slots > tally.plans / 50);
  assert_true(tally.packets > 100 * tally.plans);
}

void assert_fit(const Tally& tally) {
  assert_int_equal(tally.unfit_openings, 0);
  assert_int_equal(tally.unfit_packets, 0);
  assert_int_equal(tally.unfit_previous, 0);
  assert_int_equal(tally.strangers, 0);
  assert_true(tally.ends_steady);
}

constexpr uint64_t kWorlds = 1'000;
constexpr uint32_t kFewSets = 4;

// The promise: with room for all, nobody is moved but who was silent for longer than promised.
void test_connections_stay(void**) {
  const Tally tally = live<ProductRule>({}, kWorlds);
  assert_eventful(tally);
  assert_fit(tally);
  assert_int_equal(tally.lost, 0);
  assert_int_equal(tally.broken, 0);
  assert_true(tally.openings > tally.packets / 20);
  assert_true(tally.remembered > tally.packets / 10);
  assert_true(tally.stamps > tally.packets / 10);
  assert_true(tally.silent > 0);
}

void test_sticky_flows_stay(void**) {
  const Tally tally = live<ProductRule>({.affinity = kSticky}, kWorlds / 2);
  assert_eventful(tally);
  assert_fit(tally);
  assert_int_equal(tally.lost, 0);
  assert_int_equal(tally.broken, 0);
  assert_true(tally.remembered > tally.packets / 3);
}

// With too little memory flows do move, but none that was not counted.
void test_every_loss_is_counted(void**) {
  for (const Affinity affinity : {kConnection, kSticky}) {
    for (uint64_t seed = 0; seed < kWorlds / 4; ++seed) {
      const Tally tally =
          World<ProductRule>({.seed = seed, .affinity = affinity, .sets_in_use = kFewSets})
              .run(400);
      assert_fit(tally);
      assert_true(tally.broken <= tally.lost);
      assert_true(tally.lost > 0);
    }
  }
}

void test_stateless_flows_go_by_their_bucket(void**) {
  const Tally tally = live<ProductRule>({.affinity = Affinity::stateless}, kWorlds / 10);
  assert_eventful(tally);
  assert_fit(tally);
  assert_true(tally.broken > 0);
  assert_int_equal(tally.remembered + tally.stamps + tally.lost, 0);
}

// From here on, rules that are wrong in one thing each, which the worlds must notice.

struct IgnoresMemory : ProductRule {
  template <typename IsAlive>
  static Steered steer(Affinity affinity, Bucket bucket, bool opening, uint16_t /*remembered*/,
                       const IsAlive& is_alive) {
    return evenkeel::steer(affinity, bucket, opening, kNone, is_alive);
  }
};

struct IgnoresPrevious : ProductRule {
  template <typename IsAlive>
  static Steered steer(Affinity affinity, Bucket bucket, bool opening, uint16_t remembered,
                       const IsAlive& is_alive) {
    bucket.previous = bucket.moved() ? bucket.current : kNone;
    return evenkeel::steer(affinity, bucket, opening, remembered, is_alive);
  }
};

struct KeepsNothingYoung : ProductRule {
  template <typename IsAlive>
  static Steered steer(Affinity affinity, Bucket bucket, bool opening, uint16_t remembered,
                       const IsAlive& is_alive) {
    Steered steered = evenkeel::steer(affinity, bucket, opening, remembered, is_alive);
    steered.touch = false;
    return steered;
  }
};

struct NeverDeviates : ProductRule {
  template <typename IsAlive>
  static Steered steer(Affinity affinity, Bucket bucket, bool opening, uint16_t remembered,
                       const IsAlive& is_alive) {
    Steered steered = evenkeel::steer(affinity, bucket, opening, remembered, is_alive);
    steered.deviates = false;
    return steered;
  }
};

struct TrustsTheDead : ProductRule {
  template <typename IsAlive>
  static Steered steer(Affinity affinity, Bucket bucket, bool opening, uint16_t remembered,
                       const IsAlive& /*is_alive*/) {
    return evenkeel::steer(affinity, bucket, opening, remembered, [](uint16_t) { return true; });
  }
};

// What is remembered of a dead backend says nothing of the flow that is on another since.
struct TakesTheDeadsFlowsAnew : ProductRule {
  template <typename IsAlive>
  static Steered steer(Affinity affinity, Bucket bucket, bool opening, uint16_t remembered,
                       const IsAlive& is_alive) {
    if (needs_memory(affinity, bucket) && remembered != kNone && !is_alive(remembered)) {
      return {.backend = bucket.current, .remember = true};
    }
    return evenkeel::steer(affinity, bucket, opening, remembered, is_alive);
  }
};

struct OpensOnPrevious : ProductRule {
  template <typename IsAlive>
  static Steered steer(Affinity affinity, Bucket bucket, bool opening, uint16_t remembered,
                       const IsAlive& is_alive) {
    return evenkeel::steer(affinity, bucket, opening && !bucket.moved(), remembered, is_alive);
  }
};

struct IgnoresBorn : ProductRule {
  static constexpr bool kUsesBorn = false;
};

// A second move forgets the first.
struct LetsMovesOverwrite : ProductRule {
  static Moves next_moves(const MoveInput& input) {
    Moves moves = evenkeel::next_moves(input);
    if (moves.previous.size() != input.before.size() || input.before.size() != input.after.size()) {
      return moves;
    }
    for (size_t i = 0; i < input.before.size(); ++i) {
      const bool is_gone = input.is_gone(input.before[i]);
      if (input.before[i] != input.after[i] && !is_gone) moves.previous[i] = input.before[i];
    }
    return moves;
  }
};

struct EndsWindowsWhileNoisy : ProductRule {
  static Moves next_moves(const MoveInput& input) {
    MoveInput quiet = input;
    quiet.quiet_for = [](uint32_t) { return ~Tick{0}; };
    return evenkeel::next_moves(quiet);
  }
};

struct ForgetsToReplaceTheGone : ProductRule {
  static Moves next_moves(const MoveInput& input) {
    MoveInput blind = input;
    blind.is_gone = [](uint16_t) { return false; };
    return evenkeel::next_moves(blind);
  }
};

struct NeverEndsWindows : ProductRule {
  static Moves next_moves(const MoveInput& input) {
    MoveInput noisy = input;
    noisy.quiet_for = [](uint32_t) { return Tick{0}; };
    return evenkeel::next_moves(noisy);
  }
};

template <typename Rule>
bool breaks_connections(uint64_t worlds = kWorlds / 10) {
  return live<Rule>({}, worlds).broken > 0;
}

void test_broken_rules_break_connections(void**) {
  assert_true(breaks_connections<IgnoresMemory>());
  assert_true(breaks_connections<IgnoresPrevious>());
  assert_true(breaks_connections<KeepsNothingYoung>());
  assert_true(breaks_connections<NeverDeviates>());
  assert_true(breaks_connections<LetsMovesOverwrite>());
  assert_true(breaks_connections<EndsWindowsWhileNoisy>());
  assert_true(breaks_connections<TakesTheDeadsFlowsAnew>(kWorlds));  // rarely
}

void test_broken_rules_break_sticky_flows(void**) {
  const WorldOptions options = {.affinity = kSticky};
  assert_true(live<IgnoresMemory>(options, kWorlds / 10).broken > 0);
  assert_true(live<KeepsNothingYoung>(options, kWorlds / 10).broken > 0);
}

void test_broken_rules_choose_unfit_backends(void**) {
  assert_true(live<TrustsTheDead>({}, kWorlds / 10).unfit_packets > 0);
  assert_true(live<IgnoresBorn>({}, kWorlds / 10).strangers > 0);
  assert_true(live<ForgetsToReplaceTheGone>({}, kWorlds / 10).unfit_previous > 0);
  assert_true(live<OpensOnPrevious>({}, kWorlds / 10).unfit_openings > 0);
}

void test_broken_rules_leave_buckets_moved(void**) {
  assert_false(live<NeverEndsWindows>({}, kWorlds / 10).ends_steady);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_rule),
      cmocka_unit_test(test_what_needs_memory),
      cmocka_unit_test(test_connections_stay),
      cmocka_unit_test(test_sticky_flows_stay),
      cmocka_unit_test(test_every_loss_is_counted),
      cmocka_unit_test(test_stateless_flows_go_by_their_bucket),
      cmocka_unit_test(test_broken_rules_break_connections),
      cmocka_unit_test(test_broken_rules_break_sticky_flows),
      cmocka_unit_test(test_broken_rules_choose_unfit_backends),
      cmocka_unit_test(test_broken_rules_leave_buckets_moved),
  };
  return cmocka_run_group_tests_name("table/steer", tests, nullptr, nullptr);
}
