#include "firmware/manage/metrics.h"

#include <sys/wait.h>
#include <boost/asio/io_context.hpp>

#include <cstdlib>
#include <string>

#include "tests/cmocka.h"
#include "tests/manage/managed_room.h"

namespace evenkeel {
namespace {

bool has_line(const std::string& page, const std::string& line) {
  return page.find("\n" + line + "\n") != std::string::npos;
}

struct Watched {
  ManagedRoom room;
  boost::asio::io_context context;
  Alerts alerts;
  AlertReceivers receivers{context, alerts};

  Managed managed() {
    Managed all = room.managed();
    all.alerts = &alerts;
    all.receivers = &receivers;
    return all;
  }
};

void test_tells_the_change_and_the_alerts(void**) {
  Watched box;
  box.receivers.follow({.webhooks = {"http://192.0.2.9/secret"}, .alertmanagers = {}}, "lb1", {});
  box.alerts.set({{.kind = AlertKind::link_down, .labels = {{"port", "wan"}}, .text = ""},
                  {.kind = AlertKind::link_down, .labels = {{"port", "lan"}}, .text = ""}},
                 1, 1);
  const std::string page = metrics_page(box.managed());
  assert_true(has_line(page, "evenkeel_generation_confirmed 1"));
  assert_true(has_line(page, "evenkeel_generation_in_force 1"));
  assert_true(has_line(page, R"(evenkeel_change_state{state="none"} 1)"));
  assert_true(has_line(page, R"(evenkeel_change_state{state="on-probation"} 0)"));
  assert_true(has_line(page, "evenkeel_overrides 0"));
  assert_true(has_line(page, "evenkeel_troubles 1"));  // the fan is loud
  assert_true(has_line(
      page, R"(evenkeel_alerts_firing{alert="evenkeel_link_down",severity="critical"} 2)"));
  assert_true(
      has_line(page, R"(evenkeel_alerts_firing{alert="evenkeel_trouble",severity="warning"} 0)"));
  assert_true(has_line(
      page,
      R"(evenkeel_alert_posts_total{kind="webhook",receiver="192.0.2.9",outcome="failed"} 0)"));
  assert_true(page.find("secret") == std::string::npos);
  assert_true(page.find("\nevenkeel_service_backends{service=") != std::string::npos);
}

void test_a_box_that_nobody_watches_has_metrics_too(void**) {
  ManagedRoom room;
  const std::string page = metrics_page(room.managed());
  assert_true(page.find("evenkeel_alerts_firing") == std::string::npos);
  assert_true(has_line(page, "evenkeel_generation_confirmed 1"));
}

// By its own names and types, Prometheus has nothing to say against them.
void test_the_api_serves_what_promtool_accepts(void**) {
  Watched box;
  box.receivers.follow({.webhooks = {"http://192.0.2.9/"}, .alertmanagers = {"http://[::1]:9093"}},
                       "lb1", {});
  Managed managed = box.managed();
  const Outgoing outgoing = answer(managed, box.room.machine.caller("anna", Role::viewer),
                                   {.method = "GET", .target = "/metrics", .body = ""});
  assert_int_equal(outgoing.status, 200);
  assert_string_equal(std::string(outgoing.content).c_str(),
                      "text/plain; version=0.0.4; charset=utf-8");
  assert_true(outgoing.body.ends_with("\n") && !outgoing.body.ends_with("\n\n"));
  const Folder folder;
  folder.write("page", outgoing.body);
  const int status =
      std::system(("promtool check metrics < " + folder.path("page") + " >&2").c_str());
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_tells_the_change_and_the_alerts),
      cmocka_unit_test(test_a_box_that_nobody_watches_has_metrics_too),
      cmocka_unit_test(test_the_api_serves_what_promtool_accepts),
  };
  return cmocka_run_group_tests_name("manage/metrics", tests, nullptr, nullptr);
}
