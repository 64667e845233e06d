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

std::vector<Table::Shown> Table::shown(const Style& style) const {
  std::vector<Shown> shown;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].is_dropped_empty && widest_[i] == 0) continue;
    shown.push_back({.column = i, .width = std::max(widest_[i], columns_of(columns_[i].title))});
  }
  if (style.width == 0 || shown.empty()) return shown;
  size_t total = indent_ + kGap * (shown.size() - 1);
  for (const Shown& one : shown) total += one.width;
  while (total > style.width) {
    Shown* widest = nullptr;
    for (Shown& one : shown) {
      if (!columns_[one.column].is_flexible || one.width <= kLeastColumn) continue;
      if (widest == nullptr || one.width > widest->width) widest = &one;
    }
    if (widest == nullptr) break;
    --widest->width;
    --total;
  }
  return shown;
}

void Table::append_line(std::string& out, const Style& style, std::span<const Shown> shown,
                        std::span<const std::string_view> texts,
                        std::span<const Placed> cells) const {
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
  const std::vector<Shown> all = shown(style);
  if (all.empty()) return "";
  std::string out = titles(style, all);
  std::vector<std::string_view> texts(columns_.size());
  const std::span<const Placed> cells(cells_);
  size_t at = 0;
  for (size_t i = 0; i < cells.size(); i += columns_.size()) {
    const std::span<const Placed> row = cells.subspan(i, columns_.size());
    for (size_t j = 0; j < row.size(); ++j) {
      texts[j] = std::string_view(texts_).substr(at, row[j].bytes);
      at += row[j].bytes;
    }
    append_line(out, style, all, texts, row);
  }
  return out;
}

}  // namespace evenkeel::keel
