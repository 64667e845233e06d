#include "firmware/settings/outline.h"

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

std::string_view value_in(std::string_view text, const Piece& piece) {
  return text.substr(piece.value_begin, piece.value_end - piece.value_begin);
}

// The pieces, one after the other: key=value, and what is in it in brackets.
std::string in_words(std::string_view text, const Piece& piece) {
  std::string words(piece.key);
  if (!piece.key.empty()) words += '=';
  if (piece.kind == Piece::Kind::scalar) return words + std::string(value_in(text, piece));
  const bool is_group = piece.kind == Piece::Kind::group;
  words += is_group ? '{' : '(';
  for (const Piece& inner : piece.pieces) words += in_words(text, inner) + " ";
  return words + (is_group ? '}' : ')');
}

struct Row {
  const char* description;
  const char* text;
  const char* pieces;
};

constexpr Row kRows[] = {
    {"nothing", "", "{}"},
    {"only comments", " # a = 5;\n// b\n/* c = 6; */", "{}"},
    {"numbers and words", "a = 5; b: -0x1F, c = 1.5e-3 d = TRUE", "{a=5 b=-0x1F c=1.5e-3 d=TRUE }"},
    {"texts", R"(a = "x ; } # \" \\"; b="y")", R"({a="x ; } # \" \\" b="y" })"},
    {"texts that are one", "a = \"x\" /* ; */\n\"y\"; b = 1", "{a=\"x\" /* ; */\n\"y\" b=1 }"},
    {"groups and lists", "a = { b = ( { c = 1 }, { } ); d = [ 1, 2 ]; };",
     "{a={b=({c=1 } {} ) d=(1 2 ) } }"},
    {"comments between all", "a/*1*/=//2\n{#3\nb/*4*/:/*5*/1/*6*/;/*7*/}/*8*/;", "{a={b=1 } }"},
    {"a comment that only looks closed", "/*/ a = 1; */ b = 2;", "{b=2 }"},
    {"odd keys", "*a-b_1 = 1", "{*a-b_1=1 }"},
};

void what_libconfig_reads_is_outlined(void** /*state*/) {
  for (const Row& row : kRows) {
    const Result<Piece> root = outline(row.text);
    if (!root.ok()) print_error("%s: %s\n", row.description, root.message().c_str());
    assert_true(root.ok());
    assert_string_equal(in_words(row.text, root.value()).c_str(), row.pieces);
  }
}

struct Refusal {
  const char* text;
  const char* message;
};

constexpr Refusal kRefusals[] = {
    {"a", "line 1 of the text: '=' is expected here; mend that first"},
    {"a = 1;\n\n5", "line 3 of the text: a key is expected here; mend that first"},
    {"a = ;", "line 1 of the text: a value is expected here; mend that first"},
    {"a = { b = 1;\n", "line 2 of the text: '}' is expected here; mend that first"},
    {"a = ( 1, 2;", "line 1 of the text: ')' is expected here; mend that first"},
    {"a = [ 1 2 ]", "line 1 of the text: ']' is expected here; mend that first"},
    {"a = \"x\n\"", "line 1 of the text: the end of a text, \", is expected here; mend that first"},
    {"a = \"x\\", "line 1 of the text: the end of a text, \", is expected here; mend that first"},
    {"a = 1; /* b", "line 1 of the text: a key is expected here; mend that first"},
    {"a = 1;\n@include \"b\"",
     "line 2 of the text: no @include, but what it includes (keel load takes it in) is expected "
     "here; mend that first"},
    {"a = 1; }", "line 1 of the text: a key is expected here; mend that first"},
};

void what_is_no_settings_text_is_refused(void** /*state*/) {
  for (const Refusal& row : kRefusals) {
    const Result<Piece> root = outline(row.text);
    assert_false(root.ok());
    assert_string_equal(root.message().c_str(), row.message);
  }
}

void depth_is_bounded(void** /*state*/) {
  const auto nested = [](size_t depth) {
    std::string text = "a = ";
    for (size_t i = 0; i < depth; ++i) text += "( ";
    return text + "1" + std::string(depth, ')');
  };
  assert_true(outline(nested(15)).ok());
  assert_false(outline(nested(16)).ok());
  assert_false(outline(nested(1'000'000)).ok());
}

void one_value_is_one(void** /*state*/) {
  for (const char* const text : {"5", "\"a;b\"", "\"a\" \"b\"", "( { a = 1; } )", "[ ]", "-1"}) {
    assert_true(outline_value(text).ok());
  }
  for (const char* const text : {"", "5 6", "5; a = 6", "5 }", "{ a = 1; } {", "\"a", "{ a }"}) {
    assert_false(outline_value(text).ok());
  }
}

void elements_go_by_their_names(void** /*state*/) {
  constexpr std::string_view kText =
      R"(l = ( { x = 1; name = "a"; }, { name = "b" /* c */ "d"; }, { }, 5, { name = "\x66"; } );)";
  const Result<Piece> root = outline(kText);
  assert_true(root.ok());
  const Piece& list = *root.value().member("l");
  assert_ptr_equal(list.element(kText, "a"), &list.pieces[0]);
  assert_ptr_equal(list.element(kText, "bd"), &list.pieces[1]);
  assert_null(list.element(kText, "c"));
  assert_null(list.element(kText, "f"));
  assert_null(list.element(kText, ""));
  assert_null(list.member("a"));
  assert_null(root.value().element(kText, "a"));
  assert_null(root.value().member("x"));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_libconfig_reads_is_outlined),
      cmocka_unit_test(what_is_no_settings_text_is_refused),
      cmocka_unit_test(depth_is_bounded),
      cmocka_unit_test(one_value_is_one),
      cmocka_unit_test(elements_go_by_their_names),
  };
  return cmocka_run_group_tests_name("settings/outline", tests, nullptr, nullptr);
}
