#include "firmware/settings/source.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "firmware/base/limits.h"
#include "tests/cmocka.h"
#include "tests/settings/files.h"

namespace evenkeel {
namespace {

struct Row {
  const char* description;
  const char* in;
  const char* out;  // what the parser gets
};

constexpr Row kRows[] = {
    {"nothing", "", "\n"},
    {"comments go, lines stay", "a # b \"\n// c\n/* d\n\" */ e", "a \n\n \n e\n"},
    {"a comment in a text is text", R"(a = "x # y // z /* w";)", "a = \"x # y // z /* w\";\n"},
    {"a quote in a text", R"("a\"b" # c)", "\"a\\\"b\" \n"},
    {"a backslash at the end of a text", R"("a\\" # c)", "\"a\\\\\" \n"},
    {"integers count 64 bits", "5 -5 +5 0x1F 7L 7LL", "5L -5L +5L 0x1FL 7L 7L\n"},
    {"integers that do not fit", "1234567890123456789 0x1234567890ABCDEF 5",
     "9223372036854775807L 9223372036854775807L 5L\n"},
    {"leading zeros are no digits", "00000000000000000000000005", "00000000000000000000000005L\n"},
    {"no integers", "1.5 .5 a5 a-5 b_6", "1.5 .5 a5 a-5 b_6\n"},
    {"a text in a list keeps its line", "[\"a\"\n,\n\"b\"\n]", "[\"a\",\n\n\"b\"]\n\n"},
    {"a text before the next key keeps its line", "a = \"b\"\nc = 5", "a = \"b\"\nc = 5L\n"},
    {"other ends of lines", "a = 5;\r\nb = 6;\r\n", "a = 5L; \nb = 6L; \n\n"},
};

void the_parser_gets_what_was_meant(void** /*state*/) {
  for (const Row& row : kRows) {
    const Source source = read_source_text(row.in, "text");
    if (source.text != row.out) print_error("%s\n", row.description);
    assert_string_equal(source.text.c_str(), row.out);
    assert_true(source.mistakes.empty());
    assert_int_equal(source.lines.size(), std::count(source.text.begin(), source.text.end(), '\n'));
  }
}

// In the text that the parser gets, the file and line of the line that `word` is on.
std::string place_of(const Source& source, const std::string& word) {
  const size_t at = source.text.find(word);
  CHECK(at != std::string::npos);
  const auto end = source.text.begin() + static_cast<ptrdiff_t>(at);
  const auto line = static_cast<size_t>(std::count(source.text.begin(), end, '\n'));
  return source.files[source.lines[line].file] + ":" + std::to_string(source.lines[line].number);
}

void included_files_keep_their_lines(void** /*state*/) {
  const Folder folder;
  std::filesystem::create_directory(folder.path("parts"));
  folder.write("parts/inner", "inner1\n  @include \"innermost\"\ninner3");
  folder.write("parts/innermost", "\ninnermost2");
  folder.write("outer", "outer1\n@include \"parts/inner\" outer2\nouter3\n@include \"" +
                            folder.path("parts/innermost") + "\"\nouter5 \"text\" @include " +
                            "\"parts/innermost\"\nouter6");
  const Source source = read_source_file(folder.path("outer"));
  for (const Mistake& mistake : source.mistakes) print_error("%s", to_string(mistake).c_str());
  assert_true(source.mistakes.empty());
  assert_int_equal(source.files.size(), 5);
  for (const char* const word : {"outer1", "outer2", "outer3", "outer5", "outer6"}) {
    const std::string line(1, word[5]);
    assert_string_equal(place_of(source, word).c_str(), (folder.path("outer:") + line).c_str());
  }
  for (const char* const word : {"inner1", "inner3"}) {
    const std::string line(1, word[5]);
    assert_string_equal(place_of(source, word).c_str(),
                        (folder.path("parts/inner:") + line).c_str());
  }
  assert_string_equal(place_of(source, "innermost2").c_str(),
                      folder.path("parts/innermost:2").c_str());
}

struct Refused {
  const char* text;
  const char* message;
};

constexpr Refused kRefused[] = {
    {"a = 5;\nb = \"c;\nd = 6;",
     "text:2: a text begins with \" on this line and is not closed on it"},
    {"a = \"b\" \"c", "text:1: a text begins with \" on this line and is not closed on it"},
    {"\"a\\\"", "text:1: a text begins with \" on this line and is not closed on it"},
    {"a = 5; /* b\n c\n d", "text:1: a comment begins here and is not closed with */"},
    {"\n\"a\\x00b\"", "text:2: \\x00 in a text"},
    {"@insert \"x\"", "text:1: found @; allowed here: @include \"FILE\""},
    {"@include x", "text:1: @include is not followed by \"FILE\""},
    {"@include \"x", "text:1: @include is not followed by \"FILE\""},
    {"\n@include \"/nowhere/x\"",
     "text:2: @include \"/nowhere/x\": /nowhere/x cannot be read: No such file or directory"},
    {"@include \"/dev\"",
     "text:1: @include \"/dev\": /dev cannot be read: it is not a regular file"},
    {"@include \"/dev/zero\"",
     "text:1: @include \"/dev/zero\": /dev/zero cannot be read: it is not a regular file"},
};

void what_libconfig_would_misread_is_refused(void** /*state*/) {
  for (const Refused& row : kRefused) {
    const Source source = read_source_text(row.text, "text");
    assert_int_not_equal(source.mistakes.size(), 0);
    assert_string_equal(to_string(source.mistakes.front()).c_str(), row.message);
  }
}

void escaped_backslashes_are_no_nul(void** /*state*/) {
  assert_true(read_source_text("\"\\\\x00\"", "text").mistakes.empty());
}

void a_nul_byte_is_refused_with_its_line(void** /*state*/) {
  const Source source = read_source_text(std::string("a = 5;\nb = 6;\n\0c", 16), "text");
  assert_int_equal(source.mistakes.size(), 1);
  assert_string_equal(to_string(source.mistakes[0]).c_str(),
                      "text:3: a NUL byte; settings are text");
}

void a_file_that_cannot_be_read_is_named(void** /*state*/) {
  const Folder folder;
  const Source source = read_source_file(folder.path("none"));
  assert_int_equal(source.mistakes.size(), 1);
  assert_string_equal(
      to_string(source.mistakes[0]).c_str(),
      (folder.path("none") + ": cannot be read: No such file or directory").c_str());
  assert_int_equal(mkfifo(folder.path("pipe").c_str(), 0600), 0);
  assert_string_equal(to_string(read_source_file(folder.path("pipe")).mistakes.at(0)).c_str(),
                      (folder.path("pipe") + ": cannot be read: it is not a regular file").c_str());
}

// A file that includes itself, twice: without a limit, for ever.
void inclusion_is_bounded(void** /*state*/) {
  const Folder folder;
  folder.write("self", "@include \"self\"\n@include \"self\"\n");
  const Source source = read_source_file(folder.path("self"));
  assert_true(source.files.size() <= kMaxSettingsFiles);
  assert_int_equal(source.mistakes.size(), kMaxMistakes);
  const std::string expected = folder.path("self") +
                               ":1: @include \"self\": at most 8 files deep " +
                               "and 1024 files in all";
  assert_string_equal(to_string(source.mistakes[0]).c_str(), expected.c_str());
}

std::string group_of(size_t keys) {
  std::string text = "{ ";
  for (size_t i = 0; i < keys; ++i) text += "k" + std::to_string(i) + " = { a : 1 }; ";
  return text + "}";
}

// At the end of a group, its surroundings go on being counted; in texts, nothing is.
void keys_of_a_group_are_bounded(void** /*state*/) {
  const std::string most = group_of(kMaxKeysOfGroup);
  assert_true(read_source_text("a = (" + most + "," + most + ")", "text").mistakes.empty());
  const std::string one_more = "\n" + group_of(kMaxKeysOfGroup + 1);
  for (const std::string& text :
       {one_more, "a = (" + most + "," + one_more + ")", "} } }" + one_more}) {
    const Source source = read_source_text(text, "text");
    assert_int_equal(source.mistakes.size(), 1);
    assert_string_equal(to_string(source.mistakes[0]).c_str(),
                        "text:2: more than 256 keys in one group");
  }
  assert_true(read_source_text("a = \"" + std::string(300, '=') + "\"", "text").mistakes.empty());
}

void size_is_bounded(void** /*state*/) {
  const Folder folder;
  folder.write("half", std::string(kMaxSettingsBytes / 2, ' '));
  folder.write("too-much", std::string(kMaxSettingsBytes + 1, ' '));
  folder.write("halves", "@include \"half\"\n@include \"half\"\n");
  for (const char* const name : {"too-much", "halves"}) {
    const Source source = read_source_file(folder.path(name));
    assert_int_equal(source.mistakes.size(), 1);
    assert_string_equal(source.mistakes[0].what.c_str(),
                        "settings of more than 16777216 bytes in all");
  }
  assert_true(read_source_file(folder.path("half")).mistakes.empty());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_parser_gets_what_was_meant),
      cmocka_unit_test(included_files_keep_their_lines),
      cmocka_unit_test(what_libconfig_would_misread_is_refused),
      cmocka_unit_test(escaped_backslashes_are_no_nul),
      cmocka_unit_test(a_nul_byte_is_refused_with_its_line),
      cmocka_unit_test(a_file_that_cannot_be_read_is_named),
      cmocka_unit_test(inclusion_is_bounded),
      cmocka_unit_test(keys_of_a_group_are_bounded),
      cmocka_unit_test(size_is_bounded),
  };
  return cmocka_run_group_tests_name("settings/source", tests, nullptr, nullptr);
}
