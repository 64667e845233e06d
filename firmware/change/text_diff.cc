// Lines become numbers, what is equal at both ends is left out, and the rest is compared by the
// greedy algorithm of E. Myers, "An O(ND) Difference Algorithm and Its Variations" (1986): the
// fewest lines taken out and put in.
#include "firmware/change/text_diff.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "firmware/base/limits.h"

namespace evenkeel {
namespace {

constexpr size_t kContext = 3;

// With its newline, which the last one may lack.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t length = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return lines;
}

// A line of the result: of both texts, or of one.
struct Entry {
  char mark = ' ';  // or - or +
  std::string_view line;
};

using Numbers = std::span<const uint32_t>;

// How far each diagonal k = x - y got with d edits, for every d: what Myers calls V.
class Trace {
 public:
  Trace(Numbers before, Numbers after) : before_(before), after_(after) {}

  // Whether kMaxDiffLines edits were enough.
  bool run() {
    for (int64_t edits = 0; edits <= static_cast<int64_t>(kMaxDiffLines); ++edits) {
      reached_.emplace_back(static_cast<size_t>(2 * edits + 1));
      for (int64_t diagonal = -edits; diagonal <= edits; diagonal += 2) {
        const int64_t x = slide(start(edits, diagonal), diagonal);
        at(edits, diagonal) = static_cast<int32_t>(x);
        if (x >= size(before_) && x - diagonal >= size(after_)) return true;
      }
    }
    return false;
  }

  // ' ', '-' and '+', in the order of the texts. REQUIRES: run()
  std::string marks() const {
    std::string marks;
    int64_t x = size(before_);
    int64_t y = size(after_);
    for (auto edits = static_cast<int64_t>(reached_.size()) - 1; edits > 0; --edits) {
      const bool inserts = comes_from_above(edits, x - y);
      const int64_t from = start(edits, x - y);
      for (; x > from; --x, --y) marks += ' ';
      marks += inserts ? '+' : '-';
      (inserts ? y : x) -= 1;
    }
    marks.append(static_cast<size_t>(x), ' ');
    std::ranges::reverse(marks);
    return marks;
  }

 private:
  static int64_t size(Numbers numbers) { return static_cast<int64_t>(numbers.size()); }
  int32_t& at(int64_t edits, int64_t diagonal) {
    return reached_[static_cast<size_t>(edits)][static_cast<size_t>(diagonal + edits)];
  }
  int32_t at(int64_t edits, int64_t diagonal) const {
    return reached_[static_cast<size_t>(edits)][static_cast<size_t>(diagonal + edits)];
  }

  // Whether the last edit of the best way to this diagonal puts a line in.
  bool comes_from_above(int64_t edits, int64_t diagonal) const {
    if (diagonal == -edits || diagonal == edits) return diagonal == -edits;
    return at(edits - 1, diagonal - 1) < at(edits - 1, diagonal + 1);
  }
  // Where that edit leads.
  int64_t start(int64_t edits, int64_t diagonal) const {
    if (edits == 0) return 0;
    return comes_from_above(edits, diagonal) ? at(edits - 1, diagonal + 1)
                                             : at(edits - 1, diagonal - 1) + 1;
  }
  // A start may lie behind the end of a text: there is nothing equal then.
  int64_t slide(int64_t x, int64_t diagonal) const {
    while (x < size(before_) && x - diagonal < size(after_) &&
           before_[static_cast<size_t>(x)] == after_[static_cast<size_t>(x - diagonal)]) {
      ++x;
    }
    return x;
  }

  Numbers before_;
  Numbers after_;
  std::vector<std::vector<int32_t>> reached_;  // by edits, then by diagonal + edits
};

std::string marks_between(Numbers before, Numbers after) {
  Trace trace(before, after);
  if (trace.run()) return trace.marks();
  return std::string(before.size(), '-') + std::string(after.size(), '+');
}

std::vector<Entry> compare(std::string_view before_text, std::string_view after_text) {
  const std::vector<std::string_view> before = lines_of(before_text);
  const std::vector<std::string_view> after = lines_of(after_text);
  std::unordered_map<std::string_view, uint32_t> known;
  const auto numbers_of = [&](const std::vector<std::string_view>& lines) {
    std::vector<uint32_t> numbers;
    numbers.reserve(lines.size());
    for (const std::string_view line : lines) {
      numbers.push_back(known.emplace(line, static_cast<uint32_t>(known.size())).first->second);
    }
    return numbers;
  };
  const std::vector<uint32_t> old_numbers = numbers_of(before);
  const std::vector<uint32_t> new_numbers = numbers_of(after);
  const size_t most = std::min(before.size(), after.size());
  size_t head = 0;
  while (head < most && old_numbers[head] == new_numbers[head]) ++head;
  size_t tail = 0;
  while (tail < most - head && old_numbers.end()[-1 - static_cast<ptrdiff_t>(tail)] ==
                                   new_numbers.end()[-1 - static_cast<ptrdiff_t>(tail)]) {
    ++tail;
  }
  const std::string marks =
      std::string(head, ' ') +
      marks_between(Numbers(old_numbers).subspan(head, before.size() - head - tail),
                    Numbers(new_numbers).subspan(head, after.size() - head - tail)) +
      std::string(tail, ' ');
  std::vector<Entry> entries;
  entries.reserve(marks.size());
  size_t x = 0;
  size_t y = 0;
  for (const char mark : marks) {
    entries.push_back({mark, mark == '+' ? after[y] : before[x]});
    x += mark != '+' ? 1 : 0;
    y += mark != '-' ? 1 : 0;
  }
  return entries;
}

// "12,3" or "12"; of no lines, the one before them.
std::string range(size_t lines_before, size_t count) {
  const std::string first = std::to_string(lines_before + (count == 0 ? 0 : 1));
  return count == 1 ? first : first + "," + std::to_string(count);
}

class Writer {
 public:
  explicit Writer(const std::vector<Entry>& entries) : entries_(entries) {}

  std::string write() && {
    size_t done = 0;
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].mark == ' ') continue;
      const size_t first = std::max(done, i - std::min(i, kContext));
      done = end_of_hunk(i);
      pass(first);
      write_hunk(first, done);
      i = done - 1;
    }
    return std::move(text_);
  }

 private:
  // Changes with at most twice the context between them are one hunk.
  size_t end_of_hunk(size_t changed) const {
    size_t last = changed;
    for (size_t i = changed; i < entries_.size() && i - last <= 2 * kContext + 1; ++i) {
      if (entries_[i].mark != ' ') last = i;
    }
    return std::min(entries_.size(), last + 1 + kContext);
  }

  void pass(size_t until) {
    for (; at_ < until; ++at_) {
      before_ += entries_[at_].mark != '+' ? 1 : 0;
      after_ += entries_[at_].mark != '-' ? 1 : 0;
    }
  }

  void write_hunk(size_t first, size_t end) {
    const size_t before = before_;
    const size_t after = after_;
    pass(end);
    text_ +=
        "@@ -" + range(before, before_ - before) + " +" + range(after, after_ - after) + " @@\n";
    for (size_t i = first; i < end; ++i) {
      text_ += entries_[i].mark;
      text_ += entries_[i].line;
      if (!entries_[i].line.ends_with('\n')) text_ += "\n\\ No newline at end of file\n";
    }
  }

  const std::vector<Entry>& entries_;
  size_t at_ = 0;
  size_t before_ = 0;  // lines of either before at_
  size_t after_ = 0;
  std::string text_;
};

}  // namespace

std::string unified_diff(std::string_view before, std::string_view after,
                         std::string_view before_name, std::string_view after_name) {
  if (before == after) return {};
  std::string text = "--- ";
  text.append(before_name).append("\n+++ ").append(after_name).append("\n");
  return text + Writer(compare(before, after)).write();
}

}  // namespace evenkeel
