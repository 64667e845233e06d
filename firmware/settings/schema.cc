#include "firmware/settings/schema.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "firmware/settings/keys.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

json::object object_of(std::span<const Key> keys);

// As JSON has it: a number is one, and all else is the text that settings write in quotes.
json::value to_json(const Key& key, const Value& value) {
  if (const auto* const truth = std::get_if<bool>(&value)) return *truth;
  const auto* const number = std::get_if<int64_t>(&value);
  if (number != nullptr && (key.form == Form::integer || key.form == Form::prime)) return *number;
  if (const auto* const fraction = std::get_if<double>(&value)) return *fraction;
  const std::string text = to_text(key, value);
  return json::string(text.substr(1, text.size() - 2));
}

json::object integer_schema(const Key& key) {
  json::object schema = {{"type", "integer"}, {"maximum", key.range.most}};
  schema["minimum"] = key.none.empty() ? key.range.least : 0;
  return schema;
}

json::object text_schema(const Key& key) {
  json::object schema = {{"type", "string"}, {"maxLength", key.range.most}};
  schema["minLength"] = key.none.empty() ? key.range.least : 0;
  return schema;
}

json::object choice_schema(const Key& key) {
  json::array names;
  for (const Choice& choice : key.choices) names.push_back(json::string(choice.name));
  return {{"type", "string"}, {"enum", std::move(names)}};
}

json::object pattern_schema(std::string_view pattern) {
  return {{"type", "string"}, {"pattern", pattern}};
}

// Of one value.
json::object value_schema(const Key& key) {
  switch (key.form) {
    case Form::integer:
    case Form::prime:
      return integer_schema(key);
    case Form::number:
      return {{"type", "number"}};
    case Form::boolean:
      return {{"type", "boolean"}};
    case Form::choice:
      return choice_schema(key);
    case Form::duration:
      return pattern_schema("^[0-9]+(us|ms|s|m|h|d)$");
    case Form::size:
      return {{"type", json::array{"string", "integer"}}, {"pattern", "^[0-9]+[kmg]?$"}};
    case Form::ports:
    case Form::statuses:
      return {{"type", json::array{"string", "integer"}}};
    case Form::group:
      return object_of(key.members);
    case Form::text:
    case Form::name:
    case Form::path:
    case Form::url:
    case Form::method:
    case Form::request_path:
      return text_schema(key);
    case Form::address:
    case Form::vip:
    case Form::prefix:
    case Form::interface_address:
    case Form::mac:
    case Form::endpoint:
      return {{"type", "string"}};
  }
  return {};
}

void add_default(json::object& schema, const Key& key) {
  if (key.form == Form::group || key.is_required) return;
  const std::vector<Value> values = key.field.defaults();
  if (key.is_list) {
    json::array list;
    for (const Value& value : values) list.push_back(to_json(key, value));
    schema["default"] = std::move(list);
  } else if (!values.empty()) {
    schema["default"] = to_json(key, values.front());
  }
}

json::object key_schema(const Key& key) {
  json::object schema = value_schema(key);
  if (key.is_list) {
    schema = {{"type", "array"},
              {"minItems", key.count.least},
              {"maxItems", key.count.most},
              {"items", std::move(schema)}};
  }
  add_default(schema, key);
  schema["description"] = key.help;
  schema["x-allowed"] = allowed(key);
  schema["x-since"] = key.since;
  if (!key.unit.empty()) schema["x-unit"] = key.unit;
  if (!key.none.empty()) schema["x-none"] = key.none;
  if (key.modes != kAllModes) schema["x-modes"] = to_text(key.modes);
  if (key.checks != kAllCheckTypes) schema["x-checks"] = check_types_text(key.checks);
  return schema;
}

json::object object_of(std::span<const Key> keys) {
  json::object properties;
  json::array required;
  for (const Key& key : keys) {
    properties[key.name] = key_schema(key);
    if (key.is_required) required.push_back(json::string(key.name));
  }
  json::object schema = {
      {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

}  // namespace

json::object settings_schema() {
  json::object schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                         {"title", "Settings of Evenkeel"}};
  for (auto& [name, value] : object_of(settings_keys())) schema[name] = value;
  return schema;
}

}  // namespace evenkeel
