#include "firmware/settings/requests.h"

#include <string>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

Url url_of(const std::string& text) {
  const std::optional<Url> url = parse_url(text);
  if (!url) print_error("%s\n", text.c_str());
  assert_true(url.has_value());
  return *url;
}

struct Within {
  const char* start;
  const char* url;
  bool is_within;
};

void credentials_stay_within_their_url(void** /*state*/) {
  constexpr Within kRows[] = {
      {"https://a", "https://a/x?y=z", true},
      {"https://a/", "https://a/x", true},
      {"https://a:443", "https://a/x", true},
      {"https://A", "https://a", true},
      {"http://[::1]:9090", "http://[0:0::1]:9090", true},
      {"https://a/p", "https://a/p", true},
      {"https://a/p", "https://a/p/", true},
      {"https://a/p/", "https://a/p", true},
      {"https://a/p", "https://a/p?q=/r", true},
      {"https://a/p", "https://a/p/q", true},
      // Nobody else gets to know them.
      {"https://a", "http://a", false},
      {"https://a", "https://a:444", false},
      {"https://a", "https://a.example", false},
      {"https://a.example", "https://a", false},
      {"https://b.example", "https://ab.example", false},
      {"https://192.0.2.1", "https://192.0.2.10", false},
      {"https://a/p", "https://a/", false},
      {"https://a/p", "https://a/pq", false},
      {"https://a/p", "https://a/?/p", false},
      {"https://a/p/q", "https://a/p", false},
      {"https://a/p", "https://a/P", false},
  };
  for (const Within& row : kRows) {
    const bool is_so = is_within(url_of(row.url), url_of(row.start)) == row.is_within;
    if (!is_so) print_error("%s, %s\n", row.start, row.url);
    assert_true(is_so);
  }
}

CredentialSettings entry(const std::string& url) {
  return {.name = url, .url = url, .authorization_file = "/token", .ca_file = {}};
}

void the_longest_path_wins(void** /*state*/) {
  const std::vector<CredentialSettings> all = {entry("https://a/p"), entry("https://a"),
                                               entry("https://a/p/q/"), entry("https://b"),
                                               entry("https://a/p/")};
  const auto taken_by = [&](const char* url) {
    const CredentialSettings* const found = credentials_of(url_of(url), all);
    return found == nullptr ? std::string() : found->url;
  };
  assert_string_equal(taken_by("https://a/").c_str(), "https://a");
  assert_string_equal(taken_by("https://a/p/api/v1/query").c_str(), "https://a/p");
  assert_string_equal(taken_by("https://a/p/q/r").c_str(), "https://a/p/q/");
  assert_string_equal(taken_by("https://a/pq").c_str(), "https://a");
  assert_string_equal(taken_by("https://c/p").c_str(), "");
  const std::vector<Url> urls = {url_of("https://b/x"), url_of("https://a/p/q")};
  const std::vector<CredentialSettings> taken = credentials_of(urls, all);
  assert_true(taken == std::vector<CredentialSettings>({all[2], all[3]}));
}

void requests_go_below_the_urls_of_the_settings(void** /*state*/) {
  assert_false(query_url({}).has_value());
  assert_true(query_url({.url = "http://a:9090"}) == url_of("http://a:9090/api/v1/query"));
  assert_true(query_url({.url = "http://a/p/"}) == url_of("http://a/p/api/v1/query"));
  const std::vector<Url> urls =
      alert_urls({.webhooks = {"http://a/h/"}, .alertmanagers = {"http://b", "http://c/d/"}});
  assert_true(urls == std::vector<Url>({url_of("http://a/h/"), url_of("http://b/api/v2/alerts"),
                                        url_of("http://c/d/api/v2/alerts")}));
}

void what_stays_within_the_machine(void** /*state*/) {
  for (const char* const url : {"http://127.0.0.1", "http://127.9.9.9", "http://[::1]",
                                "http://localhost", "http://LocalHost"}) {
    assert_true(is_loopback(url_of(url)));
  }
  for (const char* const url : {"http://128.0.0.1", "http://[::2]", "http://localhost.example",
                                "http://[7f00::1]", "http://a"}) {
    assert_false(is_loopback(url_of(url)));
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(credentials_stay_within_their_url),
      cmocka_unit_test(the_longest_path_wins),
      cmocka_unit_test(requests_go_below_the_urls_of_the_settings),
      cmocka_unit_test(what_stays_within_the_machine),
  };
  return cmocka_run_group_tests_name("settings/requests", tests, nullptr, nullptr);
}
