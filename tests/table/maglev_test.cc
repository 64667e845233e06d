#include "firmware/table/maglev.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "firmware/base/limits.h"
#include "firmware/table/mix.h"
#include "firmware/table/prime.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr uint64_t kMaxWeight = uint64_t{1} << 32;

using Members = std::vector<MaglevMember>;
using Table = std::vector<uint16_t>;

Members make_members(size_t count, uint64_t seed, uint64_t weights = 1) {
  std::mt19937_64 random(seed);
  Members members;
  for (size_t i = 0; i < count; ++i) {
    members.push_back({.identity = random(),
                       .weight = weights == 1 ? 1 : 1 + random() % weights,
                       .value = static_cast<uint16_t>(i)});
  }
  return members;
}

// Empty if refused.
Table build(const Members& members, uint32_t buckets) {
  Table table(buckets, kNoBackend);
  return build_maglev(members, table).ok() ? table : Table{};
}

std::vector<uint32_t> counts_of(const Table& table, size_t members) {
  std::vector<uint32_t> counts(members, 0);
  for (const uint16_t value : table) ++counts.at(value);
  return counts;
}

uint64_t digest(const Table& table) {
  uint64_t digest = table.size();
  for (const uint16_t value : table) digest = mix(digest + value + 1);
  return digest;
}

struct Shares {
  bool is_built = false;
  size_t none = 0;            // members of positive weight without a bucket
  size_t of_none = 0;         // members of weight 0 with a bucket
  size_t lifted = 0;          // members of less than a bucket by weight, which have one
  double largest_excess = 0;  // over the share by weight, of all others
  double largest_shortage = 0;
};

Shares shares_of(const Members& members, uint32_t buckets) {
  const Table table = build(members, buckets);
  Shares shares{.is_built = !table.empty()};
  if (table.empty()) return shares;
  const std::vector<uint32_t> counts = counts_of(table, members.size());
  long double total = 0;
  for (const MaglevMember& member : members) total += static_cast<long double>(member.weight);
  for (const MaglevMember& member : members) {
    const uint32_t count = counts[member.value];
    const auto share =
        static_cast<double>(static_cast<long double>(member.weight) * buckets / total);
    shares.none += member.weight > 0 && count == 0 ? 1 : 0;
    shares.of_none += member.weight == 0 && count > 0 ? 1 : 0;
    if (member.weight > 0 && share < 1 && count == 1) {
      ++shares.lifted;
      continue;
    }
    shares.largest_excess = std::max(shares.largest_excess, count - share);
    shares.largest_shortage = std::max(shares.largest_shortage, share - count);
  }
  return shares;
}

void assert_exact(const Shares& shares) {
  assert_true(shares.is_built);
  assert_int_equal(shares.none, 0);
  assert_int_equal(shares.of_none, 0);
  assert_true(shares.largest_excess < 1);
  assert_true(shares.largest_shortage < 1 + static_cast<double>(shares.lifted));
}

// Members of random number and weights, about a tenth of them drained.
Members random_members(std::mt19937_64& random, uint32_t buckets) {
  const size_t count = 1 + random() % std::min<size_t>(buckets, kMaxBackendsPerService);
  const uint64_t bound = uint64_t{1} << (random() % 33);
  Members members = make_members(count, random());
  for (MaglevMember& member : members) {
    member.weight = random() % 10 == 0 ? 0 : 1 + random() % bound;
  }
  members[random() % count].weight = 1;
  return members;
}

void test_shares_are_exact(void**) {
  std::mt19937_64 random(1);
  for (const uint32_t buckets : {kMinBuckets, 4'099u, kDefaultBuckets}) {
    for (int round = 0; round < 40; ++round) {
      assert_exact(shares_of(random_members(random, buckets), buckets));
    }
  }
}

// At a hundred buckets a member nobody of an equal weight is lifted, and 1 % is kept.
void test_shares_within_one_percent(void**) {
  for (const size_t count : {10ul, 100ul, 655ul}) {
    const Shares shares = shares_of(make_members(count, count), kDefaultBuckets);
    assert_exact(shares);
    assert_int_equal(shares.lifted, 0);
  }
}

struct WeightsCase {
  const char* description;
  std::vector<uint64_t> weights;
  uint32_t buckets;
  std::vector<uint32_t> counts;
};

bool has_counts(const WeightsCase& c) {
  Members members = make_members(c.weights.size(), 3);
  for (size_t i = 0; i < members.size(); ++i) members[i].weight = c.weights[i];
  const Table table = build(members, c.buckets);
  return !table.empty() && counts_of(table, members.size()) == c.counts;
}

void test_known_shares(void**) {
  const std::vector<WeightsCase> cases = {
      {"one member", {7}, 251, {251}},
      {"one of two is drained", {0, 3}, 251, {0, 251}},
      {"2^32 to 1: the small one has a bucket", {kMaxWeight, 1}, 251, {250, 1}},
      {"several small ones, paid by the large", {1, kMaxWeight, 1, 1}, 251, {1, 248, 1, 1}},
      {"the largest pay, level", {kMaxWeight, kMaxWeight, 1, 1, 1}, 251, {124, 124, 1, 1, 1}},
      {"1 to 2 to 3", {1, 2, 3}, 257, {43, 86, 128}},
      {"all of the greatest weight", {kMaxWeight, kMaxWeight}, 257, {128, 129}},
  };
  for (const WeightsCase& c : cases) {
    print_message("  %s\n", c.description);
    const bool as_expected = has_counts(c);
    assert_true(as_expected);
  }
}

// As many members as buckets, and the most members of the most unequal weights.
void test_every_member_gets_a_bucket(void**) {
  assert_exact(shares_of(make_members(251, 1), 251));
  Members members = make_members(kMaxBackendsPerService, 2);
  for (size_t i = 0; i < members.size(); ++i) members[i].weight = i < 2 ? kMaxWeight : 1;
  const Shares shares = shares_of(members, 4'099);
  assert_exact(shares);
  assert_int_equal(shares.lifted, kMaxBackendsPerService - 2);
}

void test_largest_table(void**) {
  const Members members = make_members(kMaxBackendsPerService, 5, 100);
  const Shares shares = shares_of(members, kMaxBuckets);
  assert_exact(shares);
  assert_int_equal(shares.lifted, 0);
}

bool ratios_alone_matter(uint64_t bound, uint64_t factor, uint64_t seed) {
  Members members = make_members(50, seed, bound);
  const Table table = build(members, 4'099);
  for (MaglevMember& member : members) member.weight *= factor;
  return !table.empty() && build(members, 4'099) == table;
}

void test_ratios_alone_matter(void**) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    for (const uint64_t bound : {1ul, 2ul, 10ul, 1'000'000ul}) {
      for (const uint64_t factor : {2ul, 3ul, 10ul, 4'000ul}) {
        assert_true(ratios_alone_matter(bound, factor, seed));
      }
    }
  }
}

bool order_is_irrelevant(uint64_t seed) {
  Members members = make_members(100, seed, 10);
  members[3].weight = 0;
  const Table table = build(members, 4'099);
  std::mt19937_64 random(seed);
  std::ranges::shuffle(members, random);
  bool is_same = build(members, 4'099) == table;
  std::erase_if(members, [](const MaglevMember& member) { return member.weight == 0; });
  return is_same && !table.empty() && build(members, 4'099) == table;
}

void test_order_and_drained_members_are_irrelevant(void**) {
  for (uint64_t seed = 0; seed < 20; ++seed) assert_true(order_is_irrelevant(seed));
}

bool values_only_label() {
  Members members = make_members(100, 1, 10);
  const Table table = build(members, 4'099);
  for (MaglevMember& member : members) member.value = static_cast<uint16_t>(65'000 - member.value);
  Table relabelled = build(members, 4'099);
  for (uint16_t& value : relabelled) value = static_cast<uint16_t>(65'000 - value);
  return !table.empty() && relabelled == table;
}

void test_values_only_label(void**) { assert_true(values_only_label()); }

// Boxes of one cluster may run different versions of the firmware, so a table must never change.
void test_golden(void**) {
  const uint64_t equal = digest(build(make_members(10, 1), 251));
  assert_int_equal(equal, 0x72049c6377a273ac);
  const uint64_t weighted = digest(build(make_members(100, 1, 10), kDefaultBuckets));
  assert_int_equal(weighted, 0x5508fa0fa9ce7bf6);
}

struct Moved {
  double most = 0;       // of all buckets, beyond what had to move
  bool is_exact = true;  // every bucket of who left moved, or every moved one to who came
};

// Buckets that move when each of some members is taken away, or is drained; and, seen backwards,
// when it is added.
Moved moved_by_removals(size_t count, uint64_t weights, bool drain) {
  const uint32_t buckets =
      std::max(kDefaultBuckets, prime_at_least(100 * static_cast<uint32_t>(count)));
  const Members members = make_members(count, count + weights, weights);
  const Table before = build(members, buckets);
  Moved moved;
  for (int removal = 0; removal < 4; ++removal) {
    const size_t removed = static_cast<size_t>(removal) * (count - 1) / 3;
    Members rest = members;
    if (drain) {
      rest[removed].weight = 0;
    } else {
      rest.erase(rest.begin() + static_cast<ptrdiff_t>(removed));
    }
    const Table after = build(rest, buckets);
    uint32_t differing = 0;
    uint32_t of_removed = 0;
    for (size_t i = 0; i < after.size(); ++i) {
      differing += before[i] != after[i] ? 1 : 0;
      of_removed += before[i] == removed ? 1 : 0;
      moved.is_exact = moved.is_exact && after[i] != removed;
    }
    moved.is_exact = moved.is_exact && !after.empty();
    moved.most = std::max(moved.most, static_cast<double>(differing - of_removed) / buckets);
  }
  return moved;
}

void test_removal_and_addition_move_little(void**) {
  for (const size_t count : {10ul, 30ul, 100ul, 300ul, 1'000ul, 4'096ul}) {
    for (const uint64_t weights : {1ul, 10ul}) {
      for (const bool drain : {false, true}) {
        const Moved moved = moved_by_removals(count, weights, drain);
        print_message("  %zu members of weights to %zu: %.2f %% beyond the removed share\n", count,
                      static_cast<size_t>(weights), 100 * moved.most);
        assert_true(moved.is_exact);
        assert_true(moved.most <= 0.02);
      }
    }
  }
}

// A weight that changes moves about the difference of the shares.
double moved_by_weight(uint64_t weight) {
  Members members = make_members(20, 9, 10);
  members[7].weight = 5;
  const Table before = build(members, kDefaultBuckets);
  members[7].weight = weight;
  const Table after = build(members, kDefaultBuckets);
  size_t differing = 0;
  for (size_t i = 0; i < before.size(); ++i) differing += before[i] != after[i] ? 1 : 0;
  const std::vector<uint32_t> counts[2] = {counts_of(before, 20), counts_of(after, 20)};
  size_t needed = 0;
  for (size_t i = 0; i < 20; ++i) needed += counts[1][i] - std::min(counts[0][i], counts[1][i]);
  return static_cast<double>(differing - needed) / kDefaultBuckets;
}

void test_weight_change_moves_little(void**) {
  assert_true(moved_by_weight(5) == 0);
  for (const uint64_t weight : {1ul, 4ul, 6ul, 10ul, 50ul}) {
    const double beyond = moved_by_weight(weight);
    print_message("  from 5 to %zu: %.2f %% more than needed\n", static_cast<size_t>(weight),
                  100 * beyond);
    assert_true(beyond < 0.02);
  }
}

struct Refusal {
  const char* description;
  size_t members;
  size_t buckets;
  void (*spoil)(Members& members);
  const char* message;
};

const Refusal kRefusals[] = {
    {"not a prime", 5, 65'536, nullptr, "table size 65536 is not a prime from 251 to 4194301"},
    {"too small a prime", 5, 241, nullptr, "table size 241 is not a prime"},
    {"no table", 5, 0, nullptr, "table size 0 is not a prime"},
    {"too large a prime", 5, 4'194'319, nullptr, "table size 4194319 is not a prime"},
    {"no members", 0, 251, nullptr, "no member has a weight above 0"},
    {"all drained", 5, 251,
     [](Members& m) {
       for (auto& member : m) member.weight = 0;
     },
     "no member has a weight above 0"},
    {"a weight above 2^32", 5, 251, [](Members& m) { m[4].weight = kMaxWeight + 1; },
     "weight 4294967297 is above 2^32"},
    {"an identity twice", 5, 251, [](Members& m) { m[4].identity = m[1].identity; },
     "same identity"},
    {"more members than buckets", 252, 251, nullptr, "252 members need a table of at least 257"},
    {"too many members", kMaxBackendsPerService + 1, 65'537, nullptr,
     "4097 members are more than the 4096"},
};

bool is_refused(const Refusal& refusal) {
  Members members = make_members(refusal.members, 1);
  if (refusal.spoil != nullptr) refusal.spoil(members);
  Table table(refusal.buckets, 0xabcd);
  const Status status = build_maglev(members, table);
  const bool is_untouched =
      std::ranges::all_of(table, [](uint16_t value) { return value == 0xabcd; });
  return !status.ok() && is_untouched &&
         status.message().find(refusal.message) != std::string::npos;
}

void test_refusals(void**) {
  for (const Refusal& refusal : kRefusals) {
    print_message("  %s\n", refusal.description);
    const bool as_expected = is_refused(refusal);
    assert_true(as_expected);
  }
}

// What is next to a refusal is not refused.
void test_limits_are_reachable(void**) {
  Members members = make_members(kMaxBackendsPerService + 10, 1);
  for (size_t i = 0; i < 10; ++i) members[i].weight = 0;
  members[20].weight = kMaxWeight;
  members[3].identity = members[4].identity;  // drained ones take no part
  const size_t built = build(members, kDefaultBuckets).size();
  assert_int_equal(built, kDefaultBuckets);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_shares_are_exact),
      cmocka_unit_test(test_shares_within_one_percent),
      cmocka_unit_test(test_known_shares),
      cmocka_unit_test(test_every_member_gets_a_bucket),
      cmocka_unit_test(test_largest_table),
      cmocka_unit_test(test_ratios_alone_matter),
      cmocka_unit_test(test_order_and_drained_members_are_irrelevant),
      cmocka_unit_test(test_values_only_label),
      cmocka_unit_test(test_golden),
      cmocka_unit_test(test_removal_and_addition_move_little),
      cmocka_unit_test(test_weight_change_moves_little),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_limits_are_reachable),
  };
  return cmocka_run_group_tests_name("table/maglev", tests, nullptr, nullptr);
}
