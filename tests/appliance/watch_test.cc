#include "firmware/appliance/watch.h"

#include <string>

#include "tests/cmocka.h"
#include "tests/manage/hook.h"
#include "tests/manage/remote_client.h"
#include "tests/manage/secret_file.h"

namespace evenkeel {
namespace {

constexpr WallTime kWall = 1'800'000'000'000'000;

struct Room {
  boost::asio::io_context context;
  Log log{true};
  Microseconds now = 1'000'000'000;
  Watch watch{context, log, {.page = [] { return "box_size 3\n"; }, .now = [this] { return now; }}};
  Settings settings;
  Settings confirmed;
  std::vector<Alert> wrong;
  size_t asked = 0;

  void pass(Microseconds time) {
    for (const Microseconds end = now + time; now < end; now += 20'000) {
      watch.tick(
          settings, confirmed,
          [this] {
            ++asked;
            return wrong;
          },
          now, kWall + now);
    }
    context.restart();
    while (context.run_one_for(std::chrono::milliseconds(30)) != 0) {
    }
  }
};

void test_asks_now_and_then(void**) {
  Room room;
  room.pass(10'000'000);
  assert_in_range(room.asked, 45, 51);
  assert_true(room.watch.alerts().firing().empty());
}

// Whom confirmed settings name is told, whatever a change says; and all is remembered by somebody.
void test_nobody_is_silenced_by_a_change(void**) {
  Room room;
  Hook hook(room.context);
  room.confirmed.alerts.webhooks = {hook.url()};
  std::string remembered;
  room.watch.set_recorder([&](const Alerts::Entry& entry) {
    remembered += (entry.fires() ? "" : "over: ") + entry.alert.text + ". ";
  });
  room.wrong = {{.kind = AlertKind::trouble, .labels = {}, .text = "the fan is loud"}};
  room.pass(400'000);
  assert_int_equal(hook.heard().size(), 1);
  room.settings.alerts.webhooks = {hook.url()};  // one who is named by both is told once
  room.wrong.clear();
  room.pass(5'000'000);
  assert_int_equal(hook.heard().size(), 2);
  assert_string_equal(remembered.c_str(), "the fan is loud. over: the fan is loud. ");
}

// However many there are.
void test_all_that_ends_is_remembered(void**) {
  Room room;
  size_t begun = 0;
  size_t ended = 0;
  room.watch.set_recorder([&](const Alerts::Entry& entry) { ++(entry.fires() ? begun : ended); });
  for (size_t i = 0; i < 150; ++i) {
    room.wrong.push_back({.kind = AlertKind::backend_down,
                          .labels = {{"backend", std::to_string(i)}},
                          .text = "silent"});
  }
  room.pass(400'000);
  room.wrong.clear();
  room.pass(5'000'000);
  assert_int_equal(begun, 150);
  assert_int_equal(ended, 150);
}

// Nor by what it does to their credentials; those that it brings for others count at once.
void test_nobody_is_silenced_by_credentials(void**) {
  Room room;
  const Folder folder;
  Hook old_one(room.context);
  Hook new_one(room.context);
  const auto entry = [&](const Hook& hook, const std::string& path, const std::string& file) {
    return CredentialSettings{.name = file,
                              .url = hook.url(path),
                              .authorization_file = folder.path(file),
                              .ca_file = {}};
  };
  write_secret(folder, "good", "Bearer good");
  write_secret(folder, "bad", "Bearer bad");
  room.confirmed.alerts.webhooks = {old_one.url("/a/b")};
  room.confirmed.credentials = {entry(old_one, "/", "good")};
  room.settings.alerts.webhooks = {old_one.url("/a/b"), new_one.url("/a")};
  room.settings.credentials = {entry(old_one, "/a", "bad"), entry(old_one, "/", "bad"),
                               entry(new_one, "/", "bad")};
  room.wrong = {{.kind = AlertKind::trouble, .labels = {}, .text = "the fan is loud"}};
  assert_true(comes_true(room.context, [&] {
    room.pass(400'000);
    return !old_one.heard().empty() && !new_one.heard().empty();
  }));
  assert_string_equal(old_one.heard()[0].authorization.c_str(), "Bearer good");
  assert_string_equal(new_one.heard()[0].authorization.c_str(), "Bearer bad");
}

void test_what_is_wrong_gets_told(void**) {
  Room room;
  Hook hook(room.context);
  room.settings.alerts.webhooks = {hook.url()};
  room.wrong = {{.kind = AlertKind::trouble, .labels = {}, .text = "the fan is loud"}};
  room.pass(400'000);
  assert_int_equal(room.watch.alerts().firing().size(), 1);
  assert_int_equal(hook.heard().size(), 1);
  assert_true(hook.heard()[0].body.find("the fan is loud") != std::string::npos);
  room.watch.tell({.kind = AlertKind::change_rolled_back, .labels = {}, .text = "worse"}, room.now,
                  kWall);
  room.pass(2'000'000);
  assert_int_equal(hook.heard().size(), 2);
  assert_int_equal(room.watch.receivers().counts()[0].sent, 2);
}

// Whom nobody can tell of it is told of by the others.
void test_a_receiver_that_fails_is_an_alert(void**) {
  Room room;
  room.settings.alerts.webhooks = {"http://127.0.0.1:" + std::to_string(free_port())};
  room.wrong = {{.kind = AlertKind::trouble, .labels = {}, .text = "the fan is loud"}};
  room.pass(400'000);
  room.pass(400'000);
  assert_int_equal(room.watch.alerts().firing(AlertKind::receiver_failed), 1);
}

void test_metrics_move_with_the_settings(void**) {
  Room room;
  const auto listens = [&](uint16_t port) {
    Tcp::socket socket(room.context);
    boost::system::error_code error;
    socket.connect(Tcp::endpoint(boost::asio::ip::make_address("127.0.0.1"), port), error);
    return !error;
  };
  const uint16_t one = free_port();
  const uint16_t other = free_port();
  room.pass(400'000);
  assert_false(listens(one));
  room.settings.metrics.listen = "127.0.0.1:" + std::to_string(one);
  room.pass(400'000);
  assert_true(listens(one));
  room.settings.metrics.listen = "127.0.0.1:" + std::to_string(other);
  room.pass(400'000);
  assert_true(listens(other));
  assert_false(listens(one));

  room.settings.metrics.listen = "192.0.2.99:9880";
  room.pass(400'000);
  assert_int_equal(room.watch.alerts().firing(AlertKind::metrics_failed), 1);
  room.settings.metrics.listen = "";
  room.pass(10'000'000);
  assert_true(room.watch.alerts().firing().empty());
  assert_false(listens(other));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_asks_now_and_then),
      cmocka_unit_test(test_nobody_is_silenced_by_a_change),
      cmocka_unit_test(test_all_that_ends_is_remembered),
      cmocka_unit_test(test_nobody_is_silenced_by_credentials),
      cmocka_unit_test(test_what_is_wrong_gets_told),
      cmocka_unit_test(test_a_receiver_that_fails_is_an_alert),
      cmocka_unit_test(test_metrics_move_with_the_settings),
  };
  return cmocka_run_group_tests_name("appliance/watch", tests, nullptr, nullptr);
}
