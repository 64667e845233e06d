// How output looks: colours, bars and tables. Text is laid out first and painted last, so that
// widths never count what colours cost, and output without a terminal is the same text, plain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace evenkeel::keel {

enum class Colour : uint8_t { plain, bold, dim, red, green, yellow, cyan };

struct Style {
  bool colours = false;
  bool unicode = true;
  size_t width = 0;        // columns of the terminal; 0: there is none, nothing is cut
  bool is_prompt = false;  // commands are typed without "keel" before them
};

std::string painted(const Style& style, Colour colour, std::string_view text);

// `part` of 0 to 1 as a bar of `columns`, padded to them.
std::string bar(const Style& style, double part, size_t columns);

// The mark of what was added, changed, removed, is well, warns, is wrong, or is next.
std::string_view arrow(const Style& style);
std::string_view good_mark(const Style& style);
std::string_view bad_mark(const Style& style);

struct Cell {
  std::string text;  // printable
  Colour colour = Colour::plain;
};

struct Column {
  std::string title;
  bool to_right = false;
  bool is_flexible = false;       // cut if the terminal is too narrow
  bool is_dropped_empty = false;  // left out if no row has anything for it
};

class Table {
 public:
  explicit Table(std::vector<Column> columns, size_t indent = 0)
      : columns_(std::move(columns)), indent_(indent) {}

  // REQUIRES: a cell for each column.
  void add(std::span<const Cell> row);
  void add(std::initializer_list<Cell> row) { add(std::span(row.begin(), row.size())); }
  bool is_empty() const { return cells_.empty(); }
  // Empty: there is nothing in any column.
  std::string text(const Style& style) const;

 private:
  // A cell whose text follows that of the one before it in texts_.
  struct Placed {
    uint32_t bytes = 0;
    uint32_t columns = 0;
    Colour colour = Colour::plain;
  };
  struct Shown {
    size_t column = 0;
    size_t width = 0;
  };

  std::vector<Shown> shown(const Style& style) const;
  void append_line(std::string& out, const Style& style, std::span<const Shown> shown,
                   std::span<const std::string_view> texts, std::span<const Placed> cells) const;
  std::string titles(const Style& style, std::span<const Shown> shown) const;

  std::vector<Column> columns_;
  std::vector<size_t> widest_ = std::vector<size_t>(columns_.size());  // of cells, by column
  std::vector<Placed> cells_;                                          // row by row
  std::string texts_;
  size_t indent_;
};

}  // namespace evenkeel::keel
