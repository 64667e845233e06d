#include "firmware/manage/alert_messages.h"

#include <boost/json/parse.hpp>
#include <cstdint>
#include <map>
#include <string>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

constexpr WallTime kBegan = 1'795'278'879'250'000;  // 2026-11-21T16:34:39.250Z
constexpr WallTime kSecond = 1'000'000;

Alerts::Entry firing() {
  return {.alert = {.kind = AlertKind::backend_down,
                    .labels = {{"backend", "web1"}, {"service", "shop"}},
                    .text = "shop/web1: does not answer"},
          .number = 7,
          .began = kBegan};
}

Alerts::Entry over() {
  Alerts::Entry entry = firing();
  entry.ended = kBegan + 60 * kSecond;
  return entry;
}

void test_webhooks_are_told_all_there_is_to_say(void**) {
  const Alerts::Entry entries[] = {firing(), over()};
  const json::value told =
      json::parse(webhook_message({&entries[0], &entries[1]}, "lb1", kBegan + kSecond));
  const json::value expected = json::parse(R"({
    "version": 1, "box": "lb1", "sent": "2026-11-21T16:34:40.250Z",
    "alerts": [
      {"id": "evenkeel_backend_down{backend=\"web1\",service=\"shop\"}",
       "name": "evenkeel_backend_down", "state": "firing", "severity": "warning",
       "labels": {"backend": "web1", "service": "shop"},
       "what": "shop/web1: does not answer", "since": "2026-11-21T16:34:39.250Z", "over": null},
      {"id": "evenkeel_backend_down{backend=\"web1\",service=\"shop\"}",
       "name": "evenkeel_backend_down", "state": "over", "severity": "warning",
       "labels": {"backend": "web1", "service": "shop"},
       "what": "shop/web1: does not answer", "since": "2026-11-21T16:34:39.250Z",
       "over": "2026-11-21T16:35:39.250Z"}]})");
  json::value told_without_words = told;
  for (json::value& alert : told_without_words.at("alerts").as_array()) {
    assert_false(alert.at("summary").as_string().empty());
    assert_false(alert.at("advice").as_string().empty());
    alert.as_object().erase("summary");
    alert.as_object().erase("advice");
  }
  assert_true(told_without_words == expected);
}

void test_alertmanager_is_told_when_it_ends(void**) {
  const Alerts::Entry entries[] = {firing(), over()};
  const json::value told =
      json::parse(alertmanager_message({&entries[0], &entries[1]}, "lb1", kBegan + 240 * kSecond));
  assert_int_equal(told.as_array().size(), 2);
  const json::value& first = told.at(0);
  assert_true(first.at("labels") == json::parse(R"({"alertname": "evenkeel_backend_down",
    "severity": "warning", "box": "lb1", "backend": "web1", "service": "shop"})"));
  assert_string_equal(first.at("annotations").at("description").as_string().c_str(),
                      "shop/web1: does not answer");
  assert_string_equal(first.at("startsAt").as_string().c_str(), "2026-11-21T16:34:39.250Z");
  assert_string_equal(first.at("endsAt").as_string().c_str(), "2026-11-21T16:38:39.250Z");
  assert_string_equal(told.at(1).at("endsAt").as_string().c_str(), "2026-11-21T16:35:39.250Z");
  assert_true(told.at(1).at("labels") == first.at("labels"));
}

void test_bytes_of_others_become_characters(void**) {
  Alerts::Entry entry = firing();
  entry.alert.text = "it said \xff\"\n";
  const json::value told = json::parse(webhook_message({&entry}, "lb1", kBegan));
  assert_string_equal(told.at("alerts").at(0).at("what").as_string().c_str(), "it said ?\"\n");
}

// As the journal reads it: a name, a line's end, eight bytes of length, the value, a line's end.
std::map<std::string, std::string> fields_of(std::string_view message) {
  std::map<std::string, std::string> fields;
  while (!message.empty()) {
    const size_t end = message.find('\n');
    assert_true(end != std::string_view::npos && end + 9 < message.size());
    const std::string name(message.substr(0, end));
    uint64_t size = 0;
    for (size_t i = 0; i < 8; ++i) {
      size |= uint64_t{static_cast<unsigned char>(message[end + 1 + i])} << (8 * i);
    }
    message.remove_prefix(end + 9);
    assert_true(size < message.size() && message[size] == '\n');
    fields[name] = message.substr(0, size);
    message.remove_prefix(size + 1);
  }
  return fields;
}

void test_the_journal_has_fields(void**) {
  Alerts::Entry entry = firing();
  entry.alert.text = "two\nlines";
  auto fields = fields_of(journal_message(entry));
  assert_string_equal(fields["MESSAGE"].c_str(),
                      "evenkeel_backend_down{backend=\"web1\",service=\"shop\"}: two\nlines");
  assert_string_equal(fields["PRIORITY"].c_str(), "4");
  assert_string_equal(fields["SYSLOG_IDENTIFIER"].c_str(), "keeld");
  assert_string_equal(fields["EVENKEEL_ALERT"].c_str(), "evenkeel_backend_down");
  assert_string_equal(fields["EVENKEEL_STATE"].c_str(), "firing");
  assert_string_equal(fields["EVENKEEL_SEVERITY"].c_str(), "warning");
  assert_string_equal(fields["EVENKEEL_BACKEND"].c_str(), "web1");
  assert_string_equal(fields["EVENKEEL_SERVICE"].c_str(), "shop");
  assert_int_equal(fields["MESSAGE_ID"].size(), 32);

  auto after = fields_of(journal_message(over()));
  assert_string_equal(after["PRIORITY"].c_str(), "5");
  assert_string_equal(after["EVENKEEL_STATE"].c_str(), "over");
  assert_string_not_equal(after["MESSAGE_ID"].c_str(), fields["MESSAGE_ID"].c_str());

  entry.alert.kind = AlertKind::link_down;
  assert_string_equal(fields_of(journal_message(entry))["PRIORITY"].c_str(), "2");
}

void test_a_line_says_whether_it_is_over(void**) {
  assert_string_equal(line_of(firing()).c_str(),
                      "evenkeel_backend_down{backend=\"web1\",service=\"shop\"}: shop/web1: does "
                      "not answer");
  assert_string_equal(line_of(over()).c_str(),
                      "evenkeel_backend_down{backend=\"web1\",service=\"shop\"} is over: "
                      "shop/web1: does not answer");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_webhooks_are_told_all_there_is_to_say),
      cmocka_unit_test(test_alertmanager_is_told_when_it_ends),
      cmocka_unit_test(test_bytes_of_others_become_characters),
      cmocka_unit_test(test_the_journal_has_fields),
      cmocka_unit_test(test_a_line_says_whether_it_is_over),
  };
  return cmocka_run_group_tests_name("manage/alert_messages", tests, nullptr, nullptr);
}
