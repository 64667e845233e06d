#include "firmware/settings/outline.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace evenkeel {
namespace {

constexpr size_t kMaxDepth = 16;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool begins_key(char c) { return is_letter(c) || c == '*'; }
bool is_of_key(char c) { return begins_key(c) || is_digit(c) || c == '-' || c == '_'; }
bool is_of_word(char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '+'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\n'; }

// A failure is the first one; from then on nothing is read.
class Outliner {
 public:
  explicit Outliner(std::string_view text) : text_(text) {}

  Result<Piece> whole() {
    Piece root;
    root.kind = Piece::Kind::group;
    root.value_end = root.end = text_.size();
    pass_members(root, 1);
    if (is_good() && at_ < text_.size()) fail("a key");
    if (!is_good()) return error();
    return root;
  }

  Result<Piece> one_value() {
    Piece piece;
    pass_space();
    pass_value(piece, 1);
    if (is_good() && at_ < text_.size()) fail("nothing more");
    if (!is_good()) return error();
    return piece;
  }

 private:
  bool is_good() const { return expected_.empty(); }

  void fail(std::string expected) {
    if (is_good()) expected_ = std::move(expected);
  }

  Error error() const {
    const auto lines = std::ranges::count(text_.substr(0, at_), '\n');
    return Error{"line " + std::to_string(lines + 1) + " of the text: " + expected_ +
                 " is expected here; mend that first"};
  }

  char next() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void pass_space() {
    at_ = skip_space(text_, at_);
    if (next() == '@') fail("no @include, but what it includes (keel load takes it in)");
  }

  void pass_members(Piece& group, size_t depth) {
    pass_space();
    while (is_good() && begins_key(next())) {
      group.pieces.push_back(pass_member(depth));
      pass_space();
    }
  }

  Piece pass_member(size_t depth) {
    Piece piece;
    piece.begin = at_;
    while (is_of_key(next())) ++at_;
    piece.key = text_.substr(piece.begin, at_ - piece.begin);
    pass_space();
    if (next() != '=' && next() != ':') fail("'='");
    if (!is_good()) return piece;
    ++at_;
    pass_space();
    pass_value(piece, depth);
    if (next() == ';' || next() == ',') pass_separator(piece);
    return piece;
  }

  void pass_separator(Piece& piece) {
    piece.separator = at_++;
    piece.end = at_;
  }

  void pass_elements(Piece& list, size_t depth) {
    pass_space();
    while (is_good() && next() != ')' && next() != ']') {
      Piece& piece = list.pieces.emplace_back();
      piece.begin = at_;
      pass_value(piece, depth);
      if (next() != ',') break;
      pass_separator(piece);
      pass_space();
    }
  }

  // Ends behind the space that follows the value.
  void pass_value(Piece& piece, size_t depth) {
    if (depth > kMaxDepth) fail("no group within " + std::to_string(kMaxDepth) + " others");
    if (!is_good()) return;
    piece.value_begin = at_;
    const char first = next();
    if (first == '{' || first == '(' || first == '[') {
      ++at_;
      piece.kind = first == '{' ? Piece::Kind::group : Piece::Kind::list;
      const char last = first == '{' ? '}' : first == '(' ? ')' : ']';
      first == '{' ? pass_members(piece, depth + 1) : pass_elements(piece, depth + 1);
      if (next() != last) fail(std::string("'") + last + "'");
      piece.value_end = is_good() ? ++at_ : at_;
    } else if (first == '"') {
      pass_texts(piece);
    } else {
      while (is_of_word(next())) ++at_;
      if (at_ == piece.value_begin) fail("a value");
      piece.value_end = at_;
    }
    piece.end = piece.value_end;
    if (is_good()) pass_space();
  }

  // Texts that follow each other are one.
  void pass_texts(Piece& piece) {
    while (is_good() && next() == '"') {
      size_t end = at_ + 1;
      while (end < text_.size() && text_[end] != '"' && text_[end] != '\n') {
        end += text_[end] == '\\' ? 2 : 1;
      }
      if (end >= text_.size() || text_[end] != '"') return fail("the end of a text, \",");
      at_ = piece.value_end = end + 1;
      pass_space();
    }
  }

  const std::string_view text_;
  size_t at_ = 0;
  std::string expected_;  // where nothing can be read any more
};

// What texts that follow each other say; nothing: no text, or not in plain letters.
std::optional<std::string> plain_text(std::string_view value) {
  std::string text;
  for (size_t at = 0; at < value.size(); at = skip_space(value, at)) {
    if (value[at] != '"') return std::nullopt;
    const size_t end = value.find('"', at + 1);
    if (end == std::string_view::npos) return std::nullopt;
    text += value.substr(at + 1, end - at - 1);
    at = end + 1;
  }
  return text.find('\\') == std::string::npos ? std::optional(text) : std::nullopt;
}

}  // namespace

const Piece* Piece::member(std::string_view name) const {
  const auto found = std::ranges::find(pieces, name, &Piece::key);
  return kind != Kind::group || found == pieces.end() ? nullptr : &*found;
}

const Piece* Piece::element(std::string_view text, std::string_view name) const {
  if (kind != Kind::list) return nullptr;
  for (const Piece& piece : pieces) {
    const Piece* const its = piece.member("name");
    if (its == nullptr) continue;
    const auto value = text.substr(its->value_begin, its->value_end - its->value_begin);
    if (plain_text(value) == name) return &piece;
  }
  return nullptr;
}

Result<Piece> outline(std::string_view text) { return Outliner(text).whole(); }

Result<Piece> outline_value(std::string_view text) { return Outliner(text).one_value(); }

size_t skip_space(std::string_view text, size_t at) {
  while (at < text.size()) {
    const std::string_view rest = text.substr(at);
    if (is_blank(rest.front())) {
      ++at;
    } else if (rest.front() == '#' || rest.starts_with("//")) {
      at += std::min(rest.find('\n'), rest.size());
    } else if (rest.starts_with("/*")) {
      const size_t end = rest.find("*/", 2);
      if (end == std::string_view::npos) return at;
      at += end + 2;
    } else {
      return at;
    }
  }
  return at;
}

}  // namespace evenkeel
