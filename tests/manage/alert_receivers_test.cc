#include "firmware/manage/alert_receivers.h"

#include <boost/json/parse.hpp>
#include <memory>
#include <string>

#include "tests/cmocka.h"
#include "tests/manage/hook.h"
#include "tests/manage/secret_file.h"

namespace evenkeel {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr WallTime kWall = 1'800'000'000'000'000;
constexpr const char* kBad = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
constexpr const char* kGood = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

Alert down(const std::string& backend) {
  return {.kind = AlertKind::backend_down, .labels = {{"backend", backend}}, .text = "silent"};
}

struct Room {
  asio::io_context context;
  Alerts alerts;
  AlertReceivers receivers{context, alerts};
  Microseconds now = 1'000'000'000;
  std::vector<Alert> active;

  // So much of the box's time passes, in looks of 200 ms, and what is under way comes to its end.
  void pass(Microseconds time) {
    const Microseconds end = now + time;
    for (; now < end; now += 200'000) {
      alerts.set(active, now, kWall + now);
      receivers.tick(now, kWall + now);
      settle();
    }
  }
  // A POST on loopback that is answered at once needs few turns; a look that begins none, none.
  void settle() {
    context.restart();
    if (context.poll() == 0) return;
    while (context.run_one_for(std::chrono::milliseconds(30)) != 0) {
    }
  }
  void follow(std::vector<std::string> webhooks, std::vector<std::string> alertmanagers,
              Microseconds repeat = 60'000'000,
              const std::vector<CredentialSettings>& credentials = {}) {
    receivers.follow({.webhooks = std::move(webhooks),
                      .alertmanagers = std::move(alertmanagers),
                      .repeat = repeat},
                     "lb1", credentials);
  }
};

json::array alerts_of(const Hook::Heard& heard) {
  const json::value told = json::parse(heard.body);
  return told.is_array() ? told.as_array() : told.at("alerts").as_array();
}

void test_a_webhook_is_told_of_each_change_once(void**) {
  Room room;
  Hook hook(room.context);
  room.follow({hook.url("/box")}, {});
  room.pass(10'000'000);
  assert_true(hook.heard().empty());

  room.active = {down("web1"), down("web2")};
  room.pass(200'000'000);
  assert_int_equal(hook.heard().size(), 1);
  assert_string_equal(hook.heard()[0].target.c_str(), "/box");
  assert_int_equal(alerts_of(hook.heard()[0]).size(), 2);

  room.active = {down("web2")};
  room.pass(10'000'000);
  assert_int_equal(hook.heard().size(), 2);
  const json::array over = alerts_of(hook.heard()[1]);
  assert_int_equal(over.size(), 1);
  assert_string_equal(over[0].at("state").as_string().c_str(), "over");
  assert_string_equal(over[0].at("labels").at("backend").as_string().c_str(), "web1");
}

void test_alertmanager_is_told_again_and_again(void**) {
  Room room;
  Hook hook(room.context);
  room.follow({}, {hook.url("/am/")}, 5'000'000);
  room.active = {down("web1")};
  room.pass(21'000'000);
  assert_in_range(hook.heard().size(), 4, 6);
  for (const Hook::Heard& heard : hook.heard()) {
    assert_string_equal(heard.target.c_str(), "/am/api/v2/alerts");
    assert_int_equal(alerts_of(heard).size(), 1);
  }
  const size_t before = hook.heard().size();
  room.active = {down("web1"), down("web2")};
  room.pass(400'000);
  assert_int_equal(hook.heard().size(), before + 1);

  room.active.clear();
  room.pass(10'000'000);
  const size_t after = hook.heard().size();
  room.pass(60'000'000);
  assert_int_equal(hook.heard().size(), after);
}

// A receiver that takes one after the other ends with what is so.
void test_what_begins_again_is_told_last(void**) {
  Room room;
  Hook hook(room.context);
  hook.answer(kBad);
  room.follow({hook.url()}, {});
  room.active = {down("web1")};
  room.pass(1'000'000);
  room.active.clear();
  room.pass(10'000'000);
  room.active = {down("web1")};
  room.pass(1'000'000);
  hook.answer(kGood);
  room.pass(40'000'000);
  const json::array told = alerts_of(hook.heard().back());
  assert_int_equal(told.size(), 2);
  assert_string_equal(told[0].at("state").as_string().c_str(), "over");
  assert_string_equal(told[1].at("state").as_string().c_str(), "firing");
}

// What happened meanwhile is told at last, and what was over before it was told is told as over.
void test_who_was_away_hears_of_it_later(void**) {
  Room room;
  Hook hook(room.context);
  hook.answer(kBad);
  room.follow({hook.url()}, {});
  room.active = {down("web1"), down("web2")};
  room.pass(10'000'000);
  room.active = {down("web2")};
  room.pass(100'000'000);
  assert_int_equal(room.receivers.troubles().size(), 1);
  const Alert trouble = room.receivers.troubles()[0];
  assert_true(trouble.kind == AlertKind::receiver_failed);
  assert_true(trouble.text.ends_with("it answers 503 Busy"));
  // Longer and longer, up to half a minute.
  assert_in_range(hook.heard().size(), 5, 10);
  assert_int_equal(room.receivers.counts()[0].sent, 0);
  assert_int_equal(room.receivers.counts()[0].failed, hook.heard().size());

  hook.answer(kGood);
  room.pass(40'000'000);
  assert_true(room.receivers.troubles().empty());
  const json::array told = alerts_of(hook.heard().back());
  assert_int_equal(told.size(), 2);
  const size_t count = hook.heard().size();
  room.pass(100'000'000);
  assert_int_equal(hook.heard().size(), count);
  assert_int_equal(room.receivers.counts()[0].sent, 1);

  room.active.clear();  // and the next failure waits for a second again
  hook.answer(kBad);
  room.pass(8'000'000);
  assert_in_range(hook.heard().size(), count + 2, count + 4);
}

// Whoever was told that it began, however many end together.
void test_all_ends_are_told(void**) {
  Room room;
  Hook hook(room.context);
  room.follow({hook.url()}, {});
  for (size_t i = 0; i < kMaxAlerts + 5; ++i) room.active.push_back(down(std::to_string(i)));
  room.pass(1'000'000);
  assert_int_equal(hook.heard().size(), 1);
  assert_int_equal(alerts_of(hook.heard()[0]).size(), kMaxAlerts + 1);  // one says of too many
  hook.answer(kBad);                                                    // for a while
  room.active.clear();
  room.pass(10'000'000);
  hook.answer(kGood);
  room.pass(40'000'000);
  const json::array over = alerts_of(hook.heard().back());
  assert_int_equal(over.size(), kMaxAlerts + 1);
  for (const json::value& each : over) {
    assert_string_equal(each.at("state").as_string().c_str(), "over");
  }
}

// One that never answers holds up none of the others.
void test_receivers_do_not_wait_for_each_other(void**) {
  Room room;
  TestServer silent(room.context, "127.0.0.1", {.is_silent = true});
  Hook hook(room.context);
  room.follow({"http://127.0.0.1:" + std::to_string(silent.port()), hook.url()}, {});
  room.active = {down("web1")};
  room.pass(1'000'000);
  assert_int_equal(hook.heard().size(), 1);
  for (int i = 0; i < 5; ++i) {
    room.active.push_back(down("web" + std::to_string(10 + i)));
    room.pass(2'000'000);
  }
  assert_int_equal(hook.heard().size(), 6);
  assert_int_equal(silent.accepted(), 1);
}

void test_settings_change_who_is_told(void**) {
  Room room;
  Hook one(room.context);
  Hook other(room.context);
  room.active = {down("web1")};
  room.pass(1'000'000);
  room.active = {down("web2")};
  room.pass(10'000'000);
  room.follow({one.url(), one.url()}, {});
  room.pass(1'000'000);
  // Of what fires, once; what was over before it came is no news.
  assert_int_equal(one.heard().size(), 1);
  assert_int_equal(alerts_of(one.heard()[0]).size(), 1);

  room.follow({one.url(), other.url()}, {});
  room.pass(5'000'000);
  assert_int_equal(one.heard().size(), 1);
  assert_int_equal(other.heard().size(), 1);
  room.follow({}, {});
  room.active = {down("web3")};
  room.pass(10'000'000);
  assert_int_equal(one.heard().size() + other.heard().size(), 2);
  assert_true(room.receivers.counts().empty());
}

// Two at one host and port are one row: metrics have no place for two.
void test_counts_by_host_and_port(void**) {
  Room room;
  Hook hook(room.context);
  room.follow({hook.url("/a"), hook.url("/b")}, {hook.url()});
  room.active = {down("web1")};
  room.pass(2'000'000);
  const auto counts = room.receivers.counts();
  assert_int_equal(counts.size(), 2);
  assert_string_equal(counts[0].kind.c_str(), "webhook");
  assert_string_equal(counts[0].receiver.c_str(),
                      ("127.0.0.1:" + std::to_string(hook.port())).c_str());
  assert_int_equal(counts[0].sent, 2);
  assert_string_equal(counts[1].kind.c_str(), "alertmanager");
  assert_int_equal(counts[1].sent, 1);
}

// Of either kind; and what is wrong with them is told.
void test_receivers_are_told_with_their_credentials(void**) {
  Room room;
  const Folder folder;
  const std::string file = write_secret(folder, "token", "Bearer abc");
  Hook webhook(room.context);
  Hook alertmanager(room.context);
  Hook stranger(room.context);
  const auto entry = [&](const std::string& name, const std::string& url) {
    return CredentialSettings{.name = name, .url = url, .authorization_file = file, .ca_file = {}};
  };
  room.active = {down("web1")};
  room.follow({webhook.url("/box"), stranger.url("/")}, {alertmanager.url("/am")}, 60'000'000,
              {entry("hook", webhook.url()), entry("am", alertmanager.url("/am/api"))});
  assert_true(comes_true(room.context, [&] {
    room.pass(200'000);
    return !webhook.heard().empty() && !alertmanager.heard().empty() && !stranger.heard().empty();
  }));
  assert_string_equal(webhook.heard()[0].authorization.c_str(), "Bearer abc");
  assert_string_equal(alertmanager.heard()[0].authorization.c_str(), "Bearer abc");
  assert_string_equal(stranger.heard()[0].authorization.c_str(), "");
  assert_true(room.receivers.troubles().empty());

  std::filesystem::remove(file);
  assert_true(comes_true(room.context, [&] {
    room.pass(2'000'000);
    return room.receivers.troubles().size() == 2;
  }));
  assert_true(room.receivers.troubles()[0].kind == AlertKind::credentials_failed);
}

// The loop ends what is under way.
void test_may_go_while_posts_are_under_way(void**) {
  auto context = std::make_unique<asio::io_context>();
  Alerts alerts;
  auto receivers = std::make_unique<AlertReceivers>(*context, alerts);
  Hook hook(*context);
  receivers->follow({.webhooks = {hook.url()}, .alertmanagers = {}}, "lb1", {});
  alerts.set({down("web1")}, 1, kWall);
  receivers->tick(1, kWall);
  context->run_one();
  receivers.reset();
  assert_true(comes_true(*context, [&] { return hook.heard().size() == 1; }));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_a_webhook_is_told_of_each_change_once),
      cmocka_unit_test(test_alertmanager_is_told_again_and_again),
      cmocka_unit_test(test_what_begins_again_is_told_last),
      cmocka_unit_test(test_who_was_away_hears_of_it_later),
      cmocka_unit_test(test_all_ends_are_told),
      cmocka_unit_test(test_receivers_do_not_wait_for_each_other),
      cmocka_unit_test(test_settings_change_who_is_told),
      cmocka_unit_test(test_counts_by_host_and_port),
      cmocka_unit_test(test_receivers_are_told_with_their_credentials),
      cmocka_unit_test(test_may_go_while_posts_are_under_way),
  };
  return cmocka_run_group_tests_name("manage/alert_receivers", tests, nullptr, nullptr);
}
