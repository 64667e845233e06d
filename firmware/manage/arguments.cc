#include "firmware/manage/arguments.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <charconv>

#include "firmware/base/limits.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

bool is_printable(char c) { return c >= ' ' && c <= '~'; }

std::optional<uint64_t> digit(char c) {
  uint8_t value = 0;
  const auto [end, error] = std::from_chars(&c, &c + 1, value, 16);
  if (error != std::errc() || end != &c + 1) return std::nullopt;
  return value;
}

// Nothing: a % that two digits do not follow, or a byte that no argument needs.
std::optional<std::string> decoded(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i] == '+' ? ' ' : text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const std::optional<uint64_t> high = digit(text[i + 1]);
      const std::optional<uint64_t> low = digit(text[i + 2]);
      if (!high || !low) return std::nullopt;
      c = static_cast<char>(*high << 4 | *low);
      i += 2;
    }
    if (!is_printable(c)) return std::nullopt;
    result += c;
  }
  return result;
}

std::string names_of(std::span<const Parameter> parameters) {
  std::string names;
  for (const Parameter& parameter : parameters) {
    names += (names.empty() ? "" : ", ") + std::string(parameter.name);
  }
  return names.empty() ? "none" : names;
}

Error unknown(std::string_view name, std::span<const Parameter> parameters) {
  return Error{"there is no argument " + in_quotes(name) +
               " here; there are: " + names_of(parameters)};
}

std::string range_of(const Parameter& parameter) {
  return std::to_string(parameter.least) + " to " + std::to_string(parameter.most);
}

Status check_text(const Parameter& parameter, std::string_view text) {
  const std::string name(parameter.name);
  if (text.size() < parameter.least || text.size() > parameter.most) {
    return Error{"'" + name + "' has " + std::to_string(text.size()) + " bytes, and " +
                 range_of(parameter) + " are possible"};
  }
  if (!parameter.choices.empty() &&
      std::ranges::find(parameter.choices, text) == parameter.choices.end()) {
    std::string names;
    for (const std::string_view choice : parameter.choices) {
      names += (names.empty() ? "" : ", ") + std::string(choice);
    }
    return Error{"'" + name + "' is " + in_quotes(text) + "; it may be: " + names};
  }
  return {};
}

Status check_number(const Parameter& parameter, std::optional<uint64_t> number) {
  if (number && *number >= parameter.least && *number <= parameter.most) return {};
  return Error{"'" + std::string(parameter.name) + "' must be a whole number, " +
               range_of(parameter)};
}

std::optional<uint64_t> whole(const json::value& value) {
  if (value.is_uint64()) return value.get_uint64();
  if (value.is_int64() && value.get_int64() >= 0) return static_cast<uint64_t>(value.get_int64());
  return std::nullopt;
}

Status check_object(const json::value& value, std::span<const Parameter> parameters,
                    std::string_view what);

Status check_list(const Parameter& parameter, const json::value& value) {
  const std::string name(parameter.name);
  const json::array* list = value.if_array();
  if (list == nullptr) return Error{"'" + name + "' must be a list of objects"};
  if (list->size() < parameter.least || list->size() > parameter.most) {
    return Error{"'" + name + "' has " + std::to_string(list->size()) + " elements, and " +
                 range_of(parameter) + " are possible"};
  }
  for (const json::value& element : *list) {
    if (Status status = check_object(element, parameter.members, "an element of '" + name + "'");
        !status.ok()) {
      return status;
    }
  }
  return {};
}

Status check_value(const Parameter& parameter, const json::value& value) {
  switch (parameter.kind) {
    case ParameterKind::number:
      return check_number(parameter, whole(value));
    case ParameterKind::list:
      return check_list(parameter, value);
    case ParameterKind::text:
      break;
  }
  const json::string* text = value.if_string();
  if (text == nullptr) return Error{"'" + std::string(parameter.name) + "' must be a string"};
  return check_text(parameter, *text);
}

Status check_required(const json::object& object, std::span<const Parameter> parameters) {
  for (const Parameter& parameter : parameters) {
    if (parameter.is_required && !object.contains(parameter.name)) {
      return Error{"'" + std::string(parameter.name) +
                   "' is missing: " + std::string(parameter.help)};
    }
  }
  return {};
}

Status check_object(const json::value& value, std::span<const Parameter> parameters,
                    std::string_view what) {
  const json::object* object = value.if_object();
  if (object == nullptr) return Error{std::string(what) + " must be a JSON object"};
  for (const auto& [name, member] : *object) {
    const auto parameter = std::ranges::find(parameters, std::string_view(name), &Parameter::name);
    if (parameter == parameters.end()) return unknown(name, parameters);
    if (Status status = check_value(*parameter, member); !status.ok()) return status;
  }
  return check_required(*object, parameters);
}

// One "name=value" of a query.
Status take(std::string_view part, std::span<const Parameter> parameters,
            json::object& ret_arguments) {
  const size_t equals = std::min(part.find('='), part.size());
  const std::optional<std::string> name = decoded(part.substr(0, equals));
  const std::optional<std::string> value = decoded(part.substr(std::min(equals + 1, part.size())));
  if (!name || !value)
    return Error{"the query has bytes that are not printable in " + in_quotes(part)};
  const auto parameter = std::ranges::find(parameters, std::string_view(*name), &Parameter::name);
  if (parameter == parameters.end()) return unknown(*name, parameters);
  if (ret_arguments.contains(*name)) return Error{"'" + *name + "' is there twice"};
  const bool is_number = parameter->kind == ParameterKind::number;
  const std::optional<uint64_t> number = parse_number(*value);
  Status status = is_number ? check_number(*parameter, number) : check_text(*parameter, *value);
  if (!status.ok()) return status;
  ret_arguments[*name] = is_number && number ? json::value(*number) : json::value(*value);
  return {};
}

}  // namespace

Result<json::object> arguments_of_query(std::string_view query,
                                        std::span<const Parameter> parameters) {
  json::object arguments;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const Status status = take(query.substr(0, end), parameters, arguments);
    if (!status.ok()) return Error{status.message()};
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  if (const Status status = check_required(arguments, parameters); !status.ok()) {
    return Error{status.message()};
  }
  return arguments;
}

Result<json::object> arguments_of_body(std::string_view body, std::span<const Parameter> parameters,
                                       json::storage_ptr storage) {
  if (body.empty() && parameters.empty()) return json::object(std::move(storage));
  json::parse_options options;
  options.max_depth = kMaxApiDepth;
  json::error_code error;
  json::value value = json::parse(body, error, std::move(storage), options);
  if (error) {
    return Error{"the body is no JSON that is taken here (" + error.message() +
                 "): send one object, nested " + std::to_string(kMaxApiDepth) + " deep at most"};
  }
  if (const Status status = check_object(value, parameters, "the body"); !status.ok()) {
    return Error{status.message()};
  }
  return std::move(value.as_object());
}

std::string text_of(const json::object& arguments, std::string_view name) {
  const json::value* value = arguments.if_contains(name);
  return value != nullptr ? std::string(value->as_string()) : "";
}

std::optional<uint64_t> number_of(const json::object& arguments, std::string_view name) {
  const json::value* value = arguments.if_contains(name);
  return value != nullptr ? whole(*value) : std::nullopt;
}

std::string in_quotes(std::string_view text) {
  constexpr size_t kLongest = 64;
  std::string result(text.substr(0, kLongest));
  std::ranges::replace_if(result, [](char c) { return !is_printable(c); }, '?');
  return "'" + result + (text.size() > kLongest ? "...'" : "'");
}

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace evenkeel
