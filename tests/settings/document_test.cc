#include "firmware/settings/document.h"

#include <string>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

using Kind = Node::Kind;

// The tree in one line, each node with the line that it stands on.
std::string in_one_line(const Document& document, const Node& node) {
  std::string text(node.name());
  const std::string line =
      "@" + std::to_string(document.mistake(document.position(node), {}, {}).line);
  switch (node.kind()) {
    case Kind::integer:
      return text + "=" + std::to_string(node.integer()) + line;
    case Kind::boolean:
      return text + (node.boolean() ? "=yes" : "=no") + line;
    case Kind::text:
      return text + "='" + std::string(node.text()) + "'" + line;
    case Kind::fraction:
      return text + "=" + std::to_string(node.fraction()) + line;
    default:
      break;
  }
  text += line + (node.kind() == Kind::group ? "{" : "(");
  for (size_t i = 0; i < node.size(); ++i) text += " " + in_one_line(document, node[i]);
  return text + (node.kind() == Kind::group ? " }" : " )");
}

struct Row {
  const char* description;
  const char* text;
  const char* tree;
};

constexpr Row kRows[] = {
    {"nothing", "", "@1{ }"},
    {"values", "a = 5;\nb = -9223372036854775807; c = 0xff\nd = true; e = \"f\"\n\n\ng = 1.5",
     "@1{ a=5@1 b=-9223372036854775807@2 c=255@2 d=yes@3 e='f'@3 g=1.500000@6 }"},
    {"groups and lists", "a = {\n b = ( 1,\n [2, 3],\n { c = 4 } );\n}; d = ();",
     "@1{ a@1{ b@2( =1@2 @3( =2@3 =3@3 ) @4{ c=4@4 } ) } d@5( ) }"},
    {"texts of a list that ends further down", "a = [\n\"b\",\n\"c\"\n\n];\nd = 1;",
     "@1{ a@1( ='b'@2 ='c'@3 ) d=1@6 }"},
    {"a text of parts, escapes and bytes beyond ASCII", "a = \"b\\\"\\x41\"\n\"\xc3\xa9\";",
     "@1{ a='b\"A\xc3\xa9'@1 }"},
};

void trees_are_as_written(void** /*state*/) {
  for (const Row& row : kRows) {
    const Document document(read_source_text(row.text, "text"));
    if (!document.mistakes().empty()) print_error("%s\n", row.description);
    assert_true(document.mistakes().empty());
    assert_string_equal(in_one_line(document, document.root()).c_str(), row.tree);
  }
}

void members_are_found_by_name(void** /*state*/) {
  const Document document(read_source_text("a = 1; b = { c = 2; };", "text"));
  assert_int_equal(document.root().member("b")->member("c")->integer(), 2);
  assert_false(document.root().member("c").has_value());
  assert_false(document.root().member("a")->member("c").has_value());
}

constexpr const char* kSyntax =
    ": syntax error: here or shortly before, something is missing or too much";

struct Broken {
  const char* text;
  const char* place;
};

constexpr Broken kBroken[] = {
    {"a = ;", "text:1"},        {"a = 5;\nb", "text:2"}, {"a = {\n\nb = 5;", "text:3"},
    {"a = 5;\n}\n", "text:2"},  {"= 5;", "text:1"},      {"a = 5 6;", "text:1"},
    {"a = [ { } ];", "text:1"}, {"\x01", "text:1"},
};

void broken_texts_have_a_line(void** /*state*/) {
  for (const Broken& row : kBroken) {
    const Document document(read_source_text(row.text, "text"));
    assert_int_equal(document.mistakes().size(), 1);
    assert_string_equal(to_string(document.mistakes()[0]).c_str(),
                        (std::string(row.place) + kSyntax).c_str());
  }
}

// Deeper than libconfig's parser goes; and as deep as it does, which must come apart again.
void depth_is_bounded(void** /*state*/) {
  const Document too_deep(read_source_text("a = " + std::string(100'000, '('), "text"));
  assert_int_equal(too_deep.mistakes().size(), 1);
  const Document deep(
      read_source_text("a = " + std::string(2'000, '(') + std::string(2'000, ')'), "text"));
  assert_true(deep.mistakes().empty());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(trees_are_as_written),
      cmocka_unit_test(members_are_found_by_name),
      cmocka_unit_test(broken_texts_have_a_line),
      cmocka_unit_test(depth_is_bounded),
  };
  return cmocka_run_group_tests_name("settings/document", tests, nullptr, nullptr);
}
