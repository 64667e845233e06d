#include "firmware/appliance/query_watch.h"

#include <string>
#include <vector>

#include "tests/change/small_transaction.h"
#include "tests/manage/hook.h"
#include "tests/manage/remote_client.h"

namespace evenkeel {
namespace {

std::string answer_of(const std::string& value) {
  const std::string body =
      R"({"status":"success","data":{"resultType":"scalar","result":[1,")" + value + "\"]}}";
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Settings whose only service has a query, asked of that port; `at_most` of it.
std::string text_with_query(uint16_t port, const std::string& at_most, unsigned mss = 1'400) {
  std::string text =
      text_of({.mss = mss,
               .more = "prometheus = { url = \"http://127.0.0.1:" + std::to_string(port) +
                       "\"; interval = \"1s\"; };\n"});
  text.insert(text.find("    mss = "),
              "    queries = ( { name = \"errors\"; query = \"e\"; at_most = " + at_most +
                  "; for = \"2s\"; } );\n");
  return text;
}

struct Room {
  explicit Room(const std::string& value) { hook.answer(answer_of(value)); }

  // So much time passes; each question is answered before the next one.
  void pass(Microseconds time) {
    for (const Microseconds end = machine.now + time; machine.now < end;) {
      machine.tick(kSecond / 10);
      look();
      context.restart();
      while (context.run_one_for(std::chrono::milliseconds(10)) != 0) {
      }
      look();
    }
  }
  void look() {
    if (const std::optional<std::string> why = watch.tick(*machine.transaction, machine.now)) {
      machine.transaction->take_back(*why, machine.now, machine.wall);
    }
  }
  std::string outcome() const { return machine.transaction->ended()->outcome; }
  bool is_live() const { return machine.transaction->change().has_value(); }

  boost::asio::io_context context;
  Hook hook{context};
  std::vector<std::string> told;
  Machine machine{text_with_query(hook.port(), "0.02")};
  QueryWatch watch{context,
                   [this](const Change&, const std::string& what) { told.push_back(what); }};
};

void test_a_harmful_change_goes_back(void**) {
  Room room("0.01");
  room.pass(kSecond);
  assert_string_equal(name_of(room.watch.judge().states()[0].verdict()), "inside");
  commit(room.machine, text_with_query(room.hook.port(), "0.02", 1'300));
  room.pass(kSecond);
  assert_int_equal(room.told.size(), 1);
  assert_string_equal(room.told[0].c_str(), "judged by 1 of 1 queries");
  room.hook.answer(answer_of("0.31"));
  room.pass(5 * kSecond);
  assert_false(room.is_live());
  assert_string_equal(room.outcome().c_str(),
                      "rolled back by itself: service shop: its query errors is 0.31, where "
                      "at_most is 0.02, for 2s now; it was inside before");
  const std::vector<Alert> alerts = room.watch.alerts();
  assert_int_equal(alerts.size(), 1);
  assert_string_equal(id_of(alerts[0]).c_str(),
                      R"(evenkeel_query_outside{query="errors",service="shop"})");
  room.hook.answer(answer_of("0"));
  room.pass(2 * kSecond);
  assert_true(room.watch.alerts().empty());
}

// What would let it through does not count before it is confirmed.
void test_a_change_is_judged_by_the_bounds_before_it(void**) {
  Room room("0.01");
  room.pass(kSecond);
  commit(room.machine, text_with_query(room.hook.port(), "0.9", 1'300));
  room.hook.answer(answer_of("0.31"));
  room.pass(5 * kSecond);
  assert_false(room.is_live());
}

void test_what_was_bad_before_takes_nothing_back(void**) {
  Room room("0.31");
  room.pass(4 * kSecond);
  assert_int_equal(room.watch.alerts().size(), 1);
  const uint64_t id = commit(room.machine, text_with_query(room.hook.port(), "0.02", 1'300));
  room.pass(20 * kSecond);
  assert_true(room.is_live());
  assert_string_equal(room.told.at(0).c_str(),
                      "judged by 0 of 1 queries; not by shop/errors, which is 0.31, where at_most "
                      "is 0.02");
  assert_true(is_good(room.machine.transaction->confirm(room.machine.caller("anna"), id)));
  room.pass(kSecond);
  assert_false(room.watch.judge().is_judging());
}

void test_silence_takes_nothing_back(void**) {
  Room room("0.01");
  room.pass(kSecond);
  commit(room.machine, text_with_query(room.hook.port(), "0.02", 1'300));
  room.hook.answer("garbage");
  room.pass(20 * kSecond);
  assert_true(room.is_live());
  const std::vector<Alert> alerts = room.watch.alerts();
  assert_int_equal(alerts.size(), 1);
  const std::string at = "127.0.0.1:" + std::to_string(room.hook.port());
  assert_string_equal(id_of(alerts[0]).c_str(),
                      ("evenkeel_prometheus_failed{prometheus=\"" + at + "\"}").c_str());
  assert_true(alerts[0].text.starts_with("the Prometheus at " + at +
                                         " does not answer 1 of 1 queries: it does not answer"));
}

void test_a_refused_query_is_named(void**) {
  Room room("0.01");
  const std::string body = R"({"status":"error","errorType":"bad_data","error":"what?"})";
  room.hook.answer("HTTP/1.1 400 Bad Request\r\nContent-Length: " + std::to_string(body.size()) +
                   "\r\n\r\n" + body);
  room.pass(kSecond);
  const std::vector<Alert> alerts = room.watch.alerts();
  assert_int_equal(alerts.size(), 1);
  assert_true(alerts[0].kind == AlertKind::query_failed);
  assert_string_equal(alerts[0].text.c_str(),
                      "service shop: its query errors has no answer: it says \"bad_data\": "
                      "\"what?\"");
}

// As the trial is: its owner means it to be so.
void test_a_waived_trial_is_not_judged(void**) {
  Room room("0.01");
  room.pass(kSecond);
  Transaction& transaction = *room.machine.transaction;
  const Caller anna = room.machine.caller("anna");
  assert_true(is_good(transaction.open(anna, transaction.confirmed().generation,
                                       text_with_query(room.hook.port(), "0.02", 1'300))));
  assert_true(is_good(transaction.commit(
      anna, {.window = {}, .why = "slower", .waivers = {{.rule = "trial", .reason = "meant"}}})));
  room.hook.answer(answer_of("0.31"));
  room.pass(10 * kSecond);
  assert_true(room.is_live() && room.told.empty());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_a_harmful_change_goes_back),
      cmocka_unit_test(test_a_change_is_judged_by_the_bounds_before_it),
      cmocka_unit_test(test_what_was_bad_before_takes_nothing_back),
      cmocka_unit_test(test_silence_takes_nothing_back),
      cmocka_unit_test(test_a_refused_query_is_named),
      cmocka_unit_test(test_a_waived_trial_is_not_judged),
  };
  return cmocka_run_group_tests_name("appliance/query_watch", tests, nullptr, nullptr);
}
