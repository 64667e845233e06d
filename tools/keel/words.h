// Words as they reach the terminal. Names, reasons and messages come from the box and from other
// operators, and a terminal obeys what is printed on it: so everything that is not plainly visible
// is written out (\x1b, \u202e) before it is laid out. Layout counts columns, not bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace evenkeel::keel {

// One line of text without anything that a terminal, or a reader, could take for something else:
// controls, broken UTF-8, and what turns the direction of writing or has no width.
std::string printable(std::string_view text);
// The same for many lines: line feeds stay, tabs become spaces.
std::string printable_lines(std::string_view text);

// Columns that printable text takes.
size_t columns_of(std::string_view text);
// Cut to `columns`, with "…" (or "~" if not `unicode`) in the place of what is cut off.
std::string clipped(std::string_view text, size_t columns, bool unicode);
// Cut between words into lines of `columns` at most; longer words have a line of their own.
std::vector<std::string> wrapped(std::string_view text, size_t columns);

// "web1" + 4 -> "web1    "; pads to `columns`, on the left if asked.
std::string padded(std::string_view text, size_t columns, bool to_right = false);

// A line as a shell would take it apart: blanks part words, quotes and backslash keep them
// together.
struct Words {
  std::vector<std::string> words;
  char open_quote = 0;         // the quote that nothing ended; 0: none
  bool is_word_begun = false;  // the last word goes on where the line ends
};
Words split_words(std::string_view line);

// A word that split_words() gives back as it was.
std::string quoted(std::string_view word);

// The one of `known` that was most likely meant; none: nothing is near.
std::optional<std::string_view> nearest(std::string_view misspelt,
                                        std::span<const std::string_view> known);

}  // namespace evenkeel::keel
