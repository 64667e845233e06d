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

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(prefixes), cmocka_unit_test(interface_addresses),   cmocka_unit_test(ports),
      cmocka_unit_test(macs),     cmocka_unit_test(addresses_of_one_host), cmocka_unit_test(names),
  };
  return cmocka_run_group_tests_name("settings/values", tests, nullptr, nullptr);
}
