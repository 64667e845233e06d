#include "firmware/exchange/plan.h"

#include <array>

#include "tests/cmocka.h"
#include "tests/exchange/specs.h"

namespace evenkeel {
namespace {

// Upper 32 bits, which choose the bucket, at the very ends of a bucket.
uint64_t hash_at(uint64_t upper) { return upper << 32 | 0x1234'5678; }

void a_bucket_is_read_from_both_tables(void** /*state*/) {
  const std::array<uint16_t, 5> current = {0, 1, 2, 3, 4};
  const std::array<uint16_t, 3> previous = {10, kNoBackend, 12};
  Plan plan;
  plan.services = {{},
                   {.current = current.data(),
                    .previous = nullptr,
                    .buckets = 5,
                    .previous_buckets = 0,
                    .hash_over = HashOver::five_tuple,
                    .affinity = Affinity::connection}};
  const struct {
    uint64_t upper;
    uint16_t current;
    uint16_t previous;
  } cases[] = {
      {0, 0, 10},
      {0x3333'3333, 0, 10},  // the last of a fifth
      {0x3333'3334, 1, 10},
      {0x5555'5555, 1, 10},  // the last of a third
      {0x5555'5556, 1, kNoBackend},
      {0xaaaa'aaaa, 3, kNoBackend},
      {0xaaaa'aaab, 3, 12},
      {0xffff'ffff, 4, 12},
  };
  for (const auto& row : cases) {
    plan.services[1].previous = nullptr;
    assert_int_equal(plan.bucket(1, hash_at(row.upper)).current, row.current);
    assert_false(plan.bucket(1, hash_at(row.upper)).moved());
    plan.services[1].previous = previous.data();
    plan.services[1].previous_buckets = 3;
    assert_int_equal(plan.bucket(1, hash_at(row.upper)).current, row.current);
    assert_int_equal(plan.bucket(1, hash_at(row.upper)).previous, row.previous);
  }
}

void who_may_stay_and_where(void** /*state*/) {
  constexpr Tick kLate = ~Tick{0} - 3;  // the clock wraps while the backend lives
  Plan plan;
  plan.lives = {{.born = 100, .is_alive = true, .inner_is_v4 = true, .heir = 0},
                {.born = 100, .is_alive = true, .inner_is_v4 = false, .heir = 1},
                {.born = 100, .is_alive = false, .inner_is_v4 = true, .heir = 2},
                {.born = kLate, .is_alive = true, .inner_is_v4 = true, .heir = 3},
                {.born = 100, .is_alive = true, .inner_is_v4 = true, .heir = 0},
                {.born = 100, .is_alive = true, .inner_is_v4 = true, .heir = 2}};
  const struct {
    const char* description;
    uint16_t slot;
    bool is_v4;
    Tick now;
    Tick age;
    bool may;
  } cases[] = {
      {"of this very tick", 0, true, 100, 0, true},
      {"of the former owner's last tick", 0, true, 100, 1, false},
      {"as old as the owner", 0, true, 150, 50, true},
      {"older than the owner", 0, true, 150, 51, false},
      {"of the other family", 0, false, 150, 0, false},
      {"IPv6", 1, false, 150, 50, true},
      {"IPv4 on a backend for IPv6", 1, true, 150, 50, false},
      {"dead", 2, true, 150, 0, false},
      {"with its heir", 4, true, 150, 50, true},
      {"of an earlier owner, without the heir", 4, true, 150, 51, false},
      {"with an heir that is dead", 5, true, 150, 50, false},
      {"nowhere", kNoBackend, true, 150, 0, false},
      {"beyond the clock's end, as old as the owner", 3, true, 5, 9, true},
      {"beyond the clock's end, older", 3, true, 5, 10, false},
  };
  for (const auto& row : cases) {
    if ((plan.home_of(row.slot, row.is_v4, row.now, row.age) != kNoBackend) != row.may) {
      fail_msg("%s", row.description);
    }
  }
  assert_int_equal(plan.home_of(4, true, 150, 50), 0);
}

void flows_of_a_former_owner_may_not_stay(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  const uint16_t slot = slot_of(*first, "four-3");
  PlanSpec spec = good_spec();
  spec.services[1].members = {{1}};
  spec.backends[3] = backend_of(7);
  const PlanPointer left = built_after(first, spec, kNow + 10);
  spec.backends.push_back(backend_of(8));
  const Tick born = kNow + 20 + kWindow;
  const PlanPointer reused = built_after(left, spec, born);
  assert_int_equal(slot_of(*reused, "four-8"), slot);
  assert_int_not_equal(first->home_of(slot, true, kNow + 9, 9), kNoBackend);
  assert_int_equal(left->home_of(slot, true, kNow + 10, 0), kNoBackend);
  assert_int_not_equal(reused->home_of(slot, true, born + 5, 5), kNoBackend);
  assert_int_equal(reused->home_of(slot, true, born + 5, 6), kNoBackend);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_bucket_is_read_from_both_tables),
      cmocka_unit_test(who_may_stay_and_where),
      cmocka_unit_test(flows_of_a_former_owner_may_not_stay),
  };
  return cmocka_run_group_tests_name("exchange/plan", tests, nullptr, nullptr);
}
