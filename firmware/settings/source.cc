#include "firmware/settings/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "drivers/descriptor.h"
#include "firmware/base/limits.h"
#include "firmware/base/status.h"

namespace evenkeel {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_of_name(char c) {
  return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '*';
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

// Of a regular file only: anything else may never end, or never begin.
Result<std::string> content_of(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (!file.is_open() || fstat(file.get(), &status) != 0) return Error{std::strerror(errno)};
  if (!S_ISREG(status.st_mode)) return Error{"it is not a regular file"};
  std::string content;
  std::array<char, 65'536> chunk{};
  ssize_t count = 0;
  // What is more than may be is told by whoever adds it to the rest.
  while (content.size() <= kMaxSettingsBytes &&
         (count = read(file.get(), chunk.data(), chunk.size())) > 0) {
    content.append(chunk.data(), static_cast<size_t>(count));
  }
  if (count < 0) return Error{std::strerror(errno)};
  return content;
}

// A literal that begins with a digit, as libconfig is to read it: of an integer, all 64 bits count,
// and one that needs more becomes the largest.
std::string number_for_parser(std::string_view literal) {
  std::string_view digits = literal;
  while (digits.ends_with('L') || digits.ends_with('l')) digits.remove_suffix(1);
  const bool is_hex = digits.starts_with("0x") || digits.starts_with("0X");
  const std::string_view bare = is_hex ? digits.substr(2) : digits;
  const std::string_view allowed = is_hex ? "0123456789abcdefABCDEF" : "0123456789";
  if (bare.empty() || bare.find_first_not_of(allowed) != std::string_view::npos) {
    return std::string(literal);  // a fraction, or nothing that libconfig takes
  }
  const size_t leading = std::min(bare.find_first_not_of('0'), bare.size());
  const bool fits = bare.size() - leading <= (is_hex ? 15u : 18u);
  return fits ? std::string(digits) + "L" : "9223372036854775807L";
}

bool has_escaped_nul(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') continue;
    const std::string_view escape = text.substr(i, 4);
    if (escape == "\\x00" || escape == "\\X00") return true;
    ++i;
  }
  return false;
}

class Reader {
 public:
  Source take() && { return std::move(source_); }

  // Adds what `content` stands for.
  void add(std::string_view content, const std::string& name, size_t depth) {
    const auto file = static_cast<uint32_t>(source_.files.size());
    source_.files.push_back(name);
    const Place outer = std::exchange(place_, {.rest = content, .file = file, .depth = depth});
    if (source_.flat.size() + content.size() > kMaxSettingsBytes) {
      refuse("settings of more than " + std::to_string(kMaxSettingsBytes) + " bytes in all");
    } else if (const size_t nul = content.find('\0'); nul != std::string_view::npos) {
      place_.line += static_cast<uint32_t>(std::ranges::count(content.substr(0, nul), '\n'));
      refuse("a NUL byte; settings are text");
    } else {
      while (!place_.rest.empty()) step();
      end_held_lines();
      end_line();
      is_after_text_ = false;
      if (depth > 0 && !content.empty() && !content.ends_with('\n')) source_.flat += '\n';
    }
    place_ = outer;
  }

  // REQUIRES: nothing has been added.
  void add_first_file(const std::string& path) {
    const Result<std::string> content = content_of(path);
    if (content.ok()) return add(content.value(), path, 0);
    source_.mistakes.push_back(
        {.file = path, .line = 0, .path = {}, .what = "cannot be read: " + content.message()});
  }

 private:
  struct Place {
    std::string_view rest;
    uint32_t file = 0;
    uint32_t line = 1;
    size_t depth = 0;
  };

  void refuse(const std::string& what) {
    if (source_.mistakes.size() == kMaxMistakes) return;
    source_.mistakes.push_back(
        {.file = source_.files[place_.file], .line = place_.line, .path = {}, .what = what});
  }

  void end_line() {
    source_.text += '\n';
    source_.lines.push_back({.file = place_.file, .number = place_.line});
  }

  // libconfig dates a text in a list by the token behind it, which so must stay on its line.
  void end_held_lines() {
    for (; held_lines_ > 0; --held_lines_) {
      source_.text += '\n';
      source_.lines.push_back({.file = place_.file, .number = place_.line - held_lines_});
    }
  }

  // libconfig compares each key with all others of its group.
  void count_keys(char token) {
    if (token == '{') keys_.push_back(0);
    if (token == '}' && keys_.size() > 1) keys_.pop_back();
    if ((token == '=' || token == ':') && ++keys_.back() == kMaxKeysOfGroup + 1) {
      refuse("more than " + std::to_string(kMaxKeysOfGroup) + " keys in one group");
    }
  }

  void emit(std::string_view text) {
    count_keys(text.front());
    const bool closes = std::string_view(",;])}").find(text.front()) != std::string_view::npos;
    if (!closes) end_held_lines();
    source_.text += text;
    end_held_lines();
    is_after_text_ = text.front() == '"';
  }

  void pass_new_line() {
    if (is_after_text_) {
      ++held_lines_;
    } else {
      end_line();
    }
    ++place_.line;
    skip(1);
  }

  void step() {
    const std::string_view rest = place_.rest;
    const char first = rest.front();
    if (first == '\n') return pass_new_line();
    if (first == '#' || rest.starts_with("//")) return skip(std::min(rest.find('\n'), rest.size()));
    if (rest.starts_with("/*")) return pass_comment();
    if (first == '"') return pass_text();
    if (first == '@') return include();
    if (is_digit(first) || first == '.') return pass_number();
    if (is_letter(first) || first == '*') {
      const auto end = std::ranges::find_if_not(rest, is_of_name);
      emit(rest.substr(0, static_cast<size_t>(end - rest.begin())));
      return skip(static_cast<size_t>(end - rest.begin()));
    }
    if (first == ' ' || first == '\t' || first == '\r' || first == '\f') {
      source_.text += ' ';
    } else {
      emit(rest.substr(0, 1));
    }
    skip(1);
  }

  void skip(size_t count) {
    source_.flat += place_.rest.substr(0, count);
    place_.rest.remove_prefix(count);
  }

  void pass_comment() {
    const size_t end = place_.rest.find("*/", 2);
    if (end == std::string_view::npos) {
      refuse("a comment begins here and is not closed with */");
      return skip(place_.rest.size());
    }
    source_.text += ' ';
    const std::string_view behind = place_.rest.substr(end + 2);
    while (place_.rest.size() > behind.size()) {
      if (place_.rest.front() == '\n') {
        pass_new_line();
      } else {
        skip(1);
      }
    }
  }

  // The length of the text in quotes at the beginning of the rest, or nothing.
  std::optional<size_t> length_of_text() const {
    const std::string_view rest = place_.rest;
    for (size_t i = 1; i < rest.size() && rest[i] != '\n'; ++i) {
      if (rest[i] == '"') return i + 1;
      if (rest[i] == '\\') ++i;
    }
    return std::nullopt;
  }

  void pass_text() {
    const std::optional<size_t> length = length_of_text();
    if (!length.has_value()) {
      refuse("a text begins with \" on this line and is not closed on it");
      return skip(std::min(place_.rest.find('\n'), place_.rest.size()));
    }
    const std::string_view text = place_.rest.substr(0, *length);
    if (has_escaped_nul(text)) refuse("\\x00 in a text");
    emit(text);
    skip(*length);
  }

  void pass_number() {
    const std::string_view rest = place_.rest;
    const auto end = std::ranges::find_if_not(
        rest, [](char c) { return is_digit(c) || is_letter(c) || c == '.'; });
    const auto length = static_cast<size_t>(end - rest.begin());
    emit(number_for_parser(rest.substr(0, length)));
    skip(length);
  }

  void include() {
    constexpr std::string_view kDirective = "@include";
    if (!place_.rest.starts_with(kDirective)) {
      refuse("found @; allowed here: @include \"FILE\"");
      return skip(1);
    }
    const size_t flat_size = source_.flat.size();
    skip(kDirective.size());
    skip(std::min(place_.rest.find_first_not_of(" \t"), place_.rest.size()));
    const std::optional<size_t> length =
        place_.rest.starts_with('"') ? length_of_text() : std::nullopt;
    if (!length.has_value()) return refuse("@include is not followed by \"FILE\"");
    const std::string name(place_.rest.substr(1, *length - 2));
    skip(*length);
    source_.flat.resize(flat_size);
    source_.flat += '\n';  // what stands before it is no beginning of its first word
    add_file(name);
  }

  void add_file(const std::string& name) {
    if (place_.depth == kMaxIncludeDepth || source_.files.size() == kMaxSettingsFiles) {
      return refuse("@include \"" + name + "\": at most " + std::to_string(kMaxIncludeDepth) +
                    " files deep and " + std::to_string(kMaxSettingsFiles) + " files in all");
    }
    const std::string path =
        name.starts_with('/') ? name : folder_of(source_.files[place_.file]) + name;
    const Result<std::string> content = content_of(path);
    if (!content.ok()) {
      return refuse("@include \"" + name + "\": " + path + " cannot be read: " + content.message());
    }
    end_held_lines();
    end_line();
    add(content.value(), path, place_.depth + 1);
  }

  Source source_;
  Place place_;
  std::vector<size_t> keys_ = {0};  // so far, of each group that is open
  bool is_after_text_ = false;
  uint32_t held_lines_ = 0;
};

}  // namespace

std::string to_string(const Mistake& mistake) {
  std::string text = mistake.file;
  if (mistake.line != 0) text += ":" + std::to_string(mistake.line);
  if (!mistake.path.empty()) text += ": " + mistake.path;
  return text + ": " + mistake.what;
}

Source read_source_file(const std::string& path) {
  Reader reader;
  reader.add_first_file(path);
  return std::move(reader).take();
}

Source read_source_text(std::string_view text, const std::string& name) {
  Reader reader;
  reader.add(text, name, 0);
  return std::move(reader).take();
}

}  // namespace evenkeel
