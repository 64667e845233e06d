#include "firmware/table/moves.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "firmware/table/hash.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

using Table = std::vector<uint16_t>;

constexpr Tick kWindow = 1'000;
constexpr Tick kLong = ~Tick{0};
constexpr uint16_t kA = 1, kB = 2, kC = 3;

// A service whose settings change from time to time.
struct Story {
  Table table;
  Moves moves;
  Tick now = 50'000;
  Tick quiet = kLong;                               // of all groups
  uint32_t noisy_group = ~0u;                       // but this one: 0
  std::array<bool, kNoBackend + size_t{1}> gone{};  // backends in no plan any more

  void publish(const Table& after) {
    moves = next_moves({.before = table,
                        .after = after,
                        .open = moves,
                        .now = now,
                        .window = kWindow,
                        .quiet_for = [&](uint32_t g) { return g == noisy_group ? 0 : quiet; },
                        .is_gone = [&](uint16_t backend) { return gone[backend]; }});
    table = after;
  }
  void pass(Tick ticks) { now += ticks; }
};

// One story at a time, so that nothing on the stack is left behind by an assert.
Story& begin(size_t buckets) {
  static Story story;
  story = Story{};
  story.table.assign(buckets, kA);
  return story;
}

Table with(Table table, size_t bucket, uint16_t backend) {
  table[bucket] = backend;
  return table;
}

size_t count_moved(const Moves& moves) {
  return moves.previous.size() -
         static_cast<size_t>(std::ranges::count(moves.previous, kNoBackend));
}

bool holds(uint32_t group, uint64_t bucket, uint32_t buckets) {
  const uint64_t first = static_cast<uint64_t>(group) << 54;
  const uint64_t last = first | ((uint64_t{1} << 54) - 1);
  return group_of(first) == group && group_of(last) == group &&
         bucket_of(first, buckets) <= bucket && bucket <= bucket_of(last, buckets);
}

void test_nothing_changes(void**) {
  Story& story = begin(251);
  story.publish(Table(story.table));
  assert_true(story.moves.empty());
}

void test_a_moved_bucket_keeps_its_previous_backend(void**) {
  Story& story = begin(251);
  story.publish(with(story.table, 7, kB));
  assert_int_equal(story.moves.previous.size(), 251);
  assert_int_equal(count_moved(story.moves), 1);
  assert_int_equal(story.moves.previous[7], kA);
}

// By brute force: the groups whose windows a bucket's move opens are those that hold its hashes.
size_t wrong_groups(uint32_t buckets, uint32_t bucket) {
  Story& story = begin(buckets);
  story.publish(with(story.table, bucket, kB));
  size_t wrong = 0;
  for (uint32_t group = 0; group < kBucketGroups; ++group) {
    const bool is_open = story.moves.moved_at[group] == story.now;
    wrong += is_open != holds(group, bucket, buckets) ? 1 : 0;
  }
  return wrong;
}

void test_groups_of_every_bucket(void**) {
  for (const uint32_t buckets : {251u, 257u, 1'021u, 1'031u}) {
    for (uint32_t bucket = 0; bucket < buckets; ++bucket) {
      assert_int_equal(wrong_groups(buckets, bucket), 0);
    }
  }
  for (const uint32_t buckets : {kDefaultBuckets, 655'373u, kMaxBuckets}) {
    for (uint32_t i = 0; i < 12; ++i) {
      const auto bucket = static_cast<uint32_t>(uint64_t{buckets - 1} * i / 11);
      assert_int_equal(wrong_groups(buckets, bucket), 0);
    }
  }
}

// The buckets that straddle groups, of a table that has about 64 in each.
void test_groups_of_straddling_buckets(void**) {
  for (uint32_t group = 1; group < kBucketGroups; group += 93) {
    const uint32_t bucket = bucket_of(static_cast<uint64_t>(group) << 54, kDefaultBuckets);
    assert_true(holds(group, bucket, kDefaultBuckets));
    assert_true(holds(group - 1, bucket, kDefaultBuckets));
    assert_int_equal(wrong_groups(kDefaultBuckets, bucket), 0);
    assert_int_equal(wrong_groups(kDefaultBuckets, bucket - 1), 0);
  }
}

struct CloseCase {
  const char* description;
  Tick passed;
  Tick quiet;
  bool is_over;
};

void test_window_ends_when_long_and_quiet(void**) {
  const std::array<CloseCase, 5> cases = {{
      {"as long as a window", kWindow, kLong, false},
      {"longer", kWindow + 1, kLong, true},
      {"longer, and quiet for a window", 5 * kWindow, kWindow, false},
      {"longer, and quiet for longer", 5 * kWindow, kWindow + 1, true},
      {"longer, and noisy", 100 * kWindow, 0, false},
  }};
  for (const CloseCase& c : cases) {
    print_message("  %s\n", c.description);
    Story& story = begin(251);
    story.publish(with(story.table, 7, kB));
    story.pass(c.passed);
    story.quiet = c.quiet;
    story.publish(Table(story.table));
    assert_int_equal(story.moves.empty(), c.is_over);
    if (!c.is_over) assert_int_equal(story.moves.previous[7], kA);
  }
}

// One noisy group keeps the buckets that have hashes in it, and no others.
void test_a_noisy_group_keeps_its_buckets(void**) {
  for (const uint32_t buckets : {251u, 1'021u, kDefaultBuckets}) {
    for (const uint32_t noisy : {0u, 1u, 500u, 1'023u}) {
      Story& story = begin(buckets);
      story.publish(Table(buckets, kB));
      assert_int_equal(count_moved(story.moves), buckets);
      story.pass(kWindow + 1);
      story.noisy_group = noisy;
      story.publish(Table(story.table));
      size_t wrong = 0;
      for (uint32_t bucket = 0; bucket < buckets; ++bucket) {
        const uint16_t expected = holds(noisy, bucket, buckets) ? kA : kNoBackend;
        wrong += story.moves.previous[bucket] != expected ? 1 : 0;
      }
      assert_int_equal(wrong, 0);
    }
  }
}

// In whichever group a bucket's neighbour moves, the window of both begins anew.
void test_a_neighbour_restarts_the_window(void**) {
  Story& story = begin(kDefaultBuckets);
  story.publish(with(story.table, 10, kB));
  story.pass(kWindow);
  story.publish(with(story.table, 11, kB));
  story.pass(kWindow);
  story.publish(Table(story.table));
  assert_int_equal(count_moved(story.moves), 2);
  story.publish(with(story.table, 30'000, kB));
  story.pass(1);
  story.publish(Table(story.table));
  assert_int_equal(count_moved(story.moves), 1);
  assert_int_equal(story.moves.previous[30'000], kA);
}

void test_second_move_keeps_the_first_previous(void**) {
  Story& story = begin(251);
  story.publish(with(story.table, 7, kB));
  story.pass(kWindow - 1);
  story.publish(with(story.table, 7, kC));
  assert_int_equal(story.moves.previous[7], kA);
  story.pass(2);  // the first window would be over
  story.publish(Table(story.table));
  assert_int_equal(story.moves.previous[7], kA);
  story.pass(kWindow - 1);
  story.publish(Table(story.table));
  assert_true(story.moves.empty());
  story.publish(with(story.table, 7, kA));
  assert_int_equal(story.moves.previous[7], kC);
}

// Flows that began in between are still elsewhere.
void test_moved_back_is_moved_still(void**) {
  Story& story = begin(251);
  story.publish(with(story.table, 7, kB));
  story.publish(with(story.table, 7, kA));
  assert_int_equal(story.moves.previous[7], kA);
  story.pass(kWindow + 1);
  story.publish(Table(story.table));
  assert_true(story.moves.empty());
}

void test_gone_backend(void**) {
  Story& story = begin(251);
  story.publish(with(story.table, 7, kB));
  story.publish(with(story.table, 8, kB));
  story.gone[kA] = true;
  story.publish(Table(251, kB));
  // 7 and 8 had moved: flows of A are taken over, others may still be remembered elsewhere.
  assert_int_equal(story.moves.previous[7], kB);
  assert_int_equal(story.moves.previous[8], kB);
  // All others moved because A is gone, and for no other reason.
  assert_int_equal(count_moved(story.moves), 2);
  story.publish(Table(251, kC));
  assert_int_equal(story.moves.previous[7], kB);
  assert_int_equal(story.moves.previous[100], kB);
  story.gone[kB] = true;
  story.publish(Table(story.table));
  assert_int_equal(count_moved(story.moves), 251);
  assert_int_equal(story.moves.previous[7], kC);
}

// A backend that is gone from a steady service leaves nothing moved.
void test_gone_backend_of_a_steady_service(void**) {
  Story& story = begin(251);
  story.gone[kA] = true;
  story.publish(Table(251, kB));
  assert_true(story.moves.empty());
}

// Every bucket of the old size has moved, by the old size; the second change keeps the first's.
void test_change_of_size(void**) {
  Story& story = begin(251);
  story.publish(with(story.table, 7, kB));
  story.publish(Table(509, kC));
  assert_int_equal(story.moves.previous.size(), 251);
  assert_int_equal(count_moved(story.moves), 251);
  assert_int_equal(story.moves.previous[7], kA);
  assert_int_equal(story.moves.previous[8], kA);
  story.publish(Table(1'021, kC));
  assert_int_equal(story.moves.previous.size(), 251);
  story.publish(Table(251, kB));
  assert_int_equal(story.moves.previous.size(), 251);
  assert_int_equal(count_moved(story.moves), 251);
}

void test_change_of_size_to_the_same_backend(void**) {
  Story& story = begin(251);
  story.publish(Table(257, kA));
  assert_int_equal(count_moved(story.moves), 251);
}

// Of different sizes all buckets become steady together, or none.
void test_change_of_size_ends_as_a_whole(void**) {
  Story& story = begin(251);
  story.publish(Table(509, kB));
  story.pass(kWindow + 1);
  story.noisy_group = 3;
  story.publish(Table(story.table));
  assert_int_equal(count_moved(story.moves), 251);
  // Moves of the new size restart windows, of all that are open.
  story.publish(with(story.table, 400, kC));
  story.noisy_group = ~0u;
  story.pass(kWindow);
  story.publish(Table(story.table));
  assert_int_equal(count_moved(story.moves), 251);
  story.pass(1);
  story.publish(Table(story.table));
  assert_true(story.moves.empty());
}

// Back to the first size, buckets end one by one again; then another size finds some steady.
void test_back_to_the_first_size(void**) {
  Story& story = begin(251);
  story.publish(Table(509, kB));
  story.publish(Table(251, kC));
  story.pass(kWindow + 1);
  story.noisy_group = 0;
  story.publish(Table(story.table));
  assert_int_equal(count_moved(story.moves), 1);
  assert_int_equal(story.moves.previous[0], kA);
  story.publish(Table(509, kB));
  assert_int_equal(count_moved(story.moves), 251);
  assert_int_equal(story.moves.previous[0], kA);
  assert_int_equal(story.moves.previous[1], kC);
}

// Of another size than the table's: the current backend at the same place of the hash space.
void test_gone_backend_after_a_change_of_size(void**) {
  Story& story = begin(251);
  story.publish(with(Table(509, kB), 508, kC));
  story.gone[kA] = true;
  story.publish(Table(story.table));
  assert_int_equal(count_moved(story.moves), 251);
  assert_int_equal(story.moves.previous[0], kB);
  assert_int_equal(story.moves.previous[249], kB);
  story.gone[kB] = true;
  story.publish(Table(509, kC));
  assert_int_equal(count_moved(story.moves), 251);
  assert_int_equal(story.moves.previous[0], kC);
}

// A backend that leaves in the plan that changes the size.
void test_gone_with_a_change_of_size(void**) {
  Story& story = begin(251);
  story.gone[kA] = true;
  story.publish(Table(509, kB));
  assert_int_equal(count_moved(story.moves), 251);
  assert_int_equal(story.moves.previous[100], kB);
  story.pass(kWindow + 1);
  story.publish(Table(story.table));
  assert_true(story.moves.empty());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_nothing_changes),
      cmocka_unit_test(test_a_moved_bucket_keeps_its_previous_backend),
      cmocka_unit_test(test_groups_of_every_bucket),
      cmocka_unit_test(test_groups_of_straddling_buckets),
      cmocka_unit_test(test_window_ends_when_long_and_quiet),
      cmocka_unit_test(test_a_noisy_group_keeps_its_buckets),
      cmocka_unit_test(test_a_neighbour_restarts_the_window),
      cmocka_unit_test(test_second_move_keeps_the_first_previous),
      cmocka_unit_test(test_moved_back_is_moved_still),
      cmocka_unit_test(test_gone_backend),
      cmocka_unit_test(test_gone_backend_of_a_steady_service),
      cmocka_unit_test(test_change_of_size),
      cmocka_unit_test(test_change_of_size_to_the_same_backend),
      cmocka_unit_test(test_change_of_size_ends_as_a_whole),
      cmocka_unit_test(test_back_to_the_first_size),
      cmocka_unit_test(test_gone_backend_after_a_change_of_size),
      cmocka_unit_test(test_gone_with_a_change_of_size),
  };
  return cmocka_run_group_tests_name("table/moves", tests, nullptr, nullptr);
}
