#include "tools/keel/words.h"

#include <string>
#include <vector>

#include "tests/cmocka.h"

namespace evenkeel::keel {
namespace {

void test_what_a_terminal_obeys_is_written_out(void**) {
  const struct {
    const char* description;
    std::string_view in;
    const char* expected;
  } rows[] = {
      {"plain", "web1 (a/b)", "web1 (a/b)"},
      {"empty", "", ""},
      {"escape sequence", "a\x1b[31mb", "a\\x1b[31mb"},
      {"title and bell", "\x1b]0;x\x07", "\\x1b]0;x\\x07"},
      {"carriage return, delete, nul", {"a\rb\x7f\0c", 6}, "a\\x0db\\x7f\\x00c"},
      {"line feed and tab", "a\nb\tc", "a\\nb\\tc"},
      {"control of 8 bits, in UTF-8",
       "a\xc2\x9b"
       "31m",
       "a\\u009b31m"},
      {"control of 8 bits, alone",
       "a\x9b"
       "31m",
       "a\\x9b31m"},
      {"direction turned", "abc\u202edef\u2066", "abc\\u202edef\\u2066"},
      {"no width", "we\u200bb1", "we\\u200bb1"},
      {"tags", "a\U000e0041", "a\\U000e0041"},
      {"letters of others", "Größe 日本 ×", "Größe 日本 ×"},
      {"cut off in the middle", "a\xe6\x97", "a\\xe6\\x97"},
      {"longer than need be", "\xc0\xaf", "\\xc0\\xaf"},
      {"longer than need be, of 3", "\xe0\x80\xaf", "\\xe0\\x80\\xaf"},
      {"half of a pair", "\xed\xa0\x80", "\\xed\\xa0\\x80"},
      {"beyond the last", "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
  };
  for (const auto& row : rows) {
    if (printable(row.in) != row.expected) print_message("%s\n", row.description);
    assert_string_equal(printable(row.in).c_str(), row.expected);
  }
  assert_string_equal(printable_lines("a\tb\x1b\nc\r\n").c_str(), "a    b\\x1b\nc\\x0d\n");
}

void test_every_byte_comes_out_harmless(void**) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string in = {static_cast<char>(first), static_cast<char>(second)};
      for (const char c : printable(in)) {
        const auto byte = static_cast<unsigned char>(c);
        assert_true(byte >= 0x20 && byte != 0x7f);
      }
      assert_string_equal(printable(printable(in)).c_str(), printable(in).c_str());
    }
  }
}

void test_columns(void**) {
  const struct {
    const char* in;
    size_t expected;
  } rows[] = {{"", 0}, {"abc", 3}, {"Größe", 5}, {"日本", 4}, {"e\u0301", 1}, {"█▏", 2}};
  for (const auto& row : rows) assert_int_equal(columns_of(row.in), row.expected);

  const struct {
    const char* in;
    size_t columns;
    const char* unicode;
    const char* plain;
  } cuts[] = {{"web1", 4, "web1", "web1"},     {"web1", 3, "we…", "we~"},
              {"日本語", 5, "日本…", "日本~"}, {"日本語", 4, "日…", "日~"},
              {"web1", 1, "…", "~"},           {"web1", 0, "", ""}};
  for (const auto& row : cuts) {
    assert_string_equal(clipped(row.in, row.columns, true).c_str(), row.unicode);
    assert_string_equal(clipped(row.in, row.columns, false).c_str(), row.plain);
  }
  assert_string_equal(padded("日本", 6).c_str(), "日本  ");
  assert_string_equal(padded("7", 3, true).c_str(), "  7");
  assert_string_equal(padded("long", 2).c_str(), "long");
}

void test_wrapping(void**) {
  const std::vector<std::string> lines = wrapped("one two  three extraordinary x", 9);
  const std::vector<std::string> expected = {"one two", "three", "extraordinary", "x"};
  assert_true(lines == expected);
  assert_true(wrapped("", 10) == std::vector<std::string>{""});
}

void test_words_of_a_line(void**) {
  const struct {
    std::string_view line;
    std::vector<std::string> words;
    char quote;
    bool is_begun;
  } rows[] = {
      {"", {}, 0, false},
      {"  show  backends ", {"show", "backends"}, 0, false},
      {"show back", {"show", "back"}, 0, true},
      {"commit --why 'a b' x", {"commit", "--why", "a b", "x"}, 0, true},
      {"a \"b \\\" c\" d\\ e", {"a", "b \" c", "d e"}, 0, true},
      {"'a\\b'", {"a\\b"}, 0, true},
      {"--why='x y'z", {"--why=x yz"}, 0, true},
      {"commit --why 'open", {"commit", "--why", "open"}, '\'', true},
      {"''", {""}, 0, true},
      {"a\\", {"a\\"}, 0, true},
  };
  for (const auto& row : rows) {
    const Words words = split_words(row.line);
    assert_true(words.words == row.words);
    assert_int_equal(words.open_quote, row.quote);
    assert_int_equal(words.is_word_begun, row.is_begun);
  }
}

void test_quoted_words_come_back(void**) {
  for (const std::string_view word : {"web1", "a b", "it's", "", "\"", "$(x)", "a\\b", "--x='y'"}) {
    const Words words = split_words(quoted(word));
    assert_int_equal(words.words.size(), 1);
    assert_true(words.words[0] == word);
  }
  assert_string_equal(quoted("shop/web1").c_str(), "shop/web1");
}

void test_what_was_meant(void**) {
  const std::vector<std::string_view> known = {"commit", "confirm", "show", "set"};
  assert_true(nearest("comit", known) == "commit");
  assert_true(nearest("shwo", known) == "show");
  assert_true(nearest("sett", known) == "set");
  const std::string_view more[] = {"set", "edit", "status"};
  assert_true(nearest("stat", more) == "status");
  assert_false(nearest("quit", more).has_value());
  assert_false(nearest("frobnicate", known).has_value());
  assert_false(nearest(std::string(100'000, 'x'), known).has_value());
  assert_false(nearest("x", {}).has_value());
}

}  // namespace
}  // namespace evenkeel::keel

int main() {
  using namespace evenkeel::keel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_what_a_terminal_obeys_is_written_out),
      cmocka_unit_test(test_every_byte_comes_out_harmless),
      cmocka_unit_test(test_columns),
      cmocka_unit_test(test_wrapping),
      cmocka_unit_test(test_words_of_a_line),
      cmocka_unit_test(test_quoted_words_come_back),
      cmocka_unit_test(test_what_was_meant),
  };
  return cmocka_run_group_tests_name("tools/keel/words", tests, nullptr, nullptr);
}
