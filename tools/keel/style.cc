#include "tools/keel/style.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "firmware/base/check.h"
#include "tools/keel/words.h"

namespace evenkeel::keel {
namespace {

constexpr size_t kGap = 2;
constexpr size_t kLeastColumn = 8;
constexpr size_t kLeastSentence = 24;
constexpr size_t kUnderRow = 4;  // further to the right than the row

}  // namespace

std::string painted(const Style& style, Colour colour, std::string_view text) {
  constexpr std::array<std::string_view, 7> kCodes = {"", "1", "2", "31", "32", "33", "36"};
  if (!style.colours || colour == Colour::plain || text.empty()) return std::string(text);
  std::string result = "\x1b[";
  result += kCodes[static_cast<size_t>(colour)];
  result += "m";
  result += text;
  return result + "\x1b[0m";
}

std::string bar(const Style& style, double part, size_t columns) {
  constexpr std::array<std::string_view, 8> kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  part = std::clamp(std::isfinite(part) ? part : 0.0, 0.0, 1.0);
  std::string result;
  if (!style.unicode) {
    const auto full = static_cast<size_t>(std::lround(part * static_cast<double>(columns)));
    return padded(std::string(full, '#'), columns);
  }
  const auto eighths = static_cast<size_t>(std::lround(part * static_cast<double>(columns) * 8));
  for (size_t i = 0; i < eighths / 8; ++i) result += "█";
  result += kEighths[eighths % 8];
  return padded(result, columns);
}

std::string_view arrow(const Style& style) { return style.unicode ? "→" : "->"; }
std::string_view good_mark(const Style& style) { return style.unicode ? "✓" : "ok"; }
std::string_view bad_mark(const Style& style) { return style.unicode ? "✗" : "x"; }

void Table::add(std::span<const Cell> row) {
  REQUIRE(row.size() == columns_.size());
  for (size_t i = 0; i < row.size(); ++i) {
    const size_t columns = columns_of(row[i].text);
    widest_[i] = std::max(widest_[i], columns);
    cells_.push_back({.bytes = static_cast<uint32_t>(row[i].text.size()),
                      .columns = static_cast<uint32_t>(columns),
                      .colour = row[i].colour});
    texts_ += row[i].text;
  }
}

std::vector<Table::Shown> Table::shown() const {
  std::vector<Shown> shown;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].is_dropped_empty && widest_[i] == 0) continue;
    shown.push_back({.column = i, .width = std::max(widest_[i], columns_of(columns_[i].title))});
  }
  return shown;
}

size_t Table::total_of(std::span<const Shown> shown) const {
  size_t total = indent_ + (shown.empty() ? 0 : kGap * (shown.size() - 1));
  for (const Shown& one : shown) total += one.width;
  return total;
}

// Sentences leave the row first, since they can be read anywhere, then what can be told with its
// title; only then is anything cut.
Table::Layout Table::layout(const Style& style) const {
  Layout layout;
  layout.beside = shown();
  if (style.width == 0) return layout;
  for (const Narrow narrow : {Narrow::wraps, Narrow::folds}) {
    while (total_of(layout.beside) > style.width) {
      const auto is_such = [&](const Shown& one) { return columns_[one.column].narrow == narrow; };
      const auto last = std::ranges::find_if(layout.beside.rbegin(), layout.beside.rend(), is_such);
      if (last == layout.beside.rend()) break;
      layout.under.push_back(last->column);
      layout.beside.erase(std::next(last).base());
    }
  }
  std::ranges::sort(layout.under);
  cut(style.width, layout.beside);
  begin_in_row(style.width, layout);
  return layout;
}

void Table::cut(size_t width, std::vector<Shown>& ret_shown) const {
  for (size_t total = total_of(ret_shown); total > width; --total) {
    Shown* widest = nullptr;
    for (Shown& one : ret_shown) {
      if (columns_[one.column].narrow != Narrow::is_cut || one.width <= kLeastColumn) continue;
      if (widest == nullptr || one.width > widest->width) widest = &one;
    }
    if (widest == nullptr) return;
    --widest->width;
  }
}

// The first sentence under the row stays in it, and goes on in its column, if it is right of all
// else there and has room enough to be read.
void Table::begin_in_row(size_t width, Layout& ret_layout) const {
  if (ret_layout.under.empty()) return;
  const size_t column = ret_layout.under.front();
  const bool is_last = ret_layout.beside.empty() || ret_layout.beside.back().column < column;
  const size_t used = total_of(ret_layout.beside) + (ret_layout.beside.empty() ? 0 : kGap);
  if (columns_[column].narrow != Narrow::wraps || !is_last || used >= width) return;
  const size_t room = width - used;
  const size_t least = std::max(columns_of(columns_[column].title), longest_word(column));
  if (room < std::max(kLeastSentence, least)) return;
  ret_layout.beside.push_back({.column = column, .width = room});
  ret_layout.under.erase(ret_layout.under.begin());
  ret_layout.is_last_wrapped = true;
}

size_t Table::longest_word(size_t column) const {
  size_t longest = 0;
  size_t at = 0;
  for (size_t i = 0; i < cells_.size(); ++i) {
    const std::string_view text = std::string_view(texts_).substr(at, cells_[i].bytes);
    at += cells_[i].bytes;
    if (i % columns_.size() != column) continue;
    for (size_t word = 0; word < text.size();) {
      const size_t end = std::min(text.find(' ', word), text.size());
      longest = std::max(longest, columns_of(text.substr(word, end - word)));
      word = end + 1;
    }
  }
  return longest;
}

void Table::append_row(std::string& out, const Style& style, const Layout& layout, Texts texts,
                       std::span<const Placed> cells) const {
  if (!layout.is_last_wrapped) {
    append_line(out, style, layout.beside, texts, cells);
  } else {
    const auto [column, width] = layout.beside.back();
    const std::vector<std::string> lines = wrapped(texts[column], width);
    std::vector<std::string_view> first(texts.begin(), texts.end());
    std::vector<Placed> placed(cells.begin(), cells.end());
    first[column] = lines.front();
    placed[column].columns = static_cast<uint32_t>(columns_of(lines.front()));
    append_line(out, style, layout.beside, first, placed);
    const size_t before = total_of(layout.beside) - width;
    for (size_t i = 1; i < lines.size(); ++i) {
      out.append(before, ' ');
      out += painted(style, cells[column].colour, lines[i]) + "\n";
    }
  }
  append_under(out, style, layout, texts, cells);
}

// What has no place in the row: short things in one paragraph, and a paragraph for each sentence.
void Table::append_under(std::string& out, const Style& style, const Layout& layout, Texts texts,
                         std::span<const Placed> cells) const {
  const size_t indent = indent_ + kUnderRow;
  const size_t width = style.width > 2 * indent ? style.width - indent : indent;
  const auto append = [&](const std::string& text, Colour colour) {
    for (const std::string& line : wrapped(text, width)) {
      out.append(indent, ' ');
      out += painted(style, colour, line) + "\n";
    }
  };
  std::string folded;
  for (const size_t column : layout.under) {
    if (columns_[column].narrow != Narrow::folds || texts[column].empty()) continue;
    const std::string& title = columns_[column].title;
    folded += (folded.empty() ? "" : ", ") + title + (title.empty() ? "" : " ");
    folded += texts[column];
  }
  if (!folded.empty()) append(folded, Colour::plain);
  for (const size_t column : layout.under) {
    if (columns_[column].narrow != Narrow::wraps || texts[column].empty()) continue;
    const std::string& title = columns_[column].title;
    append(title + (title.empty() ? "" : ": ") + std::string(texts[column]), cells[column].colour);
  }
}

void Table::append_line(std::string& out, const Style& style, std::span<const Shown> shown,
                        Texts texts, std::span<const Placed> cells) const {
  out.append(indent_, ' ');
  size_t owed = 0;  // blanks are written when something follows them
  for (const auto& [column, width] : shown) {
    const Placed& cell = cells[column];
    const bool is_cut = cell.columns > width;
    const std::string cut = is_cut ? clipped(texts[column], width, style.unicode) : "";
    const std::string_view text = is_cut ? cut : texts[column];
    const size_t used = is_cut ? columns_of(cut) : cell.columns;
    const size_t blanks = width - used;
    const bool is_to_right = columns_[column].to_right;
    if (!text.empty()) {
      out.append(owed + (is_to_right ? blanks : 0), ' ');
      if (style.colours) {
        out += painted(style, cell.colour, text);
      } else {
        out += text;
      }
      owed = is_to_right ? 0 : blanks;
    } else {
      owed += width;
    }
    owed += kGap;
  }
  out += '\n';
}

std::string Table::titles(const Style& style, std::span<const Shown> shown) const {
  std::vector<std::string_view> texts;
  std::vector<Placed> cells;
  bool has_any = false;
  for (const Column& column : columns_) {
    texts.emplace_back(column.title);
    cells.push_back(
        {.columns = static_cast<uint32_t>(columns_of(column.title)), .colour = Colour::dim});
  }
  for (const Shown& one : shown) has_any = has_any || !columns_[one.column].title.empty();
  std::string line;
  if (has_any) append_line(line, style, shown, texts, cells);
  return line;
}

std::string Table::text(const Style& style) const {
  const Layout all = layout(style);
  if (all.beside.empty() && all.under.empty()) return "";
  std::string out = titles(style, all.beside);
  std::vector<std::string_view> texts(columns_.size());
  const std::span<const Placed> cells(cells_);
  size_t at = 0;
  for (size_t i = 0; i < cells.size(); i += columns_.size()) {
    const std::span<const Placed> row = cells.subspan(i, columns_.size());
    for (size_t j = 0; j < row.size(); ++j) {
      texts[j] = std::string_view(texts_).substr(at, row[j].bytes);
      at += row[j].bytes;
    }
    append_row(out, style, all, texts, row);
  }
  return out;
}

}  // namespace evenkeel::keel
