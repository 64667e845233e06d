// What is wrong with credentials is told from the text alone, but for what is in their files.
#include <string>

#include "firmware/settings/load.h"
#include "tests/cmocka.h"
#include "tests/settings/texts.h"

namespace evenkeel {
namespace {

// `message` is all that is told of these entries; "": nothing.
struct Row {
  const char* description;
  std::string entries;
  const char* message;
  std::string others = "prometheus = { url = \"https://a:9090/p\"; };";
};

const Row kRows[] = {
    {"either file, of whom requests go to",
     "{ name = \"a\"; url = \"https://a:9090\"; ca_file = \"/ca\"; },\n"
     "{ name = \"b\"; url = \"http://b/hook\"; authorization_file = \"/token\"; },\n"
     "{ name = \"c\"; url = \"http://c/api\"; authorization_file = \"/token\"; },\n"
     "{ name = \"d\"; url = \"https://a:9090/p/api/v1\"; authorization_file = \"/token\"; }\n",
     "",
     "prometheus = { url = \"https://a:9090/p\"; }; alerts = { webhooks = [\"http://b/hook/x\"]; "
     "alertmanagers = [\"http://c\"]; };"},
    {"no file", "{ name = \"a\"; url = \"https://a:9090\"; }\n",
     "text:4: credentials[a]: has neither authorization_file nor ca_file, so that it would change "
     "nothing; allowed: with at least one of them\n"},
    {"names and URLs are their own",
     "{ name = \"a\"; url = \"https://a:9090\"; ca_file = \"/ca\"; },\n"
     "{ name = \"a\"; url = \"https://a:9090/p\"; ca_file = \"/ca\"; },\n"
     "{ name = \"b\"; url = \"https://A:9090/p/\"; ca_file = \"/ca\"; }\n",
     "text:5: credentials[a].name: found \"a\", the name of number 1 too; allowed: a name of its "
     "own\n"
     "text:6: credentials[b].url: found \"https://A:9090/p/\", which is that of \"a\" too; "
     "allowed: a URL of its own\n"},
    {"a query", "{ name = \"a\"; url = \"https://a:9090/p?x=y\"; ca_file = \"/ca\"; }\n",
     "text:4: credentials[a].url: found a query in it; allowed: up to its path\n"},
    {"certificates where there are none",
     "{ name = \"a\"; url = \"http://a:9090\"; ca_file = \"/ca\"; }\n",
     "text:4: credentials[a].ca_file: is set, but url is of http, where nobody shows a "
     "certificate; allowed: with https\n",
     "prometheus = { url = \"http://a:9090/p\"; };"},
    {"nobody is asked there",
     "{ name = \"a\"; url = \"https://a\"; ca_file = \"/ca\"; },\n"
     "{ name = \"b\"; url = \"https://a:9090/q\"; ca_file = \"/ca\"; }\n",
     "text:4: credentials[a].url: found what no request goes to; allowed: what prometheus.url or a "
     "URL of alerts begins with\n"
     "text:5: credentials[b].url: found what no request goes to; allowed: what prometheus.url or a "
     "URL of alerts begins with\n"},
    {"what could not be read is not judged",
     "{ name = \"a\"; url = \"https://a\"; ca_file = \"ca\"; }\n",
     "text:1: alerts.webhooks[#1]: found \"a\"; allowed: a URL, as \"http://192.0.2.9:9093\" or "
     "\"https://hooks.example.net/box\"\n"
     "text:4: credentials[a].ca_file: found \"ca\"; allowed: a file's path from /, or \"\": the "
     "system's\n",
     "alerts = { webhooks = [\"a\"]; };"},
    {"no password in a URL",
     "{ name = \"a\"; url = \"https://me:pw@a:9090\"; ca_file = \"/ca\"; }\n",
     "text:4: credentials[a].url: found \"https://me:pw@a:9090\"; allowed: a URL, as "
     "\"http://192.0.2.9:9093\" or \"https://hooks.example.net/box\"\n"},
};

void each_is_told_by_name(void** /*state*/) {
  for (const Row& row : kRows) {
    const std::string text = row.others + "\nports = ( { name = \"wan\"; device = \"x\"; } );\n" +
                             "credentials = (\n" + row.entries + ");\n";
    const std::string message = load_settings_text(text, "text").message();
    if (message != row.message) print_error("%s\n", row.description);
    assert_string_equal(message.c_str(), row.message);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(each_is_told_by_name),
  };
  return cmocka_run_group_tests_name("settings/consistency_credentials", tests, nullptr, nullptr);
}
