#include "firmware/manage/places.h"

#include <vector>

#include "firmware/base/limits.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

Identity person(uint32_t uid, Role role) { return {.user = "somebody", .uid = uid, .role = role}; }

void test_bounds_one_user(void**) {
  Places places;
  std::vector<Places::Place> taken;
  for (size_t i = 0; i < kMaxApiConnectionsOfUser; ++i) {
    taken.push_back(std::move(*places.take(person(7, Role::changer))));
  }
  assert_false(places.take(person(7, Role::changer)).has_value());
  assert_true(places.take(person(8, Role::changer)).has_value());
  taken.pop_back();
  assert_true(places.take(person(7, Role::changer)).has_value());
}

void test_viewers_leave_room_for_operators(void**) {
  Places places;
  std::vector<Places::Place> taken;
  for (uint32_t uid = 0; uid < 1'000; ++uid) {
    std::optional<Places::Place> place = places.take(person(uid, Role::viewer));
    if (place) taken.push_back(std::move(*place));
  }
  assert_int_equal(taken.size(), kMaxApiConnectionsOfViewers);
  for (size_t i = 0; i < kMaxApiConnectionsOfUser; ++i) {
    taken.push_back(std::move(*places.take(person(5'000, Role::approver))));
  }
}

void test_bounds_all(void**) {
  Places places;
  std::vector<Places::Place> taken;
  for (uint32_t uid = 0; uid < 1'000; ++uid) {
    std::optional<Places::Place> place = places.take(person(uid, Role::changer));
    if (place) taken.push_back(std::move(*place));
  }
  assert_int_equal(taken.size(), kMaxApiConnections);
  assert_true(places.take_remote("192.0.2.1").has_value());
}

void test_bounds_those_from_afar(void**) {
  Places places;
  std::vector<Places::Place> taken;
  for (size_t i = 0; i < kMaxApiConnectionsOfAddress; ++i) {
    taken.push_back(std::move(*places.take_remote("192.0.2.1")));
  }
  assert_false(places.take_remote("192.0.2.1").has_value());
  for (size_t i = 0; i < 1'000; ++i) {
    std::optional<Places::Place> place = places.take_remote("2001:db8::" + std::to_string(i));
    if (place) taken.push_back(std::move(*place));
  }
  assert_int_equal(taken.size(), kMaxApiRemoteConnections);
  assert_true(places.take(person(7, Role::viewer)).has_value());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_bounds_one_user),
      cmocka_unit_test(test_viewers_leave_room_for_operators),
      cmocka_unit_test(test_bounds_all),
      cmocka_unit_test(test_bounds_those_from_afar),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
