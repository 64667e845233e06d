#include "firmware/manage/prometheus.h"

#include <map>
#include <string>
#include <vector>

#include "tests/cmocka.h"
#include "tests/manage/hook.h"
#include "tests/manage/remote_client.h"
#include "tests/manage/secret_file.h"

namespace evenkeel {
namespace {

namespace asio = boost::asio;

constexpr Microseconds kSecond = kMicrosecondsPerTick;

std::string http(const std::string& body, const std::string& status = "200 OK") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}
std::string scalar(const std::string& value) {
  return http(R"({"status":"success","data":{"resultType":"scalar","result":[1,")" + value +
              "\"]}}");
}

Settings settings_of(const std::string& url, size_t queries) {
  Settings settings;
  settings.prometheus = {.url = url, .interval = kSecond};
  settings.services.emplace_back().name = "shop";
  for (size_t i = 0; i < queries; ++i) {
    settings.services[0].queries.push_back(
        {.name = "q" + std::to_string(i), .query = "sum(rate(e[1m])) + 1 & 2", .at_most = 1});
  }
  return settings;
}

struct Room {
  asio::io_context context;
  Prometheus prometheus{context};
  Microseconds now = 1'000 * kSecond;
  std::vector<Prometheus::Answered> answered;

  // So much of the box's time passes, and what is under way comes to its end.
  void pass(Microseconds time) {
    for (const Microseconds end = now + time; now < end; now += 20'000) {
      for (Prometheus::Answered& one : prometheus.tick(now)) answered.push_back(std::move(one));
      context.restart();
      context.poll();
    }
  }
  bool wait_for(size_t count) {
    return comes_true(context, [&] {
      for (Prometheus::Answered& one : prometheus.tick(now)) answered.push_back(std::move(one));
      return answered.size() >= count;
    });
  }
};

void test_asks_by_post_on_its_interval(void**) {
  Room room;
  Hook hook(room.context);
  hook.answer(scalar("0.5"));
  room.prometheus.follow(settings_of(hook.url("/p/"), 1));
  assert_true(room.wait_for(1));
  const Hook::Heard& heard = hook.heard().at(0);
  assert_string_equal(heard.target.c_str(), "/p/api/v1/query");
  assert_string_equal(heard.type.c_str(), "application/x-www-form-urlencoded");
  assert_string_equal(heard.body.c_str(),
                      "query=sum%28rate%28e%5B1m%5D%29%29%20%2B%201%20%26%202&timeout=5s");
  const Prometheus::Answered& answered = room.answered[0];
  assert_string_equal(answered.service.c_str(), "shop");
  assert_string_equal(answered.name.c_str(), "q0");
  assert_int_equal(static_cast<int>(answered.answer.kind),
                   static_cast<int>(QueryAnswer::Kind::numbers));
  assert_true(answered.answer.most == 0.5);
  room.pass(kSecond / 2);
  assert_int_equal(hook.heard().size(), 1);
  room.pass(kSecond / 2 + 40'000);
  assert_true(room.wait_for(2));
  assert_int_equal(hook.heard().size(), 2);
}

// Of several entries, the one that is for queries; and what it says of wrong ones is told.
void test_asks_with_its_credentials(void**) {
  Room room;
  const Folder folder;
  Hook hook(room.context);
  hook.answer("HTTP/1.1 401 Unauthorized\r\nContent-Length: 13\r\n\r\nUnauthorized\n");
  Settings settings = settings_of(hook.url("/p"), 1);
  settings.credentials = {
      {.name = "other", .url = "http://other", .authorization_file = "/none", .ca_file = {}},
      {.name = "prometheus",
       .url = hook.url(),
       .authorization_file = write_secret(folder, "token", "Basic abc"),
       .ca_file = {}}};
  room.prometheus.follow(settings);
  assert_true(room.wait_for(1));
  assert_string_equal(hook.heard().at(0).authorization.c_str(), "Basic abc");
  assert_string_equal(room.answered[0].answer.why.c_str(), "it answers 401 \"Unauthorized\"");
  assert_true(room.prometheus.troubles().empty());

  settings.credentials[1].authorization_file = "/none";
  room.prometheus.follow(settings);
  room.answered.clear();
  assert_true(room.wait_for(1));
  assert_string_equal(room.answered[0].answer.why.c_str(),
                      "the authorization file /none cannot be opened: No such file or directory");
  assert_int_equal(hook.heard().size(), 1);
  assert_int_equal(room.prometheus.troubles().size(), 1);
}

void test_however_it_behaves_it_is_told(void**) {
  struct {
    const char* description;
    std::string reply;
    QueryAnswer::Kind kind;
    const char* why;
  } const rows[] = {
      {"nonsense", "\x01\x02 what?\r\n\r\n", QueryAnswer::Kind::none, "it does not answer: "},
      {"a page", http("<html>"), QueryAnswer::Kind::none, "what it answers is not what"},
      {"endless", http(std::string(kMaxQueryAnswer + 1, ' ')), QueryAnswer::Kind::none,
       "it answers more than 262144 bytes"},
      {"endless, in chunks",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n" +
           std::string(kMaxQueryAnswer + 70'000, ' '),
       QueryAnswer::Kind::none, "it answers more than 262144 bytes"},
      {"an endless header", "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x'),
       QueryAnswer::Kind::none, "it does not answer: "},
      {"a bad query",
       http(R"({"status":"error","errorType":"bad_data","error":"what?"})", "400 Bad Request"),
       QueryAnswer::Kind::refused, "it says \"bad_data\": \"what?\""},
  };
  for (const auto& row : rows) {
    Room room;
    Hook hook(room.context);
    hook.answer(row.reply);
    room.prometheus.follow(settings_of(hook.url(), 1));
    assert_true(room.wait_for(1));
    const QueryAnswer& answer = room.answered[0].answer;
    if (!answer.why.starts_with(row.why)) {
      print_error("%s: %s\n", row.description, answer.why.c_str());
    }
    assert_true(answer.why.starts_with(row.why));
    assert_int_equal(static_cast<int>(answer.kind), static_cast<int>(row.kind));
  }
}

// One that only listens has one question of each query, and no more than so many in all.
void test_the_silent_one_is_not_flooded(void**) {
  Room room;
  TestServer silent(room.context, "127.0.0.1", {.is_silent = true});
  constexpr size_t kQueries = kMaxQueriesUnderWay + 4;
  room.prometheus.follow(
      settings_of("http://127.0.0.1:" + std::to_string(silent.port()), kQueries));
  room.pass(20 * kSecond);
  assert_true(comes_true(room.context, [&] { return silent.accepted() == kMaxQueriesUnderWay; }));
  assert_true(room.wait_for(kMaxQueriesUnderWay));
  room.now += kSecond;
  assert_true(room.wait_for(2 * kMaxQueriesUnderWay));
  std::map<std::string, size_t> times;
  for (const Prometheus::Answered& one : room.answered) {
    assert_true(one.answer.why.starts_with("it does not answer"));
    ++times[one.name];
  }
  assert_int_equal(times.size(), kQueries);  // who waited came first
}

void test_who_is_away_and_nobody(void**) {
  Room room;
  room.prometheus.follow(settings_of("http://127.0.0.1:" + std::to_string(free_port()), 1));
  assert_true(room.wait_for(1));
  assert_true(room.answered[0].answer.why.starts_with("it cannot be reached"));
  room.prometheus.follow(settings_of("", 1));
  room.pass(5 * kSecond);
  assert_int_equal(room.answered.size(), 1);
  assert_true(room.prometheus.name().empty());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_asks_by_post_on_its_interval),
      cmocka_unit_test(test_asks_with_its_credentials),
      cmocka_unit_test(test_however_it_behaves_it_is_told),
      cmocka_unit_test(test_the_silent_one_is_not_flooded),
      cmocka_unit_test(test_who_is_away_and_nobody),
  };
  return cmocka_run_group_tests_name("manage/prometheus", tests, nullptr, nullptr);
}
