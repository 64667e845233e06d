#include "firmware/health/membership.h"

#include <array>
#include <random>
#include <string_view>
#include <vector>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr Microseconds kSecond = 1'000'000;

// A pool whose members are told by letters: U(p), D(own from the beginning), ? (its first answer is
// waited for), - (unknown for good), s (up, and set aside), o (up when it could be asked last).
struct Pool {
  explicit Pool(std::string_view letters, uint32_t fail_open = 0) {
    check.interval = kSecond;
    check.timeout = kSecond / 2;
    check.fall = 2;
    check.rise = 1;
    check.fail_open = fail_open;
    for (const char letter : letters) {
      Verdict::Kept kept{.is_first = false, .since = 1};
      if (letter == 'U' || letter == 's' || letter == 'o') kept.decided = Health::up;
      if (letter == 'D') kept.decided = Health::down;
      verdicts.emplace_back(kept);
      members.push_back(
          {.may_come = letter == '?', .is_set_aside = letter == 's', .is_stale = letter == 'o'});
    }
    for (size_t i = 0; i < members.size(); ++i) members[i].verdict = &verdicts[i];
    settle();
  }

  bool settle() { return membership.settle(members, check, now); }
  void fall(size_t member) {
    Verdict::Kept kept = verdicts[member].kept();
    kept.decided = Health::down;
    kept.since = kept.fell = now;
    verdicts[member] = Verdict(kept);
    settle();
  }
  void rise(size_t member) {
    Verdict::Kept kept = verdicts[member].kept();
    kept.decided = Health::up;
    kept.since = kept.recovered = now;
    verdicts[member] = Verdict(kept);
    settle();
  }
  // Members that are down and held.
  size_t held() const {
    size_t count = 0;
    for (const Verdict& verdict : verdicts) count += membership.holds(verdict) ? 1 : 0;
    return count;
  }
  bool is_failing() const { return membership.mass_failure().has_value(); }

  CheckSettings check;
  std::vector<Verdict> verdicts;
  std::vector<Membership::Member> members;
  Membership membership;
  Microseconds now = 100 * kSecond;
};

constexpr Microseconds kWindow = 2 * kSecond + kSecond / 2;

void a_check_that_leaves_too_few_is_overruled(void**) {
  const struct {
    const char* description;
    std::string_view members;
    uint32_t fail_open;
    bool is_overruled;
  } cases[] = {
      {"nobody at all", "", 0, false},
      {"nobody at all, whatever is left", "", 100, false},
      {"all are up", "UU", 0, false},
      {"all are up, and never believed", "UU", 100, false},
      {"one is left", "UDDD", 0, false},
      {"none is left", "DDDD", 0, true},
      {"one alone", "D", 0, true},
      {"one may come", "DD?", 0, false},
      {"one cannot be asked", "DD-", 0, true},
      {"exactly the part", "UDDD", 25, true},
      {"above it by one percent", "UDDD", 24, false},
      {"half", "UUDD", 50, true},
      {"more than half", "UUUDD", 50, false},
      {"one of three", "UDD", 33, false},
      {"one of three", "UDD", 34, true},
      {"never believed", "UUUUUUUUUD", 100, true},
      {"almost never", "UUUUUUUUUD", 90, true},
      {"nine of ten are more", "UUUUUUUUUD", 89, false},
      {"all are set aside by their agents", "ss", 0, true},
      {"one is not", "ssU", 0, false},
      {"set aside, and the other down", "sD", 0, true},
      {"who is set aside is not missed", "ssUU", 50, false},
      {"set aside, and half of the others down", "ssUD", 50, true},
      {"all are set aside, whatever is left", "ss", 100, true},
  };
  for (const auto& row : cases) {
    const Pool pool(row.members, row.fail_open);
    if (pool.membership.is_overruled() != row.is_overruled) print_error("%s\n", row.description);
    assert_int_equal(pool.membership.is_overruled(), row.is_overruled);
    assert_false(pool.is_failing());
  }
}

// If many cannot be asked, it is the prober that fails, and not they.
void few_that_cannot_be_asked_are_out(void**) {
  const struct {
    const char* description;
    std::string_view members;
    uint32_t fail_open;
    bool are_out, is_overruled;
  } cases[] = {
      {"one of three", "oUU", 0, true, false},
      {"one of two", "oU", 0, false, false},
      {"one alone", "o", 0, false, false},
      {"half", "ooUU", 0, false, false},
      {"all", "ooo", 0, false, false},
      {"too few are left of the others", "oUUDD", 40, true, true},
      {"one of those that are not set aside", "ossU", 0, false, false},
      {"nobody", "UU", 0, true, false},
  };
  for (const auto& row : cases) {
    const Pool pool(row.members, row.fail_open);
    if (pool.membership.are_stale_out() != row.are_out) print_error("%s\n", row.description);
    assert_int_equal(pool.membership.are_stale_out(), row.are_out);
    assert_int_equal(pool.membership.is_overruled(), row.is_overruled);
  }
}

// Who falls, one each so often, and how many of them are held then.
void most_at_once_are_held(void**) {
  const struct {
    const char* description;
    std::string_view members;
    size_t falls;
    Microseconds apart;
    size_t held;
  } cases[] = {
      {"one of one", "U", 1, 0, 0},
      {"one of two", "UU", 1, 0, 0},
      {"both of two", "UU", 2, 0, 2},
      {"both, within the time", "UU", 2, kWindow, 2},
      {"both, later", "UU", 2, kWindow + 1, 0},
      {"half of four", "UUUU", 2, 0, 0},
      {"three of four", "UUUU", 3, 0, 3},
      {"two of three", "UUU", 2, 1, 2},
      {"three of four, one by one", "UUUU", 3, kWindow + 1, 0},
      {"two of the three that were left", "UUUU", 3, kWindow, 2},
      {"of those that were up", "UUDDDD", 2, 0, 2},
      {"one was up", "UD", 1, 0, 0},
      {"unknown ones do not fall", "U???", 1, 0, 0},
  };
  for (const auto& row : cases) {
    Pool pool(row.members);
    for (size_t i = 0; i < row.falls; ++i) {
      pool.now += row.apart;
      pool.fall(i);
    }
    if (pool.held() != row.held) print_error("%s\n", row.description);
    assert_int_equal(pool.held(), row.held);
    assert_int_equal(pool.is_failing(), row.held != 0);
    if (row.held == 0) continue;
    assert_false(pool.membership.is_overruled());
    assert_true(
        *pool.membership.mass_failure() ==
        (MassFailure{row.held, pool.membership.mass_failure()->of, pool.now + Membership::kHold}));
  }
}

void after_a_change_it_is_suspected_first(void**) {
  Pool pool("UUU");
  pool.membership.note_change(pool.now);
  pool.now += kWindow;
  pool.fall(0);
  assert_false(pool.is_failing());  // one of three is not most of them
  pool.fall(1);
  assert_int_equal(pool.held(), 2);

  Pool alone("U");
  alone.membership.note_change(alone.now);
  alone.now += kWindow;
  alone.fall(0);
  assert_int_equal(alone.held(), 1);

  Pool late("U");
  late.membership.note_change(late.now);
  late.now += kWindow + 1;
  late.fall(0);
  assert_false(late.is_failing());
  assert_true(late.membership.is_overruled());
}

void it_ends_by_time_and_falls_are_held_once(void**) {
  Pool pool("UUUUD");
  for (size_t i = 0; i < 3; ++i) pool.fall(i);
  assert_true(*pool.membership.mass_failure() == (MassFailure{3, 4, pool.now + Membership::kHold}));
  assert_false(pool.membership.holds(pool.verdicts[4]));  // down before
  pool.now += Membership::kHold - 1;
  assert_false(pool.settle());
  pool.fall(3);  // meanwhile: held too, and no longer
  assert_int_equal(pool.held(), 4);
  ++pool.now;
  assert_true(pool.settle());
  assert_int_equal(pool.held(), 0);
  assert_true(pool.membership.is_overruled());
  assert_false(pool.settle());

  // The next failure is another one.
  for (size_t i = 0; i < 4; ++i) pool.rise(i);
  pool.now += 1;
  for (size_t i = 0; i < 4; ++i) pool.fall(i);
  assert_int_equal(pool.held(), 4);
}

void it_ends_when_all_are_back(void**) {
  Pool pool("UU");
  pool.fall(0);
  pool.fall(1);
  assert_true(pool.membership.is_of_failure(pool.verdicts[0]));
  pool.now += kSecond;
  pool.rise(0);
  assert_true(pool.is_failing());
  assert_int_equal(pool.membership.mass_failure()->fallen, 1);
  pool.rise(1);
  assert_false(pool.is_failing());
  assert_false(pool.membership.is_overruled());
}

// Whatever happens: who is held is down and was up; a failure lasts kHold at most; who is up is
// never among the held; and if nobody is left, all take flows.
void it_holds_whatever_happens(void**) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    Pool pool(std::string_view("UUUDD?--s").substr(random() % 8),
              static_cast<uint32_t>(random() % 101));
    Microseconds began = 0;
    for (int step = 0; step < 200; ++step) {
      pool.now += random() % (2 * kSecond);
      const size_t member = random() % pool.members.size();
      const bool is_up = pool.verdicts[member].decided() == Health::up;
      if (random() % 10 == 0) pool.membership.note_change(pool.now);
      is_up ? pool.fall(member) : pool.rise(member);
      const auto& failure = pool.membership.mass_failure();
      if (!failure) began = 0;
      if (failure && began != failure->until - Membership::kHold) {
        began = failure->until - Membership::kHold;
        assert_int_equal(began, pool.now);
      }
      if (failure) assert_true(pool.now < failure->until && failure->fallen == pool.held());
      assert_true(pool.membership.left() <= pool.membership.wanted());
      if (pool.membership.left() == 0) assert_true(pool.membership.is_overruled());
    }
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_check_that_leaves_too_few_is_overruled),
      cmocka_unit_test(few_that_cannot_be_asked_are_out),
      cmocka_unit_test(most_at_once_are_held),
      cmocka_unit_test(after_a_change_it_is_suspected_first),
      cmocka_unit_test(it_ends_by_time_and_falls_are_held_once),
      cmocka_unit_test(it_ends_when_all_are_back),
      cmocka_unit_test(it_holds_whatever_happens),
  };
  return cmocka_run_group_tests_name("health/membership", tests, nullptr, nullptr);
}
