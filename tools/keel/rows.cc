#include "tools/keel/rows.h"

#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value_stack.hpp>
#include <cstdint>
#include <memory>

#include "tools/keel/fields.h"

namespace evenkeel::keel {
namespace {

namespace json = boost::json;

using ParseError = boost::system::error_code;

// Hears of all that the parser comes to, and takes it.
struct Checker {
  // NOLINTBEGIN(readability-identifier-naming): Boost's names.
  static constexpr size_t max_object_size = SIZE_MAX;
  static constexpr size_t max_array_size = SIZE_MAX;
  static constexpr size_t max_key_size = SIZE_MAX;
  static constexpr size_t max_string_size = SIZE_MAX;
  // NOLINTEND(readability-identifier-naming)

  bool on_document_begin(ParseError&) { return true; }
  bool on_document_end(ParseError&) { return true; }
  bool on_object_begin(ParseError&) { return true; }
  bool on_object_end(size_t, ParseError&) { return true; }
  bool on_array_begin(ParseError&) { return true; }
  bool on_array_end(size_t, ParseError&) { return true; }
  bool on_key_part(json::string_view, size_t, ParseError&) { return true; }
  bool on_key(json::string_view, size_t, ParseError&) { return true; }
  bool on_string_part(json::string_view, size_t, ParseError&) { return true; }
  bool on_string(json::string_view, size_t, ParseError&) { return true; }
  bool on_number_part(json::string_view, ParseError&) { return true; }
  bool on_int64(int64_t, json::string_view, ParseError&) { return true; }
  bool on_uint64(uint64_t, json::string_view, ParseError&) { return true; }
  bool on_double(double, json::string_view, ParseError&) { return true; }
  bool on_bool(bool, ParseError&) { return true; }
  bool on_null(ParseError&) { return true; }
  bool on_comment_part(json::string_view, ParseError&) { return true; }
  bool on_comment(json::string_view, ParseError&) { return true; }
};

// Makes a value of each element of the list, in storage that the next one has again.
class RowHandler : public Checker {
 public:
  RowHandler(std::string_view name, const RowReader& read) : name_(name), read_(read) {
    stack_.reset(&storage_);
  }
  RowHandler(const RowHandler&) = delete;
  RowHandler& operator=(const RowHandler&) = delete;

  bool on_object_begin(ParseError&) {
    ++depth_;
    return true;
  }
  bool on_array_begin(ParseError&) {
    if (++depth_ == kInList) is_in_list_ = key_ == name_;
    return true;
  }
  bool on_object_end(size_t count, ParseError&) {
    return end(count, [this](size_t fields) { stack_.push_object(fields); });
  }
  bool on_array_end(size_t count, ParseError&) {
    return end(count, [this](size_t elements) { stack_.push_array(elements); });
  }
  bool on_key_part(json::string_view part, size_t, ParseError&) {
    if (depth_ == kInAnswer) key_part_ += part;
    if (is_in_list_) stack_.push_chars(part);
    return true;
  }
  bool on_key(json::string_view part, size_t, ParseError&) {
    if (depth_ == kInAnswer) {
      key_part_ += part;
      key_.swap(key_part_);
      key_part_.clear();
    }
    if (is_in_list_) stack_.push_key(part);
    return true;
  }
  bool on_string_part(json::string_view part, size_t, ParseError&) {
    if (is_in_list_) stack_.push_chars(part);
    return true;
  }
  bool on_string(json::string_view part, size_t, ParseError&) {
    return add([&] { stack_.push_string(part); });
  }
  bool on_int64(int64_t number, json::string_view, ParseError&) {
    return add([&] { stack_.push_int64(number); });
  }
  bool on_uint64(uint64_t number, json::string_view, ParseError&) {
    return add([&] { stack_.push_uint64(number); });
  }
  bool on_double(double number, json::string_view, ParseError&) {
    return add([&] { stack_.push_double(number); });
  }
  bool on_bool(bool is_so, ParseError&) {
    return add([&] { stack_.push_bool(is_so); });
  }
  bool on_null(ParseError&) {
    return add([&] { stack_.push_null(); });
  }

 private:
  // How many brackets are open around a key of the answer, and around a row.
  static constexpr size_t kInAnswer = 1;
  static constexpr size_t kInList = 2;

  template <typename Push>
  bool end(size_t count, const Push& push) {
    --depth_;
    if (depth_ < kInList) is_in_list_ = false;
    return add([&] { push(count); });
  }

  template <typename Push>
  bool add(const Push& push) {
    if (!is_in_list_) return true;
    push();
    if (depth_ > kInList) return true;
    read_(stack_.release());
    storage_.release();
    stack_.reset(&storage_);
    return true;
  }

  const std::string_view name_;
  const RowReader& read_;
  size_t depth_ = 0;
  bool is_in_list_ = false;
  std::string key_;  // of the answer, the last one
  std::string key_part_;
  alignas(std::max_align_t) std::array<unsigned char, 16u << 10> first_bytes_{};
  json::monotonic_resource storage_{first_bytes_.data(), first_bytes_.size()};
  json::value_stack stack_;
};

template <typename Handler, typename... Arguments>
Status parse(std::string_view text, const Arguments&... arguments) {
  // On the heap, for what it keeps of a row.
  const auto parser =
      std::make_unique<json::basic_parser<Handler>>(json::parse_options{}, arguments...);
  ParseError error;
  const size_t used = parser->write_some(false, text.data(), text.size(), error);
  if (!error && used < text.size()) error = json::error::extra_data;
  if (error) return Error{error.message()};
  return {};
}

}  // namespace

Status read_rows(std::string_view text, std::string_view name, const RowReader& read) {
  return parse<RowHandler>(text, name, read);
}

Result<std::string> line_of(std::string_view text) {
  if (Status status = parse<Checker>(text); !status.ok()) return Error{status.message()};
  return to_line(text);
}

}  // namespace evenkeel::keel
