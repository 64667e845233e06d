// Settings text as the places of its keys and values, for who edits it: the same words, comments
// and brackets as source.h and libconfig see, but nothing is left out and nothing is understood.
// What libconfig refuses may pass here; what passes there is either outlined as it means or
// refused.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/base/status.h"

namespace evenkeel {

// A value in the text, with its key if it stands in a group.
// Invariants:
//  1. begin <= value_begin < value_end <= separator < end, or separator is kNone and end is
//     value_end; all are places in the outlined text.
//  2. Pieces are in the order of the text, and within the brackets of their own.
struct Piece {
  enum class Kind : uint8_t { scalar, group, list };
  static constexpr size_t kNone = SIZE_MAX;

  Kind kind = Kind::scalar;
  std::string_view key;  // empty: an element of a list
  size_t begin = 0;
  size_t value_begin = 0;
  size_t value_end = 0;
  size_t separator = kNone;  // the ; or , behind it
  size_t end = 0;
  std::vector<Piece> pieces;  // of a group or a list

  // Of this group; null: it has no such key.
  const Piece* member(std::string_view name) const;
  // Of this list of groups; null: none has this name.
  const Piece* element(std::string_view text, std::string_view name) const;
};

// The outermost group: its value is the whole text.
Result<Piece> outline(std::string_view text);
// Of a text that is one value and nothing else.
Result<Piece> outline_value(std::string_view text);

// Behind the blanks, lines and comments that begin at `at`, but before a comment that is not
// closed.
size_t skip_space(std::string_view text, size_t at);

}  // namespace evenkeel
