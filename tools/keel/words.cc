#include "tools/keel/words.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <numeric>

namespace evenkeel::keel {
namespace {

struct CodePoints {
  char32_t first = 0;
  char32_t last = 0;
};

// What is not shown as itself: it has no shape of its own, or changes that of its neighbours.
constexpr CodePoints kUnsafe[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},     {0x180e, 0x180e},
    {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},
    {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0xe000, 0xf8ff}, {0xe0000, 0x10ffff}};

// Marks that are drawn over the character before them; and characters two columns wide.
constexpr CodePoints kCombining[] = {
    {0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},  {0x610, 0x61a}, {0x64b, 0x65f},
    {0x900, 0x902},   {0x93c, 0x93c},   {0xe31, 0xe31},  {0xe34, 0xe3a}, {0x1ab0, 0x1aff},
    {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe20, 0xfe2f}};
constexpr CodePoints kWide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},
                                {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xa000, 0xa4cf},
                                {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
                                {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
                                {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

bool is_in(std::span<const CodePoints> ranges, char32_t point) {
  return std::ranges::any_of(ranges, [point](const CodePoints& range) {
    return range.first <= point && point <= range.last;
  });
}

struct Decoded {
  char32_t point = 0;
  size_t bytes = 1;
  bool is_valid = false;
};

Decoded decode(std::string_view text) {
  const auto byte = [&](size_t at) { return static_cast<uint8_t>(text[at]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {.point = lead, .bytes = 1, .is_valid = true};
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return {.point = lead};
  char32_t point = lead & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {.point = lead};
    point = (point << 6) | (byte(i) & 0x3fu);
  }
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
  if (point < kLeast[length] || is_surrogate || point > 0x10ffff) return {.point = lead};
  return {.point = point, .bytes = length, .is_valid = true};
}

// Nearly every text there is, and a list may have a million of them.
bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::string written_out(const Decoded& decoded) {
  const auto point = static_cast<unsigned>(decoded.point);
  if (decoded.is_valid && point == '\n') return "\\n";
  if (decoded.is_valid && point == '\t') return "\\t";
  std::array<char, 16> text{};
  const char* format = !decoded.is_valid || point < 0x80 ? "\\x%02x"
                       : point < 0x10000                 ? "\\u%04x"
                                                         : "\\U%08x";
  // NOLINTNEXTLINE(clang-diagnostic-format-nonliteral): one of the three above.
  std::snprintf(text.data(), text.size(), format, point);
  return text.data();
}

size_t columns_of_point(char32_t point) {
  if (point < 0x300) return 1;
  if (is_in(kCombining, point)) return 0;
  return is_in(kWide, point) ? 2 : 1;
}

size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (const char c : a) {
    size_t diagonal = row[0]++;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (c == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string printable(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const Decoded decoded = decode(text);
    if (decoded.is_valid && !is_in(kUnsafe, decoded.point)) {
      result += text.substr(0, decoded.bytes);
    } else {
      result += written_out(decoded);
    }
    text.remove_prefix(decoded.bytes);
  }
  return result;
}

std::string printable_lines(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const size_t at = std::min(text.find_first_of("\n\t"), text.size());
    result += printable(text.substr(0, at));
    if (at < text.size()) result += text[at] == '\n' ? "\n" : "    ";
    text.remove_prefix(std::min(at + 1, text.size()));
  }
  return result;
}

size_t columns_of(std::string_view text) {
  if (is_plain(text)) return text.size();
  size_t columns = 0;
  while (!text.empty()) {
    const Decoded decoded = decode(text);
    columns += columns_of_point(decoded.point);
    text.remove_prefix(decoded.bytes);
  }
  return columns;
}

std::string clipped(std::string_view text, size_t columns, bool unicode) {
  if (columns_of(text) <= columns) return std::string(text);
  if (columns == 0) return "";
  size_t used = 0;
  size_t at = 0;
  while (at < text.size()) {
    const Decoded decoded = decode(text.substr(at));
    used += columns_of_point(decoded.point);
    if (used > columns - 1) break;
    at += decoded.bytes;
  }
  return std::string(text.substr(0, at)) + (unicode ? "…" : "~");
}

std::vector<std::string> wrapped(std::string_view text, size_t columns) {
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    if (!lines.back().empty() && columns_of(lines.back()) + 1 + columns_of(word) > columns) {
      lines.emplace_back();
    }
    if (!lines.back().empty()) lines.back() += ' ';
    lines.back() += word;
  }
  return lines;
}

std::string padded(std::string_view text, size_t columns, bool to_right) {
  const size_t used = columns_of(text);
  const std::string blanks(columns > used ? columns - used : 0, ' ');
  return to_right ? blanks + std::string(text) : std::string(text) + blanks;
}

Words split_words(std::string_view line) {
  Words result;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (result.open_quote == 0 && (c == ' ' || c == '\t' || c == '\n')) {
      result.is_word_begun = false;
      continue;
    }
    if (!result.is_word_begun) {
      result.words.emplace_back();
      result.is_word_begun = true;
    }
    std::string& word = result.words.back();
    const bool escapes = c == '\\' && result.open_quote != '\'' && i + 1 < line.size();
    if (escapes) {
      word += line[++i];
    } else if (c == result.open_quote) {
      result.open_quote = 0;
    } else if (result.open_quote == 0 && (c == '"' || c == '\'')) {
      result.open_quote = c;
    } else {
      word += c;
    }
  }
  return result;
}

std::string quoted(std::string_view word) {
  const bool is_one_word =
      !word.empty() && word.find_first_of(" \t\n\"'\\;|&$`<>*?#~!{}()[]") == std::string_view::npos;
  if (is_one_word) return std::string(word);
  std::string result = "'";
  for (const char c : word) {
    if (c == '\'') {
      result += "'\\''";
    } else {
      result += c;
    }
  }
  return result + "'";
}

std::optional<std::string_view> nearest(std::string_view misspelt,
                                        std::span<const std::string_view> known) {
  constexpr size_t kLongest = 64;  // the distance costs the product of the lengths
  if (misspelt.size() > kLongest) return std::nullopt;
  const auto begun = std::ranges::find_if(
      known, [&](std::string_view name) { return name.starts_with(misspelt); });
  if (misspelt.size() > 2 && begun != known.end()) return *begun;
  std::optional<std::string_view> best;
  size_t least = std::min<size_t>(3, misspelt.size() / 2 + 1);
  for (const std::string_view name : known) {
    if (name.size() > kLongest) continue;
    const size_t far = distance(misspelt, name);
    // Hardly anybody errs in the first letter and in another one: `quit` is not `edit`.
    if (far > 1 && !misspelt.starts_with(name.substr(0, 1))) continue;
    if (far < least) {
      least = far;
      best = name;
    }
  }
  return best;
}

}  // namespace evenkeel::keel
