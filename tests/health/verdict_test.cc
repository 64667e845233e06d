#include "firmware/health/verdict.h"

#include <string_view>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr Microseconds kSecond = 1'000'000;

CheckSettings check_of(uint32_t rise, uint32_t fall) {
  CheckSettings check;
  check.type = CheckType::tcp;
  check.interval = kSecond;
  check.rise = rise;
  check.fall = fall;
  return check;
}

ProbeAnswer answer_of(char kind) {
  if (kind == '+') return {.kind = ProbeAnswer::Kind::good, .text = "fine"};
  return {.kind = ProbeAnswer::Kind::bad, .text = "broken"};
}

// Answers one a second, and after each what is held: U(p), D(own).
void answers_in_a_row_decide(void**) {
  const struct {
    const char* description;
    uint32_t rise, fall;
    std::string_view answers, held;
  } cases[] = {
      {"the first one alone: good", 2, 3, "+", "U"},
      {"the first one alone: bad", 2, 3, "-", "D"},
      {"fall", 2, 3, "+----", "UUUDD"},
      {"a good one in between starts anew", 2, 3, "+--+--+---", "UUUUUUUUUD"},
      {"rise", 2, 3, "-+++", "DDUU"},
      {"a bad one in between starts anew", 3, 1, "-++-+++", "DDDDDDU"},
      {"one each", 1, 1, "+-+-", "UDUD"},
      {"the most", 100, 100, "+-", "UU"},
      {"both ways", 2, 2, "+--++--", "UUDDUUD"},
  };
  for (const auto& row : cases) {
    const CheckSettings check = check_of(row.rise, row.fall);
    Verdict verdict;
    Microseconds now = kSecond;
    for (size_t i = 0; i < row.answers.size(); ++i, now += kSecond) {
      const Health before = verdict.decided();
      const bool has_turned = verdict.take(answer_of(row.answers[i]), check, now - 5, now);
      const Health expected = row.held[i] == 'U' ? Health::up : Health::down;
      if (verdict.decided() != expected) print_error("%s, answer %zu\n", row.description, i);
      assert_int_equal(verdict.decided(), expected);
      assert_int_equal(has_turned, before != expected);
      if (has_turned) assert_int_equal(verdict.since(), now);
      assert_int_equal(verdict.took(), 5);
    }
  }
}

void before_the_first_answer_it_is_unknown(void**) {
  const CheckSettings check = check_of(1, 1);
  const Verdict verdict;
  assert_false(verdict.is_decided());
  assert_int_equal(verdict.health(check, 0), Health::unknown);
  assert_int_equal(verdict.health(check, kSecond), Health::unknown);
  assert_int_equal(verdict.since(), 0);
  assert_string_equal(verdict.text().c_str(), "");
  assert_string_equal(name_of(Health::unknown), "unknown");
  assert_string_equal(name_of(Health::up), "up");
  assert_string_equal(name_of(Health::down), "down");
}

void an_old_answer_is_unknown_again_and_holds(void**) {
  const CheckSettings check = check_of(2, 2);
  Verdict verdict;
  verdict.take(answer_of('+'), check, kSecond, kSecond);
  assert_int_equal(verdict.health(check, 4 * kSecond), Health::up);
  assert_int_equal(verdict.health(check, 4 * kSecond + 1), Health::unknown);
  assert_int_equal(verdict.decided(), Health::up);
  // It is no first answer that comes then.
  assert_false(verdict.take(answer_of('-'), check, 9 * kSecond, 9 * kSecond));
  assert_int_equal(verdict.health(check, 9 * kSecond), Health::up);
}

void the_last_answer_is_told_and_the_last_complaint(void**) {
  const CheckSettings check = check_of(2, 2);
  Verdict verdict;
  verdict.take(answer_of('-'), check, 0, kSecond);
  verdict.take(answer_of('+'), check, kSecond, 2 * kSecond);
  assert_int_equal(verdict.decided(), Health::down);
  assert_string_equal(verdict.text().c_str(), "fine");
  assert_string_equal(verdict.complaint().c_str(), "broken");
  assert_int_equal(verdict.answered(), 2 * kSecond);
}

void the_last_few_answers_are_told(void**) {
  const CheckSettings check = check_of(2, 2);
  Verdict verdict;
  assert_true(verdict.heard().empty());
  const std::string_view marks = "+-++---+";
  for (size_t i = 0; i < marks.size(); ++i) {
    verdict.take(answer_of(marks[i]), check, i * kSecond, (i + 1) * kSecond);
  }
  std::string last;
  for (const Verdict::Heard& heard : verdict.heard()) last += heard.is_good ? '+' : '-';
  assert_string_equal(last.c_str(), "+---+");
  assert_int_equal(verdict.heard().front().when, 4 * kSecond);
  assert_string_equal(verdict.heard()[1].text.c_str(), "broken");
}

void another_check_decides_by_its_first_answer(void**) {
  const CheckSettings check = check_of(9, 9);
  Verdict verdict;
  verdict.take(answer_of('+'), check, 0, kSecond);
  verdict.begin_again();
  assert_int_equal(verdict.decided(), Health::up);
  assert_true(verdict.take(answer_of('-'), check, kSecond, 2 * kSecond));
  assert_int_equal(verdict.decided(), Health::down);
  assert_false(verdict.take(answer_of('+'), check, 2 * kSecond, 3 * kSecond));

  verdict.begin_again();
  assert_false(verdict.take(answer_of('-'), check, 3 * kSecond, 4 * kSecond));
  assert_int_equal(verdict.since(), 2 * kSecond);
}

// A second between answers; after each, what is held, and the good answers that it needs when down.
struct Flapper {
  CheckSettings check = check_of(2, 1);
  Verdict verdict;
  Microseconds now = kSecond;

  bool take(char kind) {
    now += kSecond;
    return verdict.take(answer_of(kind), check, now, now);
  }
  // Good answers until it is up.
  uint32_t rise() {
    uint32_t answers = 1;
    while (!take('+')) ++answers;
    return answers;
  }
};

void who_falls_often_is_not_up_by_another_check_at_once(void**) {
  Flapper flapper;
  flapper.take('+');
  flapper.take('-');
  assert_int_equal(flapper.rise(), 2);
  flapper.take('-');
  flapper.verdict.begin_again();
  assert_int_equal(flapper.rise(), 4);
  // Its first bad answer decides as ever.
  flapper.check = check_of(2, 9);
  flapper.verdict.begin_again();
  assert_true(flapper.take('-'));
  // Who has been calm is up at once again.
  flapper.now += Verdict::calm_time(flapper.check);
  assert_int_equal(flapper.rise(), 8);
  flapper.now += Verdict::calm_time(flapper.check);
  flapper.check = check_of(2, 1);
  flapper.take('-');
  flapper.verdict.begin_again();
  assert_int_equal(flapper.rise(), 1);
}

void who_changes_often_is_held_down_longer(void**) {
  Flapper test;
  test.take('+');
  assert_true(test.take('-'));
  assert_false(test.verdict.changes_often(test.check, test.now));
  for (const uint32_t needed : {2u, 4u, 8u, 16u, 32u, 32u, 32u}) {
    assert_int_equal(test.verdict.good_needed(test.check), needed);
    assert_int_equal(test.rise(), needed);
    assert_int_equal(test.verdict.recovered(), test.now);
    assert_true(test.take('-'));
    assert_int_equal(test.verdict.fell(), test.now);
    assert_true(test.verdict.changes_often(test.check, test.now));
  }
  // A bad answer on the way starts anew.
  for (int i = 0; i < 31; ++i) assert_false(test.take('+'));
  assert_false(test.take('-'));
  assert_int_equal(test.rise(), 32);
}

void a_calm_time_forgets_that(void**) {
  const struct {
    const char* description;
    Microseconds up_for;  // before it falls again
    uint32_t needed;
  } cases[] = {
      {"at once", kSecond, 4},
      {"just not calm", Verdict::kLeastCalm - 1, 4},
      {"calm", Verdict::kLeastCalm, 2},
  };
  for (const auto& row : cases) {
    Flapper test;
    for (const char kind : {'+', '-', '+', '+'}) test.take(kind);
    assert_int_equal(test.verdict.decided(), Health::up);
    test.now += row.up_for - kSecond;
    assert_true(test.take('-'));
    if (test.verdict.good_needed(test.check) != row.needed) print_error("%s\n", row.description);
    assert_int_equal(test.verdict.good_needed(test.check), row.needed);
  }
  Flapper test;
  for (const char kind : {'+', '-', '+', '+', '-', '+', '+', '+', '+'}) test.take(kind);
  assert_true(test.verdict.changes_often(test.check, test.now));
  assert_true(test.verdict.changes_often(test.check, test.now + Verdict::kLeastCalm - 1));
  assert_false(test.verdict.changes_often(test.check, test.now + Verdict::kLeastCalm));
  // Of a slow check, calm is longer.
  CheckSettings slow = check_of(3, 5);
  slow.interval = 30 * kSecond;
  assert_int_equal(Verdict::calm_time(slow), 4 * 8 * 30 * kSecond);
}

void who_was_down_from_the_beginning_did_not_fall(void**) {
  Flapper test;
  test.take('-');
  assert_int_equal(test.verdict.fell(), 0);
  test.rise();
  assert_int_equal(test.verdict.recovered(), test.now);
  assert_true(test.take('-'));
  assert_int_equal(test.verdict.good_needed(test.check), 4);

  Flapper other;
  other.take('+');
  assert_int_equal(other.verdict.recovered(), 0);
}

void an_excuse_forgets_all_falls(void**) {
  Flapper test;
  for (const char kind : {'+', '-', '+', '+', '-', '+', '+', '+', '+'}) test.take(kind);
  test.verdict.excuse();
  assert_int_equal(test.verdict.fell(), 0);
  assert_int_equal(test.verdict.recovered(), 0);
  assert_false(test.verdict.changes_often(test.check, test.now));
  test.take('-');
  assert_int_equal(test.verdict.good_needed(test.check), 2);
}

void what_an_agent_says_itself_counts_at_once(void**) {
  Flapper test;
  test.check = check_of(3, 3);
  ProbeAnswer down = answer_of('-');
  down.report = AgentReport{.state = AgentReport::State::down};
  ProbeAnswer up = answer_of('+');
  up.report = AgentReport{.state = AgentReport::State::up};
  ProbeAnswer neither = answer_of('+');
  neither.report = AgentReport{.weight = 5};
  const auto take = [&](const ProbeAnswer& answer) {
    test.now += kSecond;
    return test.verdict.take(answer, test.check, test.now, test.now);
  };
  assert_true(take(up) && take(down) && take(up) && take(down));
  assert_false(take(up));  // it has changed often
  assert_true(take(up));
  assert_true(take(down));
  for (int i = 0; i < 11; ++i) assert_false(take(neither));
  assert_true(take(neither));
}

void what_is_kept_goes_on(void**) {
  Flapper test;
  for (const char kind : {'+', '-', '+', '+', '-', '+'}) test.take(kind);
  Flapper restored{.check = test.check, .verdict = Verdict(test.verdict.kept()), .now = test.now};
  assert_true(restored.verdict.kept() == test.verdict.kept());
  assert_int_equal(restored.verdict.health(test.check, test.now), Health::unknown);
  assert_int_equal(test.verdict.health(test.check, test.now), Health::down);
  assert_int_equal(restored.verdict.decided(), Health::down);
  assert_int_equal(restored.rise(), 3);
  assert_int_equal(restored.verdict.health(test.check, restored.now), Health::up);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(answers_in_a_row_decide),
      cmocka_unit_test(before_the_first_answer_it_is_unknown),
      cmocka_unit_test(an_old_answer_is_unknown_again_and_holds),
      cmocka_unit_test(the_last_answer_is_told_and_the_last_complaint),
      cmocka_unit_test(the_last_few_answers_are_told),
      cmocka_unit_test(another_check_decides_by_its_first_answer),
      cmocka_unit_test(who_falls_often_is_not_up_by_another_check_at_once),
      cmocka_unit_test(who_changes_often_is_held_down_longer),
      cmocka_unit_test(a_calm_time_forgets_that),
      cmocka_unit_test(who_was_down_from_the_beginning_did_not_fall),
      cmocka_unit_test(an_excuse_forgets_all_falls),
      cmocka_unit_test(what_an_agent_says_itself_counts_at_once),
      cmocka_unit_test(what_is_kept_goes_on),
  };
  return cmocka_run_group_tests_name("health/verdict", tests, nullptr, nullptr);
}
