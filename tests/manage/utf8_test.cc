#include "firmware/manage/utf8.h"

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

struct Row {
  const char* description;
  std::string in;
  std::string expected;
};

void test_only_characters_are_left(void**) {
  const Row rows[] = {
      {"nothing", "", ""},
      {"plain", "plain text of more than eight", "plain text of more than eight"},
      {"two, three and four bytes", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xb1",
       "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xb1"},
      {"a byte that begins nothing",
       "12345678\xff"
       "12345678",
       "12345678?12345678"},
      {"one that goes on with nothing", "\x80", "?"},
      {"cut off", "ab\xe2\x82", "ab??"},
      {"longer than needed", "\xc0\xaf", "??"},
      {"a surrogate", "\xed\xa0\x80", "???"},
      {"beyond the last", "\xf4\x90\x80\x80", "????"},
      {"zeros stay", std::string("a\0b", 3), std::string("a\0b", 3)},
  };
  for (const Row& row : rows) {
    std::string text = row.in;
    make_utf8(text);
    if (text != row.expected) print_error("%s\n", row.description);
    assert_true(text == row.expected);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {cmocka_unit_test(test_only_characters_are_left)};
  return cmocka_run_group_tests_name("manage/utf8", tests, nullptr, nullptr);
}
