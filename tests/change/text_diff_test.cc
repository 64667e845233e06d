#include "firmware/change/text_diff.h"

#include <cstdlib>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "firmware/base/limits.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

struct Case {
  const char* description;
  std::string before;
  std::string after;
  std::string expected;  // without the names
};

std::string diff(const std::string& before, const std::string& after) {
  return unified_diff(before, after, "a", "b");
}

void shows_what_diff_shows(void** /*state*/) {
  const Case cases[] = {
      {"nothing", "one\ntwo\n", "one\ntwo\n", ""},
      {"nothing of nothing", "", "", ""},
      {"one line of three", "1\n2\n3\n", "1\nx\n3\n", "@@ -1,3 +1,3 @@\n 1\n-2\n+x\n 3\n"},
      {"all is new", "", "1\n2\n", "@@ -0,0 +1,2 @@\n+1\n+2\n"},
      {"all is gone", "1\n", "", "@@ -1 +0,0 @@\n-1\n"},
      {"three lines of context", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n",
       "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n"},
      {"six lines between: one hunk", "a\n1\n2\n3\n4\n5\n6\nb\n", "1\n2\n3\n4\n5\n6\n",
       "@@ -1,8 +1,6 @@\n-a\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n"},
      {"seven lines between: two", "a\n1\n2\n3\n4\n5\n6\n7\nb\n", "1\n2\n3\n4\n5\n6\n7\n",
       "@@ -1,4 +1,3 @@\n-a\n 1\n 2\n 3\n@@ -6,4 +5,3 @@\n 5\n 6\n 7\n-b\n"},
      {"no newline any more", "1\n2\n", "1\n2",
       "@@ -1,2 +1,2 @@\n 1\n-2\n+2\n\\ No newline at end of file\n"},
      {"no newline on either side", "1\n2", "x\n2",
       "@@ -1,2 +1,2 @@\n-1\n+x\n 2\n\\ No newline at end of file\n"},
      {"an empty line", "1\n2\n", "1\n\n2\n", "@@ -1,2 +1,3 @@\n 1\n+\n 2\n"},
  };
  for (const Case& each : cases) {
    const std::string expected = each.expected.empty() ? "" : "--- a\n+++ b\n" + each.expected;
    const std::string found = diff(each.before, each.after);
    if (found != expected) print_message("%s:\n%s", each.description, found.c_str());
    assert_true(found == expected);
  }
}

// What stands in the lines of one side of a difference, with what lies between its hunks.
struct Applied {
  std::string after;
  size_t changed = 0;
  bool fits = true;
};

Applied apply(const std::string& before, const std::string& difference) {
  std::vector<std::string> lines;
  std::istringstream in(before);
  for (std::string line; std::getline(in, line);) lines.push_back(line + "\n");
  Applied applied;
  size_t at = 0;
  std::istringstream hunks(difference);
  for (std::string line; std::getline(hunks, line);) {
    if (line.starts_with("---") || line.starts_with("+++")) continue;
    if (line.starts_with("@@ -")) {
      const size_t first = std::strtoul(line.c_str() + 4, nullptr, 10);
      const bool is_empty = line.find(",0 +") != std::string::npos;
      while (at < lines.size() && at + 1 < first + (is_empty ? 1 : 0)) applied.after += lines[at++];
      continue;
    }
    const std::string rest = line.substr(1) + "\n";
    applied.changed += line.front() != ' ' ? 1 : 0;
    if (line.front() != '+') applied.fits &= at < lines.size() && lines[at++] == rest;
    if (line.front() != '-') applied.after += rest;
  }
  while (at < lines.size()) applied.after += lines[at++];
  return applied;
}

// The length of the longest common part, by the book.
size_t common(const std::string& one, const std::string& other) {
  std::vector<size_t> row(other.size() + 1);
  for (const char line : one) {
    size_t diagonal = 0;
    for (size_t i = 0; i < other.size(); ++i) {
      const size_t above = row[i + 1];
      row[i + 1] = line == other[i] ? diagonal + 1 : std::max(row[i], above);
      diagonal = above;
    }
  }
  return row.back();
}

std::string lines(const std::string& letters) {
  std::string text;
  for (const char letter : letters) text.append(1, letter).append("\n");
  return text;
}

void leads_from_one_text_to_the_other_in_the_fewest_lines(void** /*state*/) {
  std::mt19937_64 random(20);
  const auto letters = [&] {
    std::string text(random() % 25, 'a');
    for (char& letter : text) letter = static_cast<char>('a' + random() % 4);
    return text;
  };
  for (int i = 0; i < 20'000; ++i) {
    const std::string before = letters();
    const std::string after = letters();
    const Applied applied = apply(lines(before), diff(lines(before), lines(after)));
    assert_true(applied.fits);
    assert_true(applied.after == lines(after));
    assert_int_equal(applied.changed, before.size() + after.size() - 2 * common(before, after));
  }
}

std::string numbers(size_t first, size_t count) {
  std::string text;
  for (size_t i = first; i < first + count; ++i) text += std::to_string(i) + "\n";
  return text;
}

void is_bounded(void** /*state*/) {
  // One edit more than are told one by one, with a common line in the middle.
  const std::string before = numbers(0, kMaxDiffLines / 2) + "same\n" + numbers(50'000, 1);
  const std::string at_limit = numbers(10'000, kMaxDiffLines / 2 - 1) + "same\n";
  const std::string beyond = numbers(10'000, kMaxDiffLines / 2) + "same\n";
  assert_true(diff(before, at_limit).find("\n same\n") != std::string::npos);
  assert_true(diff(before, beyond).find("\n-same\n") != std::string::npos);
  assert_true(apply(before, diff(before, beyond)).after == beyond);
  // Many equal lines around few changes are no effort.
  const std::string large = numbers(0, 500'000);
  assert_true(diff(large, "x\n" + large).starts_with("--- a\n+++ b\n@@ -1,3 +1,4 @@\n+x\n 0\n"));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(shows_what_diff_shows),
      cmocka_unit_test(leads_from_one_text_to_the_other_in_the_fewest_lines),
      cmocka_unit_test(is_bounded),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
