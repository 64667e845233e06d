#include "firmware/change/overrides_file.h"

#include <cstring>
#include <string>

#include "firmware/base/limits.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

const std::string kOne =
    R"({"id":1,"backend":"web1","kind":"drain","for_us":60000000,"made_us":5,"ends_us":60000005,)"
    R"("reason":"new disk","who":"anna"})";

std::string file(const std::string& list, const std::string& rest = R"("version":1,"next_id":9)") {
  return "{" + rest + R"(,"overrides":[)" + list + "]}";
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

void what_is_written_is_read(void** /*state*/) {
  OverridesFile whole{.next_id = UINT64_MAX, .overrides = {}};
  for (const OverrideKind kind :
       {OverrideKind::weight, OverrideKind::drain, OverrideKind::maintenance}) {
    const uint64_t id = whole.overrides.size() + 1;
    whole.overrides.push_back({.id = id,
                               .request = {.backend = "shop/web\xc3\xa9\"\\",
                                           .kind = kind,
                                           .weight = kind == OverrideKind::weight ? 1'000'000u : 0u,
                                           .lasts = 1'000'000,
                                           .reason = "\xe2\x82\xac \"",
                                           .who = "anna"},
                               .made = id == 1 ? 0 : UINT64_MAX - 1,
                               .ends = UINT64_MAX});
  }
  const Result<OverridesFile> read = read_overrides(write_overrides(whole));
  if (!read.ok()) print_message("%s\n", read.message().c_str());
  assert_true(read.ok());
  assert_true(read.value().next_id == whole.next_id);
  assert_int_equal(read.value().overrides.size(), 3);
  for (size_t index = 0; index < 3; ++index) {
    const Override& in = whole.overrides[index];
    const Override& out = read.value().overrides[index];
    assert_true(in.id == out.id && in.made == out.made && in.ends == out.ends);
    assert_true(in.request.kind == out.request.kind && in.request.weight == out.request.weight);
    assert_string_equal(in.request.backend.c_str(), out.request.backend.c_str());
    assert_string_equal(in.request.reason.c_str(), out.request.reason.c_str());
  }
}

struct Row {
  const char* description;
  std::string in;
  const char* expected;  // empty: it is read
};

void what_is_not_ours_is_refused(void** /*state*/) {
  const Row rows[] = {
      {"nothing", "", "not a whole JSON object"},
      {"none", file(""), ""},
      {"one", file(kOne), ""},
      {"spaces", " " + file(kOne) + "\n\n", ""},
      {"half", file(kOne).substr(0, 100), "not a whole"},
      {"something behind", file(kOne) + "x", "not a whole"},
      {"a list", "[]", "not a whole"},
      {"deep", std::string(10'000, '['), "not a whole"},
      {"a later version", file("", R"("version":2,"next_id":1)"), "version"},
      {"no version", file("", R"("next_id":1)"), "version"},
      {"a key that is not known", file("", R"("version":1,"next_id":1,"x":1)"), "other keys"},
      {"no list", R"({"version":1,"next_id":1})", "other keys"},
      {"a list that is none", R"({"version":1,"next_id":1,"overrides":{}})", "other keys"},
      {"not an override", file("7"), "not an object"},
      {"another key in an override", file(with(kOne, "\"id\"", "\"x\":1,\"id\"")), "keys"},
      {"no id", file(with(kOne, "\"id\":1,", "")), "\"id\""},
      {"a negative id", file(with(kOne, ":1,", ":-1,")), "\"id\""},
      {"id 0", file(with(kOne, ":1,", ":0,")), "no id"},
      {"a broken id", file(with(kOne, ":1,", ":1.5,")), "\"id\""},
      {"an id in letters", file(with(kOne, ":1,", ":\"1\",")), "\"id\""},
      {"an id to come", file(with(kOne, ":1,", ":9,")), "do not rise"},
      {"the same twice", file(kOne + "," + kOne), "do not rise"},
      {"no reason", file(with(kOne, "new disk", "")), "needs a reason"},
      {"a kind of its own", file(with(kOne, "\"drain\"", "\"stop\"")), "\"stop\""},
      {"a weight without its kind", file(with(kOne, "\"id\"", "\"weight\":1,\"id\"")), "keys"},
      {"a kind without its weight", file(with(kOne, "\"drain\"", "\"weight\"")), "\"weight\""},
      {"a great weight",
       file(with(with(kOne, "\"drain\"", "\"weight\""), "\"id\"", "\"weight\":4294967296,\"id\"")),
       "weight of web1"},
      {"for ever", file(with(kOne, ":60000000,", ":18446744073709551615,")), "lasts"},
      {"no backend", file(with(kOne, "web1", "a/b/c")), "not for"},
  };
  for (const Row& row : rows) {
    print_message("%s\n", row.description);
    const Result<OverridesFile> read = read_overrides(row.in);
    assert_int_equal(read.ok(), strlen(row.expected) == 0);
    if (!read.ok()) assert_non_null(strstr(read.message().c_str(), row.expected));
  }
  std::string many = kOne;
  for (size_t id = 2; id <= kMaxOverrides + 1; ++id) {
    many += "," + with(kOne, ":1,", ":" + std::to_string(id) + ",");
  }
  assert_false(read_overrides(file(many, R"("version":1,"next_id":9999)")).ok());
}

// Cut anywhere, and with any byte another: read as a whole, or not at all.
void half_a_file_is_none(void** /*state*/) {
  const std::string whole = file(kOne);
  for (size_t size = 0; size < whole.size(); ++size) {
    assert_false(read_overrides(whole.substr(0, size)).ok());
    std::string other = whole;
    other[size] = static_cast<char>(other[size] ^ 0x80);
    const Result<OverridesFile> read = read_overrides(other);
    assert_true(!read.ok() || read.value().overrides.size() == 1);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test(what_is_not_ours_is_refused),
      cmocka_unit_test(half_a_file_is_none),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
