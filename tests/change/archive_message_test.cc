#include "firmware/change/archive_message.h"

#include <string>

#include "firmware/base/limits.h"
#include "tests/change/generations.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

void a_message_as_people_see_it(void** /*state*/) {
  Generation waived = generation("", 7);
  waived.number = 8;
  waived.why = "Take web7 out for its new disk";
  waived.waivers = {{"n-minus-1", "the shop is closed tonight"}};
  assert_string_equal(write_message(waived).c_str(),
                      "Take web7 out for its new disk\n\nGeneration: 8\nBase: 7\n"
                      "Waived: n-minus-1: the shop is closed tonight\n");
}

struct Message {
  const char* description;
  std::string in;
  bool is_one;
};

void messages_of_others(void** /*state*/) {
  const Message rows[] = {
      {"ours", "why\n\nGeneration: 8\nBase: 7\n", true},
      {"with somebody's own line", "why\n\nGeneration: 8\nBase: 7\nSigned-off-by: x\n", true},
      {"the greatest number", "why\n\nGeneration: 1000000000000\nBase: 0", true},
      {"nothing", "", false},
      {"no trailers", "why", false},
      {"no number", "why\n\nBase: 7\n", false},
      {"number 0", "why\n\nGeneration: 0\nBase: 7\n", false},
      {"a number too great", "why\n\nGeneration: 1000000000001\nBase: 7\n", false},
      {"a number beyond all", "why\n\nGeneration: 99999999999999999999\nBase: 7\n", false},
      {"a number and more", "why\n\nGeneration: 8x\nBase: 7\n", false},
      {"a negative number", "why\n\nGeneration: -8\nBase: 7\n", false},
      {"a waiver without reason", "why\n\nGeneration: 8\nBase: 7\nWaived: x\n", false},
      {"a number in the paragraph before", "Generation: 8\n\nwhy", false},
  };
  for (const Message& row : rows) {
    print_message("%s\n", row.description);
    Generation read;
    assert_int_equal(read_message(row.in, read), row.is_one);
  }
}

void notes_are_one_line(void** /*state*/) {
  assert_string_equal(write_note("a\nb", "an\tna", kNoon).c_str(),
                      "2025-11-21T12:00:00Z an na: a b\n");
  assert_string_equal(write_note("", "", 0).c_str(), "1970-01-01T00:00:00Z : \n");
}

void copies(void** /*state*/) {
  Generation original = generation("a = 1;\n", 3);
  original.number = 4;
  const std::string copy = write_copy(original);
  const std::optional<Generation> read = read_copy(copy);
  assert_true(read.has_value());
  assert_int_equal(read->number, 4);
  assert_int_equal(read->when, kNoon);
  assert_string_equal(read->text.c_str(), "a = 1;\n");
  assert_true(copy.ends_with("\na = 1;\n"));
  for (size_t length = 0; length < copy.size(); ++length) {
    assert_false(read_copy(copy.substr(0, length)).has_value());
  }
  // Whatever byte is another, the text is what it was, or there is none.
  for (size_t at = 0; at < copy.size(); ++at) {
    std::string other = copy;
    other[at] = static_cast<char>(other[at] ^ 4);
    const std::optional<Generation> damaged = read_copy(other);
    assert_true(!damaged || damaged->text == original.text);
  }
  assert_false(read_copy(copy + "x").has_value());
  original.number = kMaxGeneration + 1;
  assert_false(read_copy(write_copy(original)).has_value());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_message_as_people_see_it),
      cmocka_unit_test(messages_of_others),
      cmocka_unit_test(notes_are_one_line),
      cmocka_unit_test(copies),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
