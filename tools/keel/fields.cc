#include "tools/keel/fields.h"

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <cstdio>

#include "tools/keel/units.h"
#include "tools/keel/words.h"

namespace evenkeel::keel {
namespace {

const boost::json::value& null_value() {
  static const boost::json::value kNull;
  return kNull;
}

// How much of JSON's front is shown as it is.
size_t plain_length(std::string_view json) {
  const auto is_plain = [](char c) { return c >= ' ' && c < 0x7f; };
  return static_cast<size_t>(std::ranges::find_if_not(json, is_plain) - json.begin());
}

std::string number_text(double number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.10g", number);
  return text.data();
}

}  // namespace

const boost::json::value& field(const boost::json::value& of, std::string_view path) {
  const boost::json::value* at = &of;
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    const boost::json::object* object = at->if_object();
    const boost::json::value* next =
        object != nullptr ? object->if_contains(path.substr(0, end)) : nullptr;
    if (next == nullptr) return null_value();
    at = next;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return *at;
}

bool has(const boost::json::value& of, std::string_view path) { return !field(of, path).is_null(); }

std::string shown(const boost::json::value& value) {
  if (const auto* text = value.if_string()) return printable({text->data(), text->size()});
  if (const auto* number = value.if_int64()) return std::to_string(*number);
  if (const auto* number = value.if_uint64()) return std::to_string(*number);
  if (const auto* number = value.if_double()) return number_text(*number);
  if (const auto* is_so = value.if_bool()) return *is_so ? "yes" : "no";
  return value.is_null() ? "" : to_line(value);
}

std::string text_of(const boost::json::value& of, std::string_view path) {
  return shown(field(of, path));
}

std::string raw_text_of(const boost::json::value& of, std::string_view path) {
  const auto* text = field(of, path).if_string();
  return text != nullptr ? std::string(text->data(), text->size()) : "";
}

std::optional<double> number_of(const boost::json::value& of, std::string_view path) {
  const boost::json::value& value = field(of, path);
  if (const auto* number = value.if_int64()) return static_cast<double>(*number);
  if (const auto* number = value.if_uint64()) return static_cast<double>(*number);
  if (const auto* number = value.if_double(); number != nullptr && std::isfinite(*number)) {
    return *number;
  }
  return std::nullopt;
}

uint64_t count_of(const boost::json::value& of, std::string_view path) {
  const boost::json::value& value = field(of, path);
  if (const auto* number = value.if_uint64()) return *number;
  if (const auto* number = value.if_int64())
    return *number > 0 ? static_cast<uint64_t>(*number) : 0;
  constexpr double kMost = 9e18;
  const auto* number = value.if_double();
  return number != nullptr && *number > 0 && *number < kMost ? static_cast<uint64_t>(*number) : 0;
}

bool flag_of(const boost::json::value& of, std::string_view path) {
  const auto* is_so = field(of, path).if_bool();
  return is_so != nullptr && *is_so;
}

std::string time_of(const boost::json::value& of, std::string_view path) {
  if (field(of, path).is_string()) return text_of(of, path);
  const uint64_t time = count_of(of, path);
  return time == 0 ? "" : utc(time / 1'000'000);
}

const boost::json::array& list_of(const boost::json::value& of, std::string_view path) {
  static const boost::json::array kEmpty;
  const boost::json::array* list = field(of, path).if_array();
  return list != nullptr ? *list : kEmpty;
}

std::vector<std::string> texts_of(const boost::json::value& of, std::string_view path) {
  std::vector<std::string> texts;
  for (const boost::json::value& value : list_of(of, path)) texts.push_back(shown(value));
  return texts;
}

std::string to_line(const boost::json::value& value) {
  return to_line(std::string_view(boost::json::serialize(value)));
}

std::string to_line(std::string_view json) {
  // Strings are the only place where DEL and C1 controls can be, and there JSON allows \u escapes;
  // between values there may be line feeds.
  std::string line;
  line.reserve(json.size());
  while (true) {
    const size_t plain = plain_length(json);
    line += json.substr(0, plain);
    json.remove_prefix(plain);
    if (json.empty()) return line;
    const auto byte = static_cast<unsigned char>(json[0]);
    const auto next = json.size() > 1 ? static_cast<unsigned char>(json[1]) : 0u;
    const bool is_control = byte == 0xc2 && next >= 0x80 && next < 0xa0;
    if (byte == 0x7f || is_control) {
      std::array<char, 8> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\u%04x", is_control ? next : byte);
      line += escaped.data();
    } else if (byte >= ' ') {
      line += json[0];
    }
    json.remove_prefix(is_control ? 2 : 1);
  }
}

}  // namespace evenkeel::keel
