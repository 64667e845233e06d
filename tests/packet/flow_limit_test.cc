// How many flows a client may open in a second, alone and in a crowd.
#include "firmware/packet/flow_limit.h"

#include <memory>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr Tick kNoon = 1'000;

int setup(void** state) {
  *state = new FlowLimit;
  return 0;
}
int teardown(void** state) {
  std::unique_ptr<FlowLimit>(static_cast<FlowLimit*>(*state));
  return 0;
}
FlowLimit& of(void** state) { return *static_cast<FlowLimit*>(*state); }

// Clients of one set, told apart by number.
uint64_t client_of(uint64_t number) { return (number + 1) << 32 | 17; }

uint32_t admitted(FlowLimit& limit, uint64_t client, uint32_t most, Tick now, uint32_t wanted) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < wanted; ++i) count += limit.admit(client, most, now) ? 1 : 0;
  return count;
}

void a_client_gets_its_limit_and_no_more(void** state) {
  static constexpr struct {
    const char* description;
    uint32_t limit;
    uint32_t wanted;
    uint32_t admitted;
  } kRows[] = {
      {"one", 1, 5, 1},
      {"fewer than it may", 10, 9, 9},
      {"as many", 10, 10, 10},
      {"one more", 10, 11, 10},
      {"the highest limit", UINT32_MAX, 100'000, 100'000},
  };
  Tick now = kNoon;
  for (const auto& row : kRows) {
    ++now;
    const uint32_t count = admitted(of(state), client_of(0), row.limit, now, row.wanted);
    if (count != row.admitted) fail_msg("%s: %u", row.description, count);
  }
}

void each_second_begins_anew(void** state) {
  for (Tick now = kNoon; now < kNoon + 100; ++now) {
    assert_int_equal(admitted(of(state), client_of(0), 3, now, 9), 3);
  }
  // The clock's zero is a second like any other.
  assert_int_equal(admitted(of(state), client_of(1), 3, 0, 9), 3);
}

void a_limit_that_is_lowered_holds_at_once(void** state) {
  assert_int_equal(admitted(of(state), client_of(0), 10, kNoon, 5), 5);
  assert_int_equal(admitted(of(state), client_of(0), 5, kNoon, 5), 0);
  assert_int_equal(admitted(of(state), client_of(0), 6, kNoon, 5), 1);
}

void clients_do_not_pay_for_each_other(void** state) {
  for (uint64_t i = 0; i < FlowLimit::kWays; ++i) {
    assert_int_equal(admitted(of(state), client_of(i), 7, kNoon, 100), 7);
  }
  for (uint64_t i = 0; i < FlowLimit::kWays; ++i) {
    assert_int_equal(admitted(of(state), client_of(i), 7, kNoon, 1), 0);
  }
}

// Ten thousand addresses of one set: of those that flood, all but one stay known.
void a_crowd_does_not_let_who_floods_begin_anew(void** state) {
  for (uint64_t i = 0; i < FlowLimit::kWays - 1; ++i) {
    assert_int_equal(admitted(of(state), client_of(i), 50, kNoon, 60), 50);
  }
  for (uint64_t i = 100; i < 10'100; ++i) {
    assert_int_equal(admitted(of(state), client_of(i), 50, kNoon, 1), 1);
  }
  for (uint64_t i = 0; i < FlowLimit::kWays - 1; ++i) {
    assert_int_equal(admitted(of(state), client_of(i), 50, kNoon, 60), 0);
  }
}

// Who comes later than a crowd of yesterday finds room.
void what_is_past_takes_no_room(void** state) {
  for (uint64_t i = 0; i < FlowLimit::kWays; ++i) {
    admitted(of(state), client_of(i), 1'000, kNoon, 1'000);
  }
  for (uint64_t i = 10; i < 10 + FlowLimit::kWays; ++i) {
    assert_int_equal(admitted(of(state), client_of(i), 2, kNoon + 1, 9), 2);
  }
  for (uint64_t i = 10; i < 10 + FlowLimit::kWays; ++i) {
    assert_int_equal(admitted(of(state), client_of(i), 2, kNoon + 1, 9), 0);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_client_gets_its_limit_and_no_more, setup, teardown),
      cmocka_unit_test_setup_teardown(each_second_begins_anew, setup, teardown),
      cmocka_unit_test_setup_teardown(a_limit_that_is_lowered_holds_at_once, setup, teardown),
      cmocka_unit_test_setup_teardown(clients_do_not_pay_for_each_other, setup, teardown),
      cmocka_unit_test_setup_teardown(a_crowd_does_not_let_who_floods_begin_anew, setup, teardown),
      cmocka_unit_test_setup_teardown(what_is_past_takes_no_room, setup, teardown),
  };
  return cmocka_run_group_tests_name("packet/flow_limit", tests, nullptr, nullptr);
}
