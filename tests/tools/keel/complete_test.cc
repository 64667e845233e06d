#include "tools/keel/complete.h"

#include <boost/json/parse.hpp>
#include <map>
#include <string>
#include <vector>

#include "tests/cmocka.h"

namespace evenkeel::keel {
namespace {

using Words = std::vector<std::string>;

constexpr const char* kSchema = R"({"type":"object","properties":{
  "name":{"type":"string","description":"Of the box."},
  "idle":{"enum":["adaptive","poll"]},
  "memory":{"type":"object","properties":{"hugepages":{"type":"boolean"}}},
  "services":{"type":"array","items":{"type":"object","properties":{
    "protocol":{"enum":["tcp","udp"],"x-allowed":"a protocol","default":"tcp"},
    "backends":{"type":"array","items":{"type":"object","properties":{
      "weight":{"type":"integer","description":"Its \u001b[2Jshare."}}}}}}}}})";

boost::json::value answer(std::string_view target) {
  static const std::map<std::string_view, const char*> kAnswers = {
      {"/v1/schema", kSchema},
      {"/v1/services",
       R"({"services":[{"name":"shop"},{"name":"shop-api"},{"name":"dns"},{"name":"shop.eu"},
                           {"name":"e\u001b[2Jvil"}]})"},
      {"/v1/backends?service=shop", R"({"backends":[{"name":"web1"},{"name":"web2"}]})"},
      {"/v1/ports", R"({"ports":[{"name":"wan"},{"name":"lan"}]})"},
      {"/v1/change/plan", R"({"hits":[{"rule":"single-node","severity":"refuse"},
                              {"rule":"single-node","severity":"refuse"},
                              {"rule":"mass-change","severity":"warn"}]})"},
  };
  const auto found = kAnswers.find(target);
  return found == kAnswers.end() ? nullptr : boost::json::parse(found->second);
}

boost::json::value nobody(std::string_view) { return nullptr; }

Words words_of(const Completion& completion) {
  Words words;
  for (const Candidate& candidate : completion.candidates) words.push_back(candidate.word);
  return words;
}

void test_what_can_come_next(void**) {
  const struct {
    Words before;
    const char* partial;
    Words expected;
  } rows[] = {
      {{}, "com", {"commit", "completion"}},
      {{}, "--j", {"--json"}},
      {{"--json"}, "hist", {"history"}},
      {{"--socket", "/s"}, "hist", {"history"}},
      {{"frobnicate"}, "", {}},
      {{"show"}, "b", {"backends"}},
      {{"show"},
       "",
       {"services", "backends", "health", "workers", "ports", "neighbours", "drops", "queries",
        "alerts", "changes", "settings"}},
      {{"show", "backends"}, "sh", {"shop", "shop-api", "shop.eu"}},
      {{"show", "backends"}, "e", {}},  // a name that a terminal would obey
      {{"show", "settings"}, "", {"candidate"}},
      {{"journal", "--kind"}, "a", {"alert", "archive"}},
      {{"drain"}, "d", {"dns/"}},
      {{"drain"}, "shop/", {"shop/web1", "shop/web2"}},
      {{"drain"}, "shop/web2", {"shop/web2"}},
      {{"drain", "shop/web1"}, "--", {"--for", "--reason", "--json", "--socket", "--help"}},
      {{"drain", "shop/web1", "--for", "5m"}, "--", {"--reason", "--json", "--socket", "--help"}},
      {{"drain", "shop/web1", "--for"}, "", {}},
      {{"commit", "--waive"}, "", {"single-node"}},
      {{"commit", "--waive", "a"}, "--w", {"--why", "--waive"}},
      {{"help"}, "appr", {"approve"}},
      {{"capture"}, "", {"wan", "lan"}},
      {{"set"}, "", {"name", "idle", "memory.", "services."}},
      {{"set"}, "memory.", {"memory.hugepages"}},
      {{"set"}, "services.shop", {"services.shop.", "services.shop-api."}},
      {{"set"}, "services[s", {"services[shop].", "services[shop-api].", "services[shop.eu]."}},
      {{"set"},
       "services[shop.eu].",
       {"services[shop.eu].protocol", "services[shop.eu].backends."}},
      {{"set"}, "services[shop.eu].p", {"services[shop.eu].protocol"}},
      {{"set", "services[shop.eu].protocol"}, "u", {"udp"}},
      {{"set"}, "services.shop.", {"services.shop.protocol", "services.shop.backends."}},
      {{"set"},
       "services.shop.backends.",
       {"services.shop.backends.web1.", "services.shop.backends.web2."}},
      {{"set"}, "services.new.backends.x.", {"services.new.backends.x.weight"}},
      {{"set"}, "nothing.", {}},
      {{"set"}, "name.", {}},
      {{"set", "idle"}, "", {"adaptive", "poll"}},
      {{"set", "memory.hugepages"}, "t", {"true"}},
      {{"set", "services.shop.protocol"}, "", {"tcp", "udp"}},
  };
  for (const auto& row : rows) {
    const Words found = words_of(complete(row.before, row.partial, false, answer));
    if (found != row.expected) {
      print_message("after %s: '%s'\n", row.before.empty() ? "" : row.before.back().c_str(),
                    row.partial);
    }
    assert_true(found == row.expected);
  }
}

void test_explanations(void**) {
  const Completion key = complete(Words{"set"}, "services.shop.backends.web1.", true, answer);
  assert_true(key.what.starts_with("PATH: "));
  assert_string_equal(key.candidates[0].help.c_str(), "Its \\x1b[2Jshare.");
  assert_true(complete(Words{"drain", "a", "--for"}, "", true, answer).what.starts_with("TIME: "));
  assert_string_equal(complete(Words{"set", "services.a.protocol"}, "", true, answer).what.c_str(),
                      "VALUE: a protocol; default tcp");
  assert_true(complete(Words{"load"}, "", true, answer).is_file);
  // Where nothing more must come, options can.
  assert_true(words_of(complete(Words{"status"}, "", true, answer)) ==
              (Words{"--json", "--socket", "--help"}));
  assert_true(words_of(complete(Words{}, "ex", true, answer)) == Words{"exit"});
  assert_true(words_of(complete(Words{}, "ex", false, answer)).empty());
}

void test_without_a_box(void**) {
  assert_true(words_of(complete(Words{}, "comm", false, nobody)) == Words{"commit"});
  for (const Words& words :
       {Words{"set"}, Words{"drain"}, Words{"set", "idle"}, Words{"commit", "--waive"}}) {
    assert_true(words_of(complete(words, "", false, nobody)).empty());
  }
}

void test_common_beginning(void**) {
  assert_string_equal(common_beginning({}).c_str(), "");
  assert_string_equal(common_beginning({{"shop", ""}}).c_str(), "shop");
  assert_string_equal(common_beginning({{"shop", ""}, {"shop-api", ""}}).c_str(), "shop");
  assert_string_equal(common_beginning({{"web1", ""}, {"web2", ""}, {"we", ""}}).c_str(), "we");
  assert_string_equal(common_beginning({{"a", ""}, {"b", ""}}).c_str(), "");
}

}  // namespace
}  // namespace evenkeel::keel

int main() {
  using namespace evenkeel::keel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_what_can_come_next),
      cmocka_unit_test(test_explanations),
      cmocka_unit_test(test_without_a_box),
      cmocka_unit_test(test_common_beginning),
  };
  return cmocka_run_group_tests_name("tools/keel/complete", tests, nullptr, nullptr);
}
