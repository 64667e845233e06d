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
  size_t width = 0;        // columns of the terminal; 0: there is none, a row is a line
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

// What becomes of a column if the terminal is too narrow for all of them.
enum class Narrow : uint8_t {
  stays,
  is_cut,  // if nothing else helps
  folds,   // told under the row, after its title
  wraps,   // goes on in lines of its own: sentences, of which every word counts
};

struct Column {
  std::string title;
  bool to_right = false;
  Narrow narrow = Narrow::stays;
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
  // Which columns are side by side, and which are told under each row; both from left to right.
  struct Layout {
    std::vector<Shown> beside;
    std::vector<size_t> under;
    bool is_last_wrapped = false;  // of `beside`: it goes on in its own column
  };
  using Texts = std::span<const std::string_view>;

  std::vector<Shown> shown() const;
  size_t total_of(std::span<const Shown> shown) const;
  Layout layout(const Style& style) const;
  void cut(size_t width, std::vector<Shown>& ret_shown) const;
  void begin_in_row(size_t width, Layout& ret_layout) const;
  size_t longest_word(size_t column) const;
  void append_row(std::string& out, const Style& style, const Layout& layout, Texts texts,
                  std::span<const Placed> cells) const;
  void append_under(std::string& out, const Style& style, const Layout& layout, Texts texts,
                    std::span<const Placed> cells) const;
  void append_line(std::string& out, const Style& style, std::span<const Shown> shown, Texts texts,
                   std::span<const Placed> cells) const;
  std::string titles(const Style& style, std::span<const Shown> shown) const;

  std::vector<Column> columns_;
  std::vector<size_t> widest_ = std::vector<size_t>(columns_.size());  // of cells, by column
  std::vector<Placed> cells_;                                          // row by row
  std::string texts_;
  size_t indent_;
};

}  // namespace evenkeel::keel
