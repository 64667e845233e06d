#include "firmware/manage/arguments.h"

#include <boost/json/serialize.hpp>
#include <cstring>
#include <limits>

#include "firmware/base/limits.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

constexpr std::string_view kKinds[] = {"drain", "weight"};
constexpr Parameter kMembers[] = {
    {.name = "rule", .is_required = true, .least = 1, .most = 8, .help = "the rule's name"}};
constexpr Parameter kAll[] = {
    {.name = "why", .least = 1, .most = 20, .help = "a reason"},
    {.name = "kind", .most = 20, .help = "what", .choices = kKinds},
    {.name = "limit", .kind = ParameterKind::number, .least = 1, .most = 1'000, .help = "rows"},
    {.name = "waivers", .kind = ParameterKind::list, .most = 2, .help = "w", .members = kMembers}};
constexpr Parameter kRequired[] = {
    {.name = "id", .kind = ParameterKind::number, .is_required = true, .most = 9, .help = "whose"}};

struct Row {
  const char* description;
  std::string in;
  const char* expected;  // as JSON, or part of an error
};

template <typename Take>
void expect(const Row& row, Take take) {
  const Result<json::object> found = take(row.in);
  const std::string text = found.ok() ? json::serialize(found.value()) : found.message();
  const bool is_it =
      found.ok() ? text == row.expected : std::strstr(text.c_str(), row.expected) != nullptr;
  if (!is_it) print_message("%s: %s\n", row.description, text.c_str());
  assert_true(is_it);
  for (const char c : text) assert_true(c >= ' ' && c <= '~');
}

void test_queries(void**) {
  const Row rows[] = {
      {"nothing", "", "{}"},
      {"all", "why=a&kind=drain&limit=5", R"({"why":"a","kind":"drain","limit":5})"},
      {"percent and plus", "%77hy=a%2Bb+c%26%3d", R"({"why":"a+b c&="})"},
      {"the second = is a value's", "why=a=b", R"({"why":"a=b"})"},
      {"no value", "why", "'why' has 0 bytes, and 1 to 20"},
      {"the longest", "why=aaaaaaaaaaaaaaaaaaaa", R"({"why":"aaaaaaaaaaaaaaaaaaaa"})"},
      {"too long", "why=aaaaaaaaaaaaaaaaaaaaa", "'why' has 21 bytes"},
      {"twice", "why=a&why=b", "'why' is there twice"},
      {"unknown", "whi=a", "no argument 'whi' here; there are: why, kind, limit, waivers"},
      {"no choice", "kind=Drain", "'kind' is 'Drain'; it may be: drain, weight"},
      {"half a percent", "why=%", "not printable"},
      {"a percent of one digit", "why=%4", "not printable"},
      {"no digits", "why=%zz", "not printable"},
      {"a sign is no digit", "why=%-1", "not printable"},
      {"a zero byte", "why=%00", "not printable"},
      {"a line's end", "why=a%0ab", "not printable"},
      {"not ASCII", "why=\xc3\xa4", "not printable"},
      {"least", "limit=1", R"({"limit":1})"},
      {"most", "limit=1000", R"({"limit":1000})"},
      {"below", "limit=0", "'limit' must be a whole number, 1 to 1000"},
      {"above", "limit=1001", "'limit' must be"},
      {"negative", "limit=-1", "'limit' must be"},
      {"a plus is a space", "limit=+1", "'limit' must be"},
      {"not whole", "limit=1.5", "'limit' must be"},
      {"2^64 + 1", "limit=18446744073709551617", "'limit' must be"},
      {"no number", "limit=", "'limit' must be"},
  };
  for (const Row& row : rows) {
    expect(row, [](std::string_view in) { return arguments_of_query(in, kAll); });
  }
  const Row missing = {"missing", "", "'id' is missing: whose"};
  expect(missing, [](std::string_view in) { return arguments_of_query(in, kRequired); });
  const Row none = {"none are known", "a=b", "there are: none"};
  expect(none, [](std::string_view in) { return arguments_of_query(in, {}); });
}

void test_bodies(void**) {
  const std::string deep(kMaxApiDepth + 1, '[');
  const Row rows[] = {
      {"nothing", "", "the body is no JSON"},
      {"an empty object", "{}", "{}"},
      {"all", R"({"why":"a","limit":5,"waivers":[{"rule":"r"},{"rule":"s"}]})",
       R"({"why":"a","limit":5,"waivers":[{"rule":"r"},{"rule":"s"}]})"},
      {"no JSON", "{]", "the body is no JSON"},
      {"two objects", "{}{}", "the body is no JSON"},
      {"too deep", R"({"why":)" + deep, "the body is no JSON"},
      {"a list", "[]", "the body must be a JSON object"},
      {"unknown", R"({"when":1})", "no argument 'when' here"},
      {"a name of bytes", "{\"\\u0000\\n\":1}",
       "no argument '?"
       "?' here"},
      {"a number as a text", R"({"why":1})", "'why' must be a string"},
      {"null", R"({"why":null})", "'why' must be a string"},
      {"a text as a number", R"({"limit":"5"})", "'limit' must be a whole number"},
      {"negative", R"({"limit":-5})", "'limit' must be a whole number"},
      {"not whole", R"({"limit":5.0})", "'limit' must be a whole number"},
      {"2^63", R"({"limit":9223372036854775808})", "'limit' must be a whole number"},
      {"no list", R"({"waivers":{}})", "'waivers' must be a list of objects"},
      {"a list of texts", R"({"waivers":["r"]})", "an element of 'waivers' must be a JSON object"},
      {"too many", R"({"waivers":[{},{},{}]})", "'waivers' has 3 elements, and 0 to 2"},
      {"an element without", R"({"waivers":[{}]})", "'rule' is missing: the rule's name"},
      {"an element with more", R"({"waivers":[{"rule":"r","why":"w"}]})",
       "no argument 'why' here; there are: rule"},
  };
  for (const Row& row : rows) {
    expect(row, [](std::string_view in) { return arguments_of_body(in, kAll, {}); });
  }
  assert_true(arguments_of_body("", {}, {}).ok());
  assert_true(arguments_of_body("{}", {}, {}).ok());
  assert_false(arguments_of_body("{}", kRequired, {}).ok());
}

void test_gives_what_is_there(void**) {
  const json::object arguments = {{"why", "a"}, {"limit", 5}};
  assert_string_equal(text_of(arguments, "why").c_str(), "a");
  assert_string_equal(text_of(arguments, "kind").c_str(), "");
  assert_true(number_of(arguments, "limit") == 5);
  assert_false(number_of(arguments, "id").has_value());
}

void test_quotes_anything(void**) {
  assert_string_equal(in_quotes("").c_str(), "''");
  assert_string_equal(in_quotes("a\n\x7f\xff").c_str(),
                      "'a?"
                      "?"
                      "?'");
  assert_int_equal(in_quotes(std::string(64, 'x')).size(), 66);
  assert_true(in_quotes(std::string(1u << 20, 'x')) == "'" + std::string(64, 'x') + "...'");
}

void test_parses_numbers(void**) {
  assert_true(parse_number("0") == 0);
  assert_true(parse_number("18446744073709551615") == std::numeric_limits<uint64_t>::max());
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616"}) {
    assert_false(parse_number(text).has_value());
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_queries),
      cmocka_unit_test(test_bodies),
      cmocka_unit_test(test_gives_what_is_there),
      cmocka_unit_test(test_quotes_anything),
      cmocka_unit_test(test_parses_numbers),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
