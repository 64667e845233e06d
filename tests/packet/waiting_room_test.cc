// Who gets in, who is called when, and in which order. Packets are never looked at.
#include "firmware/packet/waiting_room.h"

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr Microseconds kNoon = 1'000'000;

std::array<rte_mbuf, WaitingRoom::kRoom + 1>& packets() {
  static std::array<rte_mbuf, WaitingRoom::kRoom + 1> all{};
  return all;
}

void those_who_came_are_called_in_their_order(void** /*state*/) {
  WaitingRoom room;
  for (size_t i = 0; i < 5; ++i) assert_true(room.add(&packets()[i], kNoon + i));
  assert_int_equal(room.size(), 5);
  std::array<WaitingRoom::Guest, WaitingRoom::kRoom> guests;
  const auto called = room.take(guests);
  assert_int_equal(called.size(), 5);
  for (size_t i = 0; i < 5; ++i) {
    assert_ptr_equal(called[i].packet, &packets()[i]);
    assert_int_equal(called[i].came, kNoon + i);
  }
  assert_int_equal(room.size(), 0);
  assert_true(room.take(guests).empty());
}

void a_full_room_takes_nobody(void** /*state*/) {
  WaitingRoom room;
  for (size_t i = 0; i < WaitingRoom::kRoom; ++i) assert_true(room.add(&packets()[i], kNoon));
  assert_false(room.add(&packets()[WaitingRoom::kRoom], kNoon));
  assert_int_equal(room.size(), WaitingRoom::kRoom);
  std::array<WaitingRoom::Guest, WaitingRoom::kRoom> guests;
  assert_int_equal(room.take(guests).size(), WaitingRoom::kRoom);
  assert_true(room.add(&packets()[0], kNoon));
}

// As a worker does, while it goes through those whom it took.
void who_is_called_may_come_in_again(void** /*state*/) {
  WaitingRoom room;
  for (size_t i = 0; i < WaitingRoom::kRoom; ++i) assert_true(room.add(&packets()[i], kNoon));
  std::array<WaitingRoom::Guest, WaitingRoom::kRoom> guests;
  size_t seen = 0;
  for (const WaitingRoom::Guest& guest : room.take(guests)) {
    assert_ptr_equal(guest.packet, &packets()[seen]);
    if (++seen % 2 == 0) assert_true(room.add(guest.packet, guest.came));
  }
  assert_int_equal(seen, WaitingRoom::kRoom);
  assert_int_equal(room.size(), WaitingRoom::kRoom / 2);
  assert_ptr_equal(room.take(guests)[0].packet, &packets()[1]);
}

void patience_ends(void** /*state*/) {
  static constexpr struct {
    const char* description;
    Microseconds later;
    bool is_over;
  } kRows[] = {
      {"at once", 0, false},
      {"at its last moment", WaitingRoom::kPatience, false},
      {"just over", WaitingRoom::kPatience + 1, true},
      {"long over", 1'000 * WaitingRoom::kPatience, true},
  };
  for (const auto& row : kRows) {
    WaitingRoom room;
    assert_false(room.has_expired(kNoon + row.later));  // nobody is there
    room.add(&packets()[0], kNoon);
    room.add(&packets()[1], kNoon + 10 * row.later);  // the first one counts
    if (room.has_expired(kNoon + row.later) != row.is_over) fail_msg("%s", row.description);
    std::array<WaitingRoom::Guest, WaitingRoom::kRoom> guests;
    const auto called = room.take(guests);
    if (WaitingRoom::is_over(called[0], kNoon + row.later) != row.is_over) {
      fail_msg("%s: its guest", row.description);
    }
    assert_false(room.has_expired(kNoon + row.later));
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(those_who_came_are_called_in_their_order),
      cmocka_unit_test(a_full_room_takes_nobody),
      cmocka_unit_test(who_is_called_may_come_in_again),
      cmocka_unit_test(patience_ends),
  };
  return cmocka_run_group_tests_name("packet/waiting_room", tests, nullptr, nullptr);
}
