#include "firmware/settings/values.h"

#include <string>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

// What comes back of a text: nullptr if it is refused.
struct Row {
  const char* text;
  const char* again;
};

constexpr Row kPrefixes[] = {
    {"192.0.2.0/24", "192.0.2.0/24"},
    {"192.0.2.1", "192.0.2.1/32"},
    {"0.0.0.0/0", "0.0.0.0/0"},
    {"2001:db8::/32", "2001:db8::/32"},
    {"2001:db8::1", "2001:db8::1/128"},
    {"::/0", "::/0"},
    {"::ffff:10.0.0.0/104", "10.0.0.0/8"},
    {"::ffff:0:0/95", nullptr},
    {"192.0.2.1/24", nullptr},
    {"2001:db8::1/64", nullptr},
    {"192.0.2.0/33", nullptr},
    {"2001:db8::/129", nullptr},
    {"192.0.2.0/", nullptr},
    {"192.0.2.0/ 24", nullptr},
    {"192.0.2.0/+24", nullptr},
    {"192.0.2.0/24/", nullptr},
    {"192.0.2.0/4294967320", nullptr},
    {"192.0.2/24", nullptr},
    {"/24", nullptr},
    {"", nullptr},
};

constexpr Row kInterfaces[] = {
    {"192.0.2.1/24", "192.0.2.1/24"},
    {"192.0.2.1/32", "192.0.2.1/32"},
    {"2001:db8::1/64", "2001:db8::1/64"},
    {"fe80::1/64", "fe80::1/64"},
    {"192.0.2.1", nullptr},
    {"127.0.0.1/8", nullptr},
    {"0.0.0.0/0", nullptr},
    {"255.255.255.255/32", nullptr},
    {"ff02::1/128", nullptr},
    {"::1/128", nullptr},
};

constexpr Row kPorts[] = {
    {"80", "80"},      {"1-65535", "1-65535"}, {"all", "all"},    {"8000-8100", "8000-8100"},
    {"80-80", "80"},   {"0", nullptr},         {"0-10", nullptr}, {"65536", nullptr},
    {"10-9", nullptr}, {"80-", nullptr},       {"-80", nullptr},  {"1-2-3", nullptr},
    {"http", nullptr}, {"", nullptr},          {" 80", nullptr},  {"1-65536", nullptr},
    {"All", nullptr},
};

constexpr Row kMacs[] = {
    {"02:00:00:00:00:01", "02:00:00:00:00:01"},
    {"Aa:bB:cc:DD:ee:ff", "aa:bb:cc:dd:ee:ff"},
    {"02:00:00:00:00", nullptr},
    {"02:00:00:00:00:01:", nullptr},
    {"02-00-00-00-00-01", nullptr},
    {"2:0:0:0:0:1", nullptr},
    {"02:00:00:00:00:0g", nullptr},
    {"02:00:00:00:00:-1", nullptr},
    {"0x:00:00:00:00:01", nullptr},
    {"", nullptr},
};

template <typename Rows, typename Parse>
void expect_rows(const Rows& rows, const Parse& parse) {
  for (const Row& row : rows) {
    const auto value = parse(row.text);
    if (value.has_value() != (row.again != nullptr)) print_error("'%s'\n", row.text);
    assert_int_equal(value.has_value(), row.again != nullptr);
    if (!value.has_value()) continue;
    assert_string_equal(to_string(*value).c_str(), row.again);
    assert_true(parse(to_string(*value)) == value);
  }
}

void prefixes(void** /*state*/) { expect_rows(kPrefixes, parse_prefix); }
void interface_addresses(void** /*state*/) { expect_rows(kInterfaces, parse_interface_address); }
void ports(void** /*state*/) { expect_rows(kPorts, parse_ports); }
void macs(void** /*state*/) { expect_rows(kMacs, parse_mac); }

struct Verdict {
  const char* text;
  bool is_good;
};

void addresses_of_one_host(void** /*state*/) {
  constexpr Verdict kRows[] = {
      {"192.0.2.1", true},
      {"10.0.0.1", true},
      {"223.255.255.255", true},
      {"224.0.0.1", false},
      {"240.0.0.1", false},
      {"255.255.255.255", false},
      {"127.0.0.1", false},
      {"0.1.2.3", false},
      {"2001:db8::1", true},
      {"fe80::1", true},
      {"::1", false},
      {"::", false},
      {"ff02::1", false},
      {"::ffff:0.0.0.0", false},
      {"::2", true},
  };
  for (const Verdict& row : kRows) {
    assert_int_equal(is_unicast(*parse_address(row.text)), row.is_good);
  }
}

void names(void** /*state*/) {
  constexpr Verdict kRows[] = {
      {"web1", true},  {"a.b-c_d", true},   {"7", true},    {"", false},    {"-a", false},
      {".", false},    {"..", false},       {"a/b", false}, {"a b", false}, {"a]", false},
      {"a\"b", false}, {"\xc3\xa9", false}, {"_a", false},
  };
  for (const Verdict& row : kRows) assert_int_equal(is_name(row.text), row.is_good);
}

struct Amount {
  const char* text;
  uint64_t value;  // 0: none
  const char* canonical;
};

void durations(void** /*state*/) {
  constexpr Amount kRows[] = {
      {"1us", 1, "1us"},
      {"300ms", 300'000, "300ms"},
      {"1500ms", 1'500'000, "1500ms"},
      {"60s", 60'000'000, "1m"},
      {"90s", 90'000'000, "90s"},
      {"007m", 420'000'000, "7m"},
      {"24h", 86'400'000'000, "1d"},
      {"106751991d", 9'223'372'022'400'000'000, "106751991d"},
      {"106751992d", 0, ""},
      {"18446744073709551616us", 0, ""},
      {"", 0, ""},
      {"5", 0, ""},
      {"s", 0, ""},
      {" 5s", 0, ""},
      {"5 s", 0, ""},
      {"5s ", 0, ""},
      {"-5s", 0, ""},
      {"+5s", 0, ""},
      {"1.5s", 0, ""},
      {"5S", 0, ""},
      {"1h30m", 0, ""},
      {"5sec", 0, ""},
  };
  for (const Amount& row : kRows) {
    const std::optional<Microseconds> found = parse_duration(row.text);
    if (found.value_or(0) != row.value) print_error("%s\n", row.text);
    assert_int_equal(found.value_or(0), row.value);
    if (found.has_value()) assert_string_equal(duration_text(*found).c_str(), row.canonical);
  }
  assert_true(parse_duration("0ms") == 0);
  assert_string_equal(duration_text(0).c_str(), "0us");
}

void sizes(void** /*state*/) {
  constexpr Amount kRows[] = {
      {"1", 1, "1"},
      {"1k", 1'024, "1k"},
      {"1536", 1'536, "1536"},
      {"1024k", 1 << 20, "1m"},
      {"2g", 2ull << 30, "2g"},
      {"8589934591g", 9'223'372'035'781'033'984, "8589934591g"},
      {"8589934592g", 0, ""},
      {"", 0, ""},
      {"k", 0, ""},
      {"1K", 0, ""},
      {"1kb", 0, ""},
      {"1 k", 0, ""},
      {"0x10", 0, ""},
      {"-1", 0, ""},
      {"1.5m", 0, ""},
  };
  for (const Amount& row : kRows) {
    const std::optional<uint64_t> found = parse_size(row.text);
    if (found.value_or(0) != row.value) print_error("%s\n", row.text);
    assert_int_equal(found.value_or(0), row.value);
    if (found.has_value()) assert_string_equal(size_text(*found).c_str(), row.canonical);
  }
}

void statuses(void** /*state*/) {
  for (const char* const text : {"100", "200-399", "599-599"}) {
    assert_true(parse_statuses(text).has_value());
  }
  for (const char* const text : {"", "99", "600", "399-200", "200-", "-200", "2xx", "200,201"}) {
    assert_false(parse_statuses(text).has_value());
  }
  assert_string_equal(to_string(*parse_statuses("204")).c_str(), "204");
  assert_string_equal(to_string(*parse_statuses("200-399")).c_str(), "200-399");
}

void endpoints(void** /*state*/) {
  assert_true(parse_endpoint("192.0.2.2:8443") ==
              Endpoint({.address = *parse_address("192.0.2.2"), .port = 8'443}));
  assert_true(parse_endpoint("[::]:1") == Endpoint({.address = *parse_address("::"), .port = 1}));
  for (const char* const text : {"", ":443", "192.0.2.2", "192.0.2.2:0", "192.0.2.2:65536",
                                 "2001:db8::2:443", "[192.0.2.2]:443", "[]:443", "[::]", "[::]:",
                                 "localhost:443", "[::1:443", "::1]:443", "192.0.2.2:443 "}) {
    if (parse_endpoint(text).has_value()) print_error("%s\n", text);
    assert_false(parse_endpoint(text).has_value());
  }
}

void fields_of_requests(void** /*state*/) {
  constexpr Verdict kRows[] = {
      {"A: b", true},          {"A:b", true},         {"A:", true},
      {"X-A_b.1: c: d", true}, {"", false},           {":", false},
      {": b", false},          {"A", false},          {"A b: c", false},
      {"A: b\r", false},       {"A: b\nC: d", false}, {"A: \x7f", false},
      {"A: \xc3\xa4", false},  {"(A): b", false},
  };
  for (const Verdict& row : kRows) assert_int_equal(is_header_field(row.text), row.is_good);
}

void names_of_dns(void** /*state*/) {
  constexpr Verdict kRows[] = {
      {".", true},    {"a", true},    {"a.", true},        {"_sip._tcp.example", true},
      {"", false},    {"..", false},  {".a", false},       {"a..b", false},
      {"a b", false}, {"a/b", false}, {"\xc3\xa4", false},
  };
  for (const Verdict& row : kRows) assert_int_equal(is_dns_name(row.text), row.is_good);
  const std::string label(63, 'a');
  assert_true(is_dns_name(label + "." + label + "." + label + "." + std::string(61, 'a')));
  assert_false(is_dns_name(label + "." + label + "." + label + "." + std::string(62, 'a')));
  assert_false(is_dns_name(label + "a"));
}

void bytes_behind_backslashes(void** /*state*/) {
  const struct {
    const char* text;
    std::optional<std::string> expected;
  } rows[] = {
      {"", ""},
      {"plain", "plain"},
      {R"(\r\n\t\\)", "\r\n\t\\"},
      {R"(a\x00b\xfF)", std::string("a\0b\xff", 4)},
      {"a\nb", "a\nb"},
      {R"(\)", std::nullopt},
      {R"(\q)", std::nullopt},
      {R"(\x)", std::nullopt},
      {R"(\x1)", std::nullopt},
      {R"(\x1g)", std::nullopt},
      {R"(\x-1)", std::nullopt},
  };
  for (const auto& row : rows) {
    if (unescape(row.text) != row.expected) print_error("%s\n", row.text);
    assert_true(unescape(row.text) == row.expected);
  }
}

void what_is_put_in_requests(void** /*state*/) {
  constexpr Verdict kPaths[] = {
      {"/", true},     {"/a/b?c=d&e=%20", true}, {"", false},     {"a", false},
      {"/a b", false}, {"/a\r\nHost: b", false}, {"/a#b", false}, {"/\xc3\xa9", false},
  };
  for (const Verdict& row : kPaths) assert_int_equal(is_request_path(row.text), row.is_good);
  constexpr Verdict kMethods[] = {{"GET", true},  {"OPTIONS", true}, {"", false},
                                  {"get", false}, {"GET ", false},   {"A\n", false}};
  for (const Verdict& row : kMethods) assert_int_equal(is_method(row.text), row.is_good);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(prefixes),
      cmocka_unit_test(interface_addresses),
      cmocka_unit_test(ports),
      cmocka_unit_test(macs),
      cmocka_unit_test(addresses_of_one_host),
      cmocka_unit_test(names),
      cmocka_unit_test(durations),
      cmocka_unit_test(sizes),
      cmocka_unit_test(statuses),
      cmocka_unit_test(endpoints),
      cmocka_unit_test(fields_of_requests),
      cmocka_unit_test(names_of_dns),
      cmocka_unit_test(bytes_behind_backslashes),
      cmocka_unit_test(what_is_put_in_requests),
  };
  return cmocka_run_group_tests_name("settings/values", tests, nullptr, nullptr);
}
