#include "firmware/change/query_judge.h"

#include <cmath>
#include <string>
#include <vector>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr Microseconds kSecond = kMicrosecondsPerTick;

QuerySettings errors() { return {.name = "errors", .query = "errors", .at_most = 0.02}; }

Settings settings_of(std::vector<QuerySettings> queries) {
  Settings settings;
  settings.services.emplace_back().name = "shop";
  settings.services[0].queries = std::move(queries);
  return settings;
}

QueryAnswer numbers(double least, double most) {
  return {.kind = QueryAnswer::Kind::numbers, .least = least, .most = most, .why = {}};
}
QueryAnswer number(double value) { return numbers(value, value); }
QueryAnswer no_data() { return {.kind = QueryAnswer::Kind::no_data, .why = {}}; }
QueryAnswer none() { return {.kind = QueryAnswer::Kind::none, .why = "it is away"}; }

struct Bounds {
  const char* description;
  std::optional<double> at_least;
  std::optional<double> at_most;
  QueryAnswer answer;
  QueryVerdict verdict;
  const char* text;
};

void test_bounds(void**) {
  const Bounds rows[] = {
      {"at the upper bound",
       {},
       0.02,
       number(0.02),
       QueryVerdict::inside,
       "is 0.02, inside its bounds"},
      {"above", {}, 0.02, number(0.021), QueryVerdict::outside, "is 0.021, where at_most is 0.02"},
      {"at the lower bound", 3, {}, number(3), QueryVerdict::inside, "is 3, inside its bounds"},
      {"below", 3, {}, number(2.5), QueryVerdict::outside, "is 2.5, where at_least is 3"},
      {"of several, one above",
       {},
       5,
       numbers(1, 6),
       QueryVerdict::outside,
       "is 6, where at_most is 5"},
      {"of several, one below", 2, 5, numbers(1, 4), QueryVerdict::outside,
       "is 1, where at_least is 2"},
      {"both, nearer to the lower", 0, 10, numbers(1, 4), QueryVerdict::inside,
       "is 1, inside its bounds"},
      {"both, nearer to the upper", 0, 10, numbers(5, 9), QueryVerdict::inside,
       "is 9, inside its bounds"},
      {"endless",
       {},
       1e300,
       number(INFINITY),
       QueryVerdict::outside,
       "is inf, where at_most is 1e+300"},
      {"no data", {}, 1, no_data(), QueryVerdict::unknown, "has no data"},
      {"no answer", {}, 1, none(), QueryVerdict::unknown, "has no answer: it is away"},
      {"refused",
       {},
       1,
       {.kind = QueryAnswer::Kind::refused, .why = "what?"},
       QueryVerdict::unknown,
       "has no answer: what?"},
  };
  for (const Bounds& row : rows) {
    QueryState state;
    state.settings.at_least = row.at_least;
    state.settings.at_most = row.at_most;
    state.answer = row.answer;
    if (state.text() != row.text) print_error("%s: %s\n", row.description, state.text().c_str());
    assert_string_equal(state.text().c_str(), row.text);
    assert_int_equal(static_cast<int>(state.verdict()), static_cast<int>(row.verdict));
  }
}

// A change goes live at 10 s, after `before`; then an answer comes each second. When it goes back.
struct Story {
  const char* description;
  std::vector<QueryAnswer> before;
  std::vector<QueryAnswer> then;
  int back;  // after so many answers; -1: never
};

int seconds_to_objection(const Story& story, const QuerySettings& query) {
  QueryJudge judge;
  judge.follow(settings_of({query}), 5 * kSecond);
  Microseconds now = 10 * kSecond - story.before.size() * kSecond;
  for (const QueryAnswer& answer : story.before) {
    judge.observe("shop", "errors", answer, now);
    judge.tick(now);
    assert_false(judge.objection().has_value());
    now += kSecond;
  }
  judge.begin();
  for (size_t i = 0; i < story.then.size(); ++i, now += kSecond) {
    judge.observe("shop", "errors", story.then[i], now);
    judge.tick(now);
    if (judge.objection().has_value()) return static_cast<int>(i);
  }
  return -1;
}

void test_stories(void**) {
  const QueryAnswer good = number(0.01);
  const QueryAnswer bad = number(0.5);
  const Story stories[] = {
      {"inside throughout", {good}, {good, good, good, good, good, good}, -1},
      {"outside for three seconds", {good}, {good, bad, bad, bad, bad}, 4},
      {"outside for two", {good}, {bad, bad, bad, good, good, bad, bad, bad, good}, -1},
      {"then again, for three", {good}, {bad, good, bad, bad, bad, bad}, 5},
      {"outside before", {bad}, {bad, bad, bad, bad, bad, bad}, -1},
      {"outside before, inside, outside", {bad}, {good, bad, bad, bad, bad, bad}, -1},
      {"inside before, but not when it began", {good, bad}, {bad, bad, bad, bad, bad}, -1},
      {"nothing known before", {}, {bad, bad, bad, bad, bad}, -1},
      {"no data before", {no_data()}, {bad, bad, bad, bad, bad}, -1},
      {"no answer before", {good, none()}, {bad, bad, bad, bad, bad}, -1},
      {"silence is nothing bad", {good}, {none(), none(), none(), none(), none()}, -1},
      {"nor is no data", {good}, {no_data(), no_data(), no_data(), no_data(), no_data()}, -1},
      {"silence breaks off what is bad", {good}, {bad, bad, none(), bad, bad, bad}, -1},
      {"and lets it begin anew", {good}, {bad, bad, no_data(), bad, bad, bad, bad}, 6},
      {"silence does not end judging", {good}, {none(), none(), bad, bad, bad, bad}, 5},
  };
  for (const Story& story : stories) {
    const int back = seconds_to_objection(story, errors());
    if (back != story.back) print_error("%s: %d\n", story.description, back);
    assert_int_equal(back, story.back);
  }
  QuerySettings at_once = errors();
  at_once.lasting = 0;
  assert_int_equal(seconds_to_objection({"", {good}, {good, bad}, 0}, at_once), 1);
}

void test_says_which_and_why(void**) {
  QueryJudge judge;
  judge.follow(settings_of({{.name = "free", .query = "free", .at_least = 3}, errors()}), kSecond);
  judge.observe("shop", "errors", number(0.01), 0);
  judge.observe("shop", "free", number(2), 0);
  judge.begin();
  assert_true(judge.is_judging());
  assert_true(judge.states()[1].judges && !judge.states()[0].judges);
  judge.observe("shop", "errors", number(0.31), kSecond);
  judge.observe("shop", "errors", number(0.32), 4 * kSecond);
  assert_string_equal(judge.objection().value_or("").c_str(),
                      "service shop: its query errors is 0.32, where at_most is 0.02, for 3s now; "
                      "it was inside before");
  judge.end();
  assert_false(judge.is_judging() || judge.objection().has_value());
  assert_false(judge.states()[1].judges);
  assert_true(judge.states()[1].is_lasting());
}

void test_old_answers_are_none(void**) {
  QueryJudge judge;
  judge.follow(settings_of({errors()}), 5 * kSecond);
  judge.observe("shop", "errors", number(0.5), kSecond);
  judge.tick(6 * kSecond);
  assert_int_equal(static_cast<int>(judge.states()[0].verdict()),
                   static_cast<int>(QueryVerdict::outside));
  judge.tick(6 * kSecond + 1);
  assert_string_equal(judge.states()[0].text().c_str(),
                      "has no answer: the last one is more than 5 s old");
  judge.begin();
  assert_false(judge.states()[0].judges);
}

void test_what_stays_stays_known(void**) {
  QueryJudge judge;
  judge.follow(settings_of({errors(), {.name = "free", .query = "free", .at_least = 3}}), kSecond);
  judge.observe("shop", "errors", number(0.5), kSecond);
  judge.observe("shop", "free", number(5), kSecond);
  judge.observe("shop", "nobody", number(5), kSecond);
  judge.observe("nobody", "free", number(5), kSecond);
  QuerySettings other = errors();
  other.at_most = 0.9;
  judge.follow(settings_of({{.name = "free", .query = "free", .at_least = 3}, other}), kSecond);
  assert_int_equal(judge.states().size(), 2);
  assert_string_equal(name_of(judge.states()[0].verdict()), "inside");
  assert_string_equal(judge.states()[0].name().c_str(), "shop/free");
  assert_string_equal(name_of(judge.states()[1].verdict()), "unknown");
  judge.observe("shop", "errors", number(1), kSecond);
  assert_string_equal(name_of(judge.states()[1].verdict()), "outside");
  judge.follow({}, kSecond);
  assert_true(judge.states().empty());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_bounds),
      cmocka_unit_test(test_stories),
      cmocka_unit_test(test_says_which_and_why),
      cmocka_unit_test(test_old_answers_are_none),
      cmocka_unit_test(test_what_stays_stays_known),
  };
  return cmocka_run_group_tests_name("change/query_judge", tests, nullptr, nullptr);
}
