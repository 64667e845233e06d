#include "firmware/settings/url.h"

#include <string>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

struct Good {
  const char* text;
  Url url;
  const char* host;  // as the header has it
};

void good_ones_are_understood(void**) {
  const Good rows[] = {
      {"http://192.0.2.9", {false, "192.0.2.9", 80, "/"}, "192.0.2.9"},
      {"https://hooks.example.net/box?a=b",
       {true, "hooks.example.net", 443, "/box?a=b"},
       "hooks.example.net"},
      {"http://localhost:9093/", {false, "localhost", 9'093, "/"}, "localhost:9093"},
      {"http://[2001:db8::9]:9093/am", {false, "2001:db8::9", 9'093, "/am"}, "[2001:db8::9]:9093"},
      {"https://[::1]", {true, "::1", 443, "/"}, "[::1]"},
      {"https://a:443", {true, "a", 443, "/"}, "a"},
      {"https://a:80", {true, "a", 80, "/"}, "a:80"},
      {"http://1a.example/", {false, "1a.example", 80, "/"}, "1a.example"},
  };
  for (const Good& row : rows) {
    const std::optional<Url> url = parse_url(row.text);
    if (!url.has_value()) print_error("%s\n", row.text);
    assert_true(url.has_value());
    assert_true(*url == row.url);
    assert_string_equal(host_of(*url).c_str(), row.host);
  }
}

void bad_ones_are_refused(void**) {
  const std::string long_name = "http://" + std::string(254, 'a');
  for (const char* const text : {"",
                                 "http://",
                                 "http:///x",
                                 "ftp://a",
                                 "HTTP://a",
                                 "a",
                                 "//a",
                                 "http://a:0",
                                 "http://a:65536",
                                 "http://a:",
                                 "http://a:8x",
                                 "http://a b",
                                 "http://a/b c",
                                 "http://a/#part",
                                 "http://a/\r\nX: y",
                                 "http://user:secret@a/",
                                 "http://user@a/",
                                 "http://[::1",
                                 "http://[a]",
                                 "http://[192.0.2.1]",
                                 "http://::1/",
                                 "http://[::1]9093",
                                 "http://a..b",
                                 "http://-a",
                                 "http://a-",
                                 "http://a.",
                                 "http://a_b",
                                 "http://256.0.0.1",
                                 "http://1.2.3",
                                 "http://a?b",
                                 long_name.c_str()}) {
    if (parse_url(text).has_value()) print_error("%s\n", text);
    assert_false(parse_url(text).has_value());
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(good_ones_are_understood),
      cmocka_unit_test(bad_ones_are_refused),
  };
  return cmocka_run_group_tests_name("settings/url", tests, nullptr, nullptr);
}
