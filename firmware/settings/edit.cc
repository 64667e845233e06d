#include "firmware/settings/edit.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "firmware/base/limits.h"
#include "firmware/settings/keys.h"
#include "firmware/settings/outline.h"
#include "firmware/settings/source.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

// --- Paths ---------------------------------------------------------------------------------------

// Keys and names of elements, outermost first.
Result<std::vector<std::string_view>> steps_of(std::string_view path) {
  constexpr size_t kMaxSteps = 16;
  const Error wrong{"'" + std::string(path) +
                    "' is no path of settings; allowed: keys and names, as services.shop.mss or "
                    "services[shop.eu].mss"};
  std::vector<std::string_view> steps;
  size_t at = 0;
  while (steps.size() < kMaxSteps) {
    const bool is_bracket = at < path.size() && path[at] == '[';
    const size_t begin = is_bracket ? at + 1 : at;
    const size_t end = std::min(path.find_first_of(is_bracket ? "]" : ".[", begin), path.size());
    if (end == begin || (is_bracket && (end == path.size() || steps.empty()))) return wrong;
    steps.push_back(path.substr(begin, end - begin));
    at = is_bracket ? end + 1 : end;
    if (at == path.size()) return steps;
    if (path[at] == '.') {
      ++at;
    } else if (path[at] != '[') {
      return wrong;
    }
  }
  return wrong;
}

// A step, with what the key table says of it.
struct Part {
  std::string_view name;
  const Key* key = nullptr;  // of an element: the list's
  bool is_element = false;
};

Result<std::vector<Part>> parts_of(std::string_view path) {
  const Result<std::vector<std::string_view>> steps = steps_of(path);
  if (!steps.ok()) return Error{steps.message()};
  const std::string whole(path);
  std::vector<Part> parts;
  std::span<const Key> keys = settings_keys();
  for (const std::string_view name : steps.value()) {
    const Key* const outer = parts.empty() ? nullptr : parts.back().key;
    if (outer != nullptr && outer->form != Form::group) {
      return Error{whole + ": " + std::string(outer->name) +
                   " has no keys of its own; allowed: " + allowed(*outer)};
    }
    if (outer != nullptr && outer->is_list && !parts.back().is_element) {
      const Key* const its_name = find_key(outer->members, "name");
      if (its_name == nullptr) {
        return Error{whole + ": what is in " + std::string(outer->name) +
                     " has no name to go by; set the whole list"};
      }
      if (!is_name(name)) {
        return Error{whole + ": found '" + std::string(name) +
                     "' as a name; allowed: " + allowed(*its_name)};
      }
      parts.push_back({.name = name, .key = outer, .is_element = true});
      continue;
    }
    const Key* const key = find_key(keys, name);
    if (key == nullptr) {
      return Error{whole + ": there is no key '" + std::string(name) + "'; " +
                   suggestion(keys, name)};
    }
    parts.push_back({.name = name, .key = key});
    keys = key->members;
  }
  return parts;
}

// --- Places in the text --------------------------------------------------------------------------

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f'; }

bool is_of_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '*' || c == '.' || c == '+';
}

size_t line_begin(std::string_view text, size_t at) {
  const size_t before = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
  return before == std::string_view::npos ? 0 : before + 1;
}

// Where the line ends, if nothing but comments is on the rest of it.
std::optional<size_t> end_of_tail(std::string_view text, size_t at) {
  while (at < text.size() && text[at] != '\n') {
    const std::string_view rest = text.substr(at);
    if (rest.front() == '#' || rest.starts_with("//")) {
      return std::min(text.find('\n', at), text.size());
    }
    const size_t end = rest.starts_with("/*") ? rest.find("*/", 2) : std::string_view::npos;
    if (end != std::string_view::npos && rest.substr(0, end).find('\n') == std::string_view::npos) {
      at += end + 2;
    } else if (is_blank(rest.front())) {
      ++at;
    } else {
      return std::nullopt;
    }
  }
  return at;
}

bool is_first_on_line(std::string_view text, size_t at) {
  const size_t begin = line_begin(text, at);
  return std::ranges::all_of(text.substr(begin, at - begin), is_blank);
}

// What brings a new line to the column of `at`.
std::string indent_to(std::string_view text, size_t at) {
  const size_t begin = line_begin(text, at);
  std::string indent(text.substr(begin, at - begin));
  std::ranges::replace_if(indent, [](char c) { return c != '\t'; }, ' ');
  return indent;
}

// --- Changes of the text -------------------------------------------------------------------------

// Changes of a text, each behind the one before.
class Patch {
 public:
  explicit Patch(std::string_view text) : text_(text) {}

  // REQUIRES: begin is not before the end of the last change.
  void replace(size_t begin, size_t end, std::string_view with) {
    result_ += text_.substr(done_, begin - done_);
    result_ += with;
    done_ = end;
    // What stood apart is not to become one word.
    const bool is_joined = !result_.empty() && is_of_word(result_.back()) && begin < end &&
                           done_ < text_.size() && is_of_word(text_[done_]);
    if (is_joined) result_ += ' ';
  }
  void insert(size_t at, std::string_view what) { replace(at, at, what); }

  std::string take() && { return result_ + std::string(text_.substr(done_)); }

 private:
  const std::string_view text_;
  std::string result_;
  size_t done_ = 0;
};

// Puts one more at the end of a group or a list, laid out as those that are there.
std::string with_new_piece(std::string_view text, const Piece& outer, const std::string& piece) {
  Patch patch(text);
  if (outer.pieces.empty()) {
    const bool is_root = outer.value_end == text.size() && outer.value_begin == 0;
    const size_t at = is_root ? text.size() : outer.value_begin + 1;
    const char before = at == 0 ? '\n' : text[at - 1];
    const bool is_tight = !is_root && !is_blank(text[at]) && text[at] != '\n';
    patch.insert(at, is_root ? (before == '\n' ? "" : "\n") + piece + "\n"
                             : " " + piece + (is_tight ? " " : ""));
    return std::move(patch).take();
  }
  const Piece& first = outer.pieces.front();
  const Piece& last = outer.pieces.back();
  const char* const separator = outer.kind == Piece::Kind::list ? "," : ";";
  if (last.separator == Piece::kNone) patch.insert(last.value_end, separator);
  const bool is_below = is_first_on_line(text, last.begin);
  const std::optional<size_t> tail = end_of_tail(text, last.end);
  const std::string indent = indent_to(text, is_below ? last.begin : first.begin);
  const bool is_on_own_line = is_below || tail.has_value();
  patch.insert(tail.value_or(last.end), (is_on_own_line ? "\n" + indent : " ") + piece);
  return std::move(patch).take();
}

std::string without_piece(std::string_view text, const Piece& list, const Piece& piece) {
  Patch patch(text);
  const bool is_last = &piece == &list.pieces.back() && &piece != &list.pieces.front();
  if (list.kind == Piece::Kind::list && is_last && piece.separator == Piece::kNone) {
    const size_t comma = list.pieces[list.pieces.size() - 2].separator;
    patch.replace(comma, comma + 1, "");
  }
  const std::optional<size_t> tail = end_of_tail(text, piece.end);
  size_t begin = piece.begin;
  size_t end = piece.end;
  if (!is_first_on_line(text, begin)) {
    while (begin > 0 && is_blank(text[begin - 1])) --begin;
  } else if (tail.has_value()) {
    begin = line_begin(text, begin);
    end = std::min(*tail + 1, text.size());
  } else {
    while (end < text.size() && is_blank(text[end])) ++end;
  }
  patch.replace(begin, end, "");
  return std::move(patch).take();
}

// --- Values --------------------------------------------------------------------------------------

bool is_text(Form form) {
  return form != Form::integer && form != Form::prime && form != Form::number &&
         form != Form::boolean && form != Form::group;
}

// Quotes that were left out.
std::string with_quotes(const Key& key, std::string_view value) {
  const bool is_number = value.find_first_not_of("0123456789") == std::string_view::npos;
  const bool may_be_number =
      key.form == Form::ports || key.form == Form::statuses || key.form == Form::size;
  const bool is_open = is_text(key.form) && !key.is_list && !value.empty() &&
                       std::string_view("\"[({").find(value.front()) == std::string_view::npos;
  return is_open && !(is_number && may_be_number) ? quoted(value) : std::string(value);
}

// Without it around, as it is to stand in the text.
Result<std::string> value_for(const Part& part, std::string_view value, const std::string& path) {
  const std::string text = part.is_element ? std::string(value) : with_quotes(*part.key, value);
  const Result<Piece> piece = outline_value(text);
  const std::string what = part.is_element ? "a group { }" : allowed(*part.key);
  if (!piece.ok()) {
    return Error{path + ": what it is to be set to is not one value (" + piece.message() +
                 "); allowed: " + what};
  }
  const auto [begin, end] = std::pair(piece.value().value_begin, piece.value().value_end);
  if (begin != 0 || end != text.size()) {
    return Error{path + ": something stands around the value; allowed: " + what};
  }
  if (!part.is_element) return text;
  if (piece.value().kind != Piece::Kind::group) {
    return Error{path + ": found no group; allowed: a group { }"};
  }
  if (const Piece* const name = piece.value().member("name"); name != nullptr) {
    const std::string its = text.substr(name->value_begin, name->value_end - name->value_begin);
    if (its == quoted(part.name)) return text;
    return Error{path + ": found the name " + its + " in it; allowed: " + quoted(part.name)};
  }
  const std::string rest = text.substr(1);
  return "{ name = " + quoted(part.name) + ";" + (is_blank(rest.front()) ? "" : " ") + rest;
}

// What is to be added where the first of `parts` is missing.
std::string new_piece(std::span<const Part> parts, const std::string& value) {
  const Part& part = parts.front();
  const std::string key(part.name);
  if (parts.size() == 1) return part.is_element ? value : key + " = " + value + ";";
  const std::string inner = new_piece(parts.subspan(1), value);
  if (part.is_element) return "{ name = " + quoted(part.name) + "; " + inner + " }";
  return key + (part.key->is_list ? " = ( " + inner + " );" : " = { " + inner + " };");
}

}  // namespace

Result<std::string> set_in_text(std::string_view text, std::string_view path,
                                std::string_view value) {
  const std::string whole(path);
  const Result<std::vector<Part>> parts = parts_of(path);
  if (!parts.ok()) return Error{parts.message()};
  const Result<std::string> good = value_for(parts.value().back(), value, whole);
  if (!good.ok()) return Error{good.message()};
  const Result<Piece> root = outline(text);
  if (!root.ok()) return Error{root.message()};
  const Piece* piece = &root.value();
  std::span<const Part> rest = parts.value();
  for (; !rest.empty(); rest = rest.subspan(1)) {
    const Part& part = rest.front();
    const Piece* const next =
        part.is_element ? piece->element(text, part.name) : piece->member(part.name);
    if (next != nullptr) {
      piece = next;
      continue;
    }
    const auto kind = part.is_element ? Piece::Kind::list : Piece::Kind::group;
    if (piece->kind != kind || (part.is_element && text[piece->value_begin] == '[')) {
      return Error{whole + ": '" + std::string(part.name) + "' cannot be put there, for " +
                   (part.is_element ? "no list ( )" : "no group { }") +
                   " is around it in the text; set that first"};
    }
    if (part.is_element && rest.size() > 1 && rest[1].name == "name") {
      return Error{whole + ": there is no '" + std::string(part.name) + "' to be renamed"};
    }
    return with_new_piece(text, *piece, new_piece(rest, good.value()));
  }
  Patch patch(text);
  patch.replace(piece->value_begin, piece->value_end, good.value());
  return std::move(patch).take();
}

Result<std::string> delete_in_text(std::string_view text, std::string_view path) {
  const Result<std::vector<std::string_view>> steps = steps_of(path);
  if (!steps.ok()) return Error{steps.message()};
  const Result<Piece> root = outline(text);
  if (!root.ok()) return Error{root.message()};
  const Piece* outer = nullptr;
  const Piece* piece = &root.value();
  for (const std::string_view name : steps.value()) {
    outer = piece;
    piece = outer->kind == Piece::Kind::list ? outer->element(text, name) : outer->member(name);
    if (piece == nullptr) {
      return Error{std::string(path) + ": '" + std::string(name) +
                   "' is not in the text, so there is nothing to delete"};
    }
  }
  return without_piece(text, *outer, *piece);
}

Result<std::string> flatten_file(const std::string& path) {
  Source source = read_source_file(path);
  if (!source.mistakes.empty()) return Error{to_string(source.mistakes.front())};
  if (source.flat.size() > kMaxSettingsBytes) {
    return Error{path + ": with what it includes, more than " + std::to_string(kMaxSettingsBytes) +
                 " bytes; take something out"};
  }
  return std::move(source.flat);
}

}  // namespace evenkeel
