#include "tools/keel/style.h"

#include "tests/cmocka.h"
#include "tools/keel/words.h"

namespace evenkeel::keel {
namespace {

constexpr Style kPlain = {};
constexpr Style kColoured = {.colours = true, .unicode = true, .width = 80};

void test_colours_are_for_terminals(void**) {
  assert_string_equal(painted(kColoured, Colour::red, "x").c_str(), "\x1b[31mx\x1b[0m");
  assert_string_equal(painted(kColoured, Colour::plain, "x").c_str(), "x");
  assert_string_equal(painted(kColoured, Colour::red, "").c_str(), "");
  assert_string_equal(painted(kPlain, Colour::red, "x").c_str(), "x");
}

void test_bars(void**) {
  const Style ascii = {.unicode = false};
  const struct {
    double part;
    const char* unicode;
    const char* ascii;
  } rows[] = {{0, "    ", "    "},       {1, "████", "####"},        {0.5, "██  ", "##  "},
              {0.03125, "▏   ", "    "}, {0.28125, "█▏  ", "#   "},  {2, "████", "####"},
              {-1, "    ", "    "},      {0.0 / 0.0, "    ", "    "}};
  for (const auto& row : rows) {
    assert_string_equal(bar(kPlain, row.part, 4).c_str(), row.unicode);
    assert_string_equal(bar(ascii, row.part, 4).c_str(), row.ascii);
  }
}

Table example() {
  Table table({{"name", false, Narrow::is_cut}, {"flows", true}, {"", false, Narrow::is_cut}}, 2);
  table.add({{"web1"}, {"7"}, {"a reason that is long"}});
  table.add({{"日本"}, {"12,345"}, {""}});
  return table;
}

void test_a_table_lines_up(void**) {
  assert_string_equal(example().text(kPlain).c_str(),
                      "  name   flows\n"
                      "  web1       7  a reason that is long\n"
                      "  日本  12,345\n");
}

void test_a_table_fits_the_terminal(void**) {
  for (size_t width = 28; width <= 60; ++width) {
    const std::string text = example().text({.width = width});
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      assert_true(columns_of(text.substr(at, end - at)) <= width);
      at = end + 1;
    }
  }
  assert_string_equal(example().text({.width = 30}).c_str(),
                      "  name   flows\n"
                      "  web1       7  a reason that…\n"
                      "  日本  12,345\n");
}

Table of_sentences() {
  Table table({{"name", false, Narrow::is_cut},
               {"flows", true, Narrow::folds},
               {"why", false, Narrow::wraps},
               {"note", false, Narrow::wraps}});
  table.add({{"web1"}, {"12,345"}, {"it is red: the server at rest answers nothing"}, {"a note"}});
  table.add({{"web2"}, {""}, {""}, {""}});
  return table;
}

void test_sentences_are_told_whole(void**) {
  const struct {
    size_t width;
    const char* expected;
  } rows[] = {
      {0,
       "name   flows  why                                            note\n"
       "web1  12,345  it is red: the server at rest answers nothing  a note\n"
       "web2\n"},
      {45,
       "name   flows  why\n"
       "web1  12,345  it is red: the server at rest\n"
       "              answers nothing\n"
       "    note: a note\n"
       "web2\n"},
      {30,
       "name   flows\n"
       "web1  12,345\n"
       "    why: it is red: the server\n"
       "    at rest answers nothing\n"
       "    note: a note\n"
       "web2\n"},
      {11,
       "name\n"
       "web1\n"
       "    flows\n"
       "    12,345\n"
       "    why: it\n"
       "    is red:\n"
       "    the\n"
       "    server\n"
       "    at rest\n"
       "    answers\n"
       "    nothing\n"
       "    note: a\n"
       "    note\n"
       "web2\n"},
  };
  for (const auto& row : rows) {
    const std::string text = of_sentences().text({.width = row.width});
    if (text != row.expected) print_message("%s", text.c_str());
    assert_string_equal(text.c_str(), row.expected);
  }
}

void test_columns_that_nothing_is_in(void**) {
  Table table({{.title = "a", .is_dropped_empty = true},
               {.title = "b"},
               {.title = "c", .is_dropped_empty = true}});
  table.add({{""}, {""}, {"x"}});
  table.add({{""}, {""}, {""}});
  assert_string_equal(table.text(kPlain).c_str(), "b  c\n   x\n\n");
  Table none({{.title = "a", .is_dropped_empty = true}});
  none.add({{""}});
  assert_false(none.is_empty());
  assert_string_equal(none.text(kPlain).c_str(), "");
}

void test_what_is_coloured_is_laid_out_the_same(void**) {
  Table table({{"", false}, {"b", true}});
  table.add({{"x", Colour::red}, {"1", Colour::green}});
  assert_string_equal(table.text(kColoured).c_str(),
                      "   \x1b[2mb\x1b[0m\n\x1b[31mx\x1b[0m  \x1b[32m1\x1b[0m\n");
  const Table none({{""}});
  assert_true(none.is_empty());
  assert_string_equal(none.text(kPlain).c_str(), "");
}

}  // namespace
}  // namespace evenkeel::keel

int main() {
  using namespace evenkeel::keel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_colours_are_for_terminals),
      cmocka_unit_test(test_bars),
      cmocka_unit_test(test_a_table_lines_up),
      cmocka_unit_test(test_a_table_fits_the_terminal),
      cmocka_unit_test(test_sentences_are_told_whole),
      cmocka_unit_test(test_columns_that_nothing_is_in),
      cmocka_unit_test(test_what_is_coloured_is_laid_out_the_same),
  };
  return cmocka_run_group_tests_name("tools/keel/style", tests, nullptr, nullptr);
}
