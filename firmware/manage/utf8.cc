#include "firmware/manage/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace evenkeel {
namespace {

// How many bytes at the front of `text` are one character of UTF-8; 0: none are.
size_t character(std::string_view text) {
  const auto byte = [&text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const size_t size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (size == 0 || first > 0xf4 || size > text.size()) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool is_wrong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) ||
                        (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f);
  return is_wrong ? 0 : size;
}

}  // namespace

void make_utf8(std::string& text) {
  constexpr uint64_t kHighBits = 0x8080'8080'8080'8080;
  size_t i = 0;
  while (i < text.size()) {
    uint64_t word = kHighBits;
    if (text.size() - i >= sizeof word) std::memcpy(&word, text.data() + i, sizeof word);
    if ((word & kHighBits) == 0) {
      i += sizeof word;
      continue;
    }
    const size_t size = character(std::string_view(text).substr(i));
    if (size == 0) text[i] = '?';
    i += std::max<size_t>(size, 1);
  }
}

}  // namespace evenkeel
