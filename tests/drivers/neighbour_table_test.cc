#include "drivers/neighbour_table.h"

#include <linux/neighbour.h>

#include "firmware/base/limits.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr Mac kMac = {2, 0, 0, 0, 0, 1};
constexpr Mac kOther = {2, 0, 0, 0, 0, 2};
constexpr Microseconds kSecond = 1'000'000;
constexpr Microseconds kStart = 100 * kSecond;

Neighbour::Key key_of(uint32_t number) {
  return {.port = 0, .address = Address::v4(Big32(0x0a000000 + number))};
}

size_t asked(NeighbourTable& table, Microseconds now) { return table.due(now, 1'000'000).size(); }

void states_decide_what_is_usable(void**) {
  const struct {
    const char* description;
    uint16_t state;
    Mac mac;
    bool is_usable;
    bool is_asked_for;
  } cases[] = {
      {"reachable", NUD_REACHABLE, kMac, true, false},
      {"stale: usable, but to be made sure of", NUD_STALE, kMac, true, true},
      {"delay", NUD_DELAY, kMac, true, false},
      {"probe", NUD_PROBE, kMac, true, false},
      {"permanent", NUD_PERMANENT, kMac, true, false},
      {"incomplete", NUD_INCOMPLETE, {}, false, false},
      {"failed, not at once again", NUD_FAILED, kMac, false, false},
      {"needs no ARP: no host", NUD_NOARP, kMac, false, false},
      {"reachable without an address", NUD_REACHABLE, {}, false, false},
      {"a group", NUD_REACHABLE, {1, 0, 0x5e, 0, 0, 1}, false, false},
      {"all", NUD_PERMANENT, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, false, false},
  };
  for (const auto& example : cases) {
    print_message("  %s\n", example.description);
    NeighbourTable table;
    const Neighbour& neighbour = table.acquire(key_of(1), kStart);
    assert_int_equal(asked(table, kStart), 1);
    table.update(key_of(1), example.state, example.mac, kStart);
    assert_int_equal(neighbour.is_usable, example.is_usable);
    assert_int_equal(asked(table, kStart), example.is_asked_for);
  }
}

void asks_once_and_again_with_growing_pauses(void**) {
  NeighbourTable table;
  const Neighbour& neighbour = table.acquire(key_of(1), kStart);
  table.acquire(key_of(1), kStart);
  assert_int_equal(asked(table, kStart - 1), 0);
  assert_int_equal(asked(table, kStart), 1);
  assert_int_equal(asked(table, kStart), 0);
  Microseconds now = kStart;
  for (const Microseconds pause : {1u, 2u, 4u, 5u, 5u}) {
    now += 3 * kSecond;
    table.update(key_of(1), NUD_FAILED, {}, now);
    assert_int_equal(neighbour.failed_since, kStart + 3 * kSecond);
    assert_int_equal(asked(table, now + pause * kSecond - 1), 0);
    now += pause * kSecond;
    assert_int_equal(asked(table, now), 1);
    table.update(key_of(1), NUD_INCOMPLETE, {}, now);
    assert_int_equal(asked(table, now), 0);
  }
  table.update(key_of(1), NUD_REACHABLE, kMac, now);
  assert_true(neighbour.failed_since == Neighbour::kNever);
  table.update(key_of(1), NUD_FAILED, {}, now);
  assert_int_equal(asked(table, now + kSecond), 1);
}

void asks_again_if_the_kernel_never_says_what_became_of_it(void**) {
  NeighbourTable table;
  table.acquire(key_of(1), kStart);
  assert_int_equal(asked(table, kStart), 1);
  assert_int_equal(asked(table, kStart + NeighbourTable::kLongestPause - 1), 0);
  assert_int_equal(asked(table, kStart + NeighbourTable::kLongestPause), 1);
}

void a_forgotten_one_is_asked_for_at_once(void**) {
  NeighbourTable table;
  const Neighbour& neighbour = table.acquire(key_of(1), kStart);
  asked(table, kStart);
  table.update(key_of(1), NUD_REACHABLE, kMac, kStart);
  table.update(key_of(1), NUD_NONE, {}, kStart);
  assert_false(neighbour.is_usable);
  assert_true(neighbour.failed_since == Neighbour::kNever);
  assert_int_equal(asked(table, kStart), 1);
}

void says_what_has_changed(void**) {
  NeighbourTable table;
  table.acquire(key_of(1), kStart);
  const struct {
    const char* description;
    uint16_t state;
    Mac mac;
    bool has_changed;
  } steps[] = {
      {"asked for", NUD_INCOMPLETE, {}, false},
      {"does not answer", NUD_FAILED, {}, true},
      {"asked for again", NUD_INCOMPLETE, {}, false},
      {"does still not answer", NUD_FAILED, {}, false},
      {"answers", NUD_REACHABLE, kMac, true},
      {"is a little old", NUD_STALE, kMac, false},
      {"is asked whether it is there", NUD_PROBE, kMac, false},
      {"has moved", NUD_REACHABLE, kOther, true},
      {"is gone", NUD_FAILED, kOther, true},
  };
  for (const auto& step : steps) {
    print_message("  %s\n", step.description);
    table.update(key_of(1), step.state, step.mac, kStart);
    assert_int_equal(table.take_changed(), step.has_changed);
    assert_false(table.take_changed());
  }
  table.refuse(key_of(1), 105);
  assert_true(table.take_changed());
  table.refuse(key_of(1), 105);
  assert_false(table.take_changed());
}

void keeps_those_that_nobody_needs_while_they_answer(void**) {
  NeighbourTable table;
  table.update(key_of(1), NUD_INCOMPLETE, {}, kStart);
  table.update(key_of(2), NUD_FAILED, {}, kStart);
  assert_int_equal(table.all().size(), 0);
  table.update(key_of(3), NUD_STALE, kMac, kStart);
  assert_int_equal(table.all().size(), 1);
  assert_int_equal(asked(table, kStart), 1);
  table.update(key_of(3), NUD_FAILED, {}, kStart);
  assert_int_equal(table.all().size(), 0);
  assert_int_equal(asked(table, kStart + 100 * kSecond), 0);
}

void stays_until_the_last_user_has_gone(void**) {
  NeighbourTable table;
  table.acquire(key_of(1), kStart);
  table.acquire(key_of(1), kStart);
  table.release(key_of(1));
  assert_int_equal(table.all().size(), 1);
  assert_int_equal(asked(table, kStart), 1);
  table.release(key_of(1));
  assert_int_equal(table.all().size(), 0);
  assert_int_equal(asked(table, kStart + 100 * kSecond), 0);

  table.acquire(key_of(2), kStart);
  table.update(key_of(2), NUD_REACHABLE, kMac, kStart);
  table.release(key_of(2));
  assert_int_equal(table.all().size(), 1);
}

void a_dump_tells_what_is_forgotten(void**) {
  NeighbourTable table;
  const Neighbour& needed = table.acquire(key_of(1), kStart);
  for (const uint32_t number : {1u, 2u, 3u}) {
    table.update(key_of(number), NUD_REACHABLE, kMac, kStart);
  }
  asked(table, kStart);
  table.begin_dump();
  table.update(key_of(2), NUD_REACHABLE, kMac, kStart);
  table.end_dump(kStart);
  assert_false(needed.is_usable);
  assert_int_equal(asked(table, kStart), 1);
  assert_int_equal(table.all().size(), 2);
  assert_true(table.all().contains(key_of(2)));
}

void never_more_than_the_limit(void**) {
  NeighbourTable table;
  for (uint32_t i = 0; i < kMaxNeighbours; ++i) {
    table.update(key_of(i), NUD_REACHABLE, kMac, kStart);
  }
  assert_false(table.is_overfull());
  table.update(key_of(kMaxNeighbours), NUD_REACHABLE, kMac, kStart);
  assert_true(table.is_overfull());
  assert_int_equal(table.all().size(), kMaxNeighbours);
  // Those that are needed are beside it.
  table.acquire(key_of(kMaxNeighbours), kStart);
  table.update(key_of(kMaxNeighbours), NUD_REACHABLE, kMac, kStart);
  assert_int_equal(table.all().size(), kMaxNeighbours + 1);
  table.release(key_of(kMaxNeighbours));
  assert_int_equal(table.all().size(), kMaxNeighbours);
  // Room again, which the next dump finds.
  table.update(key_of(0), NUD_NONE, {}, kStart);
  table.begin_dump();
  for (uint32_t i = 1; i <= kMaxNeighbours; ++i) {
    table.update(key_of(i), NUD_REACHABLE, kMac, kStart);
  }
  table.end_dump(kStart);
  assert_false(table.is_overfull());
}

void asks_for_no_more_than_it_is_told(void**) {
  NeighbourTable table;
  for (uint32_t i = 0; i < 10; ++i) table.acquire(key_of(i), kStart);
  assert_int_equal(table.due(kStart, 7).size(), 7);
  assert_int_equal(table.due(kStart, 7).size(), 3);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(states_decide_what_is_usable),
      cmocka_unit_test(asks_once_and_again_with_growing_pauses),
      cmocka_unit_test(asks_again_if_the_kernel_never_says_what_became_of_it),
      cmocka_unit_test(a_forgotten_one_is_asked_for_at_once),
      cmocka_unit_test(says_what_has_changed),
      cmocka_unit_test(keeps_those_that_nobody_needs_while_they_answer),
      cmocka_unit_test(stays_until_the_last_user_has_gone),
      cmocka_unit_test(a_dump_tells_what_is_forgotten),
      cmocka_unit_test(never_more_than_the_limit),
      cmocka_unit_test(asks_for_no_more_than_it_is_told),
  };
  return cmocka_run_group_tests_name("drivers/neighbour_table", tests, nullptr, nullptr);
}
