// Real answers, good ones and refusals, of every operation, against the document that is served.
#include "firmware/manage/openapi.h"

#include <sys/wait.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <string>

#include "firmware/manage/route.h"
#include "tests/cmocka.h"
#include "tests/manage/managed_room.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

// Asks, and keeps the answers.
class Recorder {
 public:
  Recorder() {
    alerts_.tell(
        {.kind = AlertKind::change_rolled_back, .labels = {{"generation", "7"}}, .text = ""}, 1, 1);
    alerts_.set({{.kind = AlertKind::link_down, .labels = {{"port", "wan"}}, .text = "no cable"}},
                1, 1);
    alerts_.set({}, 1 + Alerts::kCalm, 2);
  }

  json::value ask(std::string_view method, const std::string& target, std::string_view body = "",
                  const std::string& user = "anna") {
    Managed managed = room_.managed();
    managed.alerts = &alerts_;
    const Outgoing outgoing = answer(managed, room_.machine.caller(user, Role::approver),
                                     {.method = method, .target = target, .body = body});
    const bool is_json = outgoing.content == kJsonContent;
    json::value value = is_json ? json::parse(outgoing.body) : json::value(outgoing.body);
    std::string path = target.substr(0, target.find('?'));
    if (path.starts_with("/v1/overrides/")) path = "/v1/overrides/{id}";
    answers_.push_back(
        {{"method", method}, {"path", path}, {"status", outgoing.status}, {"body", value}});
    return value;
  }
  json::array answers() { return answers_; }
  void wait(Microseconds time) { room_.machine.tick(time); }

 private:
  ManagedRoom room_{SmallText{.approval = true}.text()};
  Alerts alerts_;
  json::array answers_;
};

std::string body_with(const json::value& change, const char* more = "") {
  return R"({"id": )" + json::serialize(change.at("id")) + more + "}";
}

json::value committed(Recorder& recorder, unsigned mss) {
  const std::string text = SmallText{.mss = mss, .approval = true}.text();
  const json::value base = recorder.ask("GET", "/v1/status").at("confirmed");
  recorder.ask("POST", "/v1/change", json::serialize(json::object{{"base", base}, {"text", text}}));
  recorder.ask("POST", "/v1/change/check");
  recorder.ask("GET", "/v1/change");
  recorder.ask("GET", "/v1/change/diff");
  recorder.ask("GET", "/v1/settings?generation=candidate");
  json::array waivers;
  const json::value plan = recorder.ask("GET", "/v1/change/plan");
  for (const json::value& rule : plan.at("refusals").as_array()) {
    waivers.push_back({{"rule", rule}, {"reason", "a test"}});
  }
  return recorder.ask("POST", "/v1/change/commit",
                      json::serialize(json::object{{"why", "a test"}, {"waivers", waivers}}));
}

void ask_for_everything(Recorder& recorder) {
  for (const char* target :
       {"/v1/status",
        "/v1/settings",
        "/v1/settings?generation=99",
        "/v1/schema",
        "/v1/openapi.json",
        "/v1/services",
        "/v1/backends",
        "/v1/backends?service=none",
        "/v1/health",
        "/v1/health?service=none",
        "/v1/table?of=health&columns=name,state",
        "/v1/table?of=backends&columns=name,weight,override/kind,responses/asked,share",
        "/v1/workers",
        "/v1/ports",
        "/v1/neighbours",
        "/v1/drops",
        "/v1/queries",
        "/v1/alerts",
        "/v1/change",
        "/v1/why?protocol=tcp&source=192.0.2.7:4000&vip=192.0.2.10:80&generation=1",
        "/v1/why?protocol=udp&source=[2001:db8::1]:4000&vip=[2001:db8::2]:81",
        "/v1/why?protocol=sctp&source=192.0.2.7:4000&vip=192.0.2.10:80",
        "/v1/why?protocol=icmp&source=192.0.2.7:4000&vip=192.0.2.10:80",
        "/v1/why?protocol=icmp&source=[2001:db8::1]:4000&vip=[2001:db8::2]:80",
        "/v1/why"}) {
    recorder.ask("GET", target);
  }
  recorder.ask("POST", "/v1/change/edit", R"({"edits": [{"set": "nonsense", "value": "1"}]})");
  recorder.ask("POST", "/v1/change/edit",
               R"({"edits": [{"set": "services.shop.mss", "value": "1200"}]})");
  recorder.ask("DELETE", "/v1/change");
  const json::value first = committed(recorder, 1'300);
  recorder.ask("POST", "/v1/change/approve", body_with(first));
  recorder.ask("POST", "/v1/change/approve", body_with(first), "bob");
  recorder.ask("POST", "/v1/change/confirm", body_with(first));
  const json::value second = committed(recorder, 1'200);
  recorder.ask("POST", "/v1/change/approve", body_with(second), "bob");
  recorder.ask("POST", "/v1/change/rollback", body_with(second, R"(, "why": "worse")"));
  const json::value third = committed(recorder, 1'250);
  recorder.ask("POST", "/v1/change/approve", body_with(third), "bob");
  recorder.wait(120 * kMicrosecondsPerTick);
  recorder.ask(
      "POST", "/v1/unlatch",
      R"({"generation": )" + json::serialize(third.at("generation")) + R"(, "why": "a test"})");
  recorder.ask("POST", "/v1/rollback", R"({"generation": 1, "why": "better"})");
  recorder.ask("DELETE", "/v1/change");
  const json::value override_ = recorder.ask(
      "POST", "/v1/overrides",
      R"({"backend": "web1", "kind": "weight", "weight": 2, "for_s": 60, "reason": "r"})");
  recorder.ask("GET", "/v1/overrides");
  recorder.ask("DELETE", "/v1/overrides/" + json::serialize(override_.at("id")));
  recorder.ask("DELETE", "/v1/overrides/99");
  recorder.ask("GET", "/v1/history");
  recorder.ask("GET", "/metrics");
  recorder.ask("GET", "/v1/journal?limit=20");
}

void test_answers_are_as_the_document_says(void**) {
  const Folder folder;
  Recorder recorder;
  ask_for_everything(recorder);
  const json::object all = {{"document", openapi({})}, {"answers", recorder.answers()}};
  folder.write("answers.json", json::serialize(all));
  const char* root = std::getenv("SOURCE_ROOT");
  const std::string command = "/usr/bin/python3 " + std::string(root != nullptr ? root : ".") +
                              "/tests/manage/openapi_check.py " + folder.path("answers.json");
  const int status = std::system(command.c_str());
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

// Those that are refused without one, whatever else is right.
void test_requires_a_reason_where_the_box_does(void**) {
  const json::value document = openapi({});
  for (const char* path : {"/v1/rollback", "/v1/unlatch"}) {
    const json::value& operation = document.at("paths").at(path).at("post");
    const json::value& content = operation.at("requestBody").at("content");
    const json::value& schema = content.at("application/json").at("schema");
    const json::array& required = schema.at("required").as_array();
    assert_true(std::ranges::find(required, json::value("why")) != required.end());
    assert_int_equal(schema.at("properties").at("why").at("minLength").to_number<int>(), 1);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_answers_are_as_the_document_says),
      cmocka_unit_test(test_requires_a_reason_where_the_box_does),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
