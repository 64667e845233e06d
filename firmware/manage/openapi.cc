#include "firmware/manage/openapi.h"

#include <boost/json/array.hpp>
#include <cctype>
#include <string>

#include "firmware/manage/answers.h"
#include "firmware/manage/routes.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

std::string reference_to(std::string_view component) {
  return "#/components/schemas/" + std::string(component);
}

json::object schema_of_type(std::string_view type) {
  if (type.ends_with('?')) {
    return {{"anyOf", {schema_of_type(type.substr(0, type.size() - 1)), {{"type", "null"}}}}};
  }
  if (type.starts_with('[')) {
    return {{"type", "array"}, {"items", schema_of_type(type.substr(1, type.size() - 2))}};
  }
  if (type == "value") return json::object();
  if (type == "any") return {{"type", "object"}};
  if (std::isupper(static_cast<unsigned char>(type[0])) != 0) return {{"$ref", reference_to(type)}};
  return {{"type", type}};
}

json::object schema_of(const Component& component) {
  json::object schema = {{"type", "object"}};
  if (component.properties.empty()) return schema;
  json::object properties;
  json::array required;
  for (const Property& property : component.properties) {
    json::object described = schema_of_type(property.type);
    described["description"] = property.help;
    properties[property.name] = std::move(described);
    if (!property.is_optional) required.emplace_back(property.name);
  }
  schema["properties"] = std::move(properties);
  schema["required"] = std::move(required);
  return schema;
}

json::object schema_of(std::span<const Parameter> parameters);

json::object schema_of(const Parameter& parameter) {
  json::object schema;
  switch (parameter.kind) {
    case ParameterKind::text:
      schema = {{"type", "string"}, {"minLength", parameter.least}, {"maxLength", parameter.most}};
      break;
    case ParameterKind::number:
      schema = {{"type", "integer"}, {"minimum", parameter.least}, {"maximum", parameter.most}};
      break;
    case ParameterKind::list:
      schema = {{"type", "array"},
                {"minItems", parameter.least},
                {"maxItems", parameter.most},
                {"items", schema_of(parameter.members)}};
      break;
  }
  if (!parameter.choices.empty()) {
    schema["enum"] = json::array(parameter.choices.begin(), parameter.choices.end());
  }
  schema["description"] = parameter.help;
  return schema;
}

json::object schema_of(std::span<const Parameter> parameters) {
  json::object properties;
  json::array required;
  for (const Parameter& parameter : parameters) {
    properties[parameter.name] = schema_of(parameter);
    if (parameter.is_required) required.emplace_back(parameter.name);
  }
  return {{"type", "object"},
          {"properties", std::move(properties)},
          {"required", std::move(required)},
          {"additionalProperties", false}};
}

json::object answer_with(std::string_view description, std::string_view component,
                         std::string_view type = kJsonContent) {
  json::object schema = {{"type", "string"}};
  if (!component.empty()) schema = {{"$ref", reference_to(component)}};
  json::object content = {{type, {{"schema", std::move(schema)}}}};
  return {{"description", description}, {"content", std::move(content)}};
}

json::array query_of(const Route& route) {
  json::array parameters;
  for (const Parameter& parameter : route.parameters) {
    const bool is_in_path = route.path.find('{') != std::string_view::npos;
    parameters.push_back({{"name", parameter.name},
                          {"in", is_in_path ? "path" : "query"},
                          {"required", parameter.is_required},
                          {"description", parameter.help},
                          {"schema", schema_of(parameter)}});
  }
  return parameters;
}

json::object operation_of(const Route& route) {
  json::object operation = {
      {"summary", route.summary},
      {"description", "For the role " + std::string(name_of(route.role)) + " and those above."},
      {"x-role", name_of(route.role)},
      {"responses",
       {{"200", answer_with(route.summary, route.answer, route.content)},
        {"default", answer_with("Why it is not done", "Error")}}}};
  if (route.method == Method::post) {
    json::object content = {{"application/json", {{"schema", schema_of(route.parameters)}}}};
    operation["requestBody"] = {{"required", !route.parameters.empty()},
                                {"content", std::move(content)}};
  } else if (!route.parameters.empty()) {
    operation["parameters"] = query_of(route);
  }
  return operation;
}

}  // namespace

json::object openapi(json::storage_ptr storage) {
  json::object paths;
  for (const Route& route : routes()) {
    std::string method(name_of(route.method));
    for (char& c : method) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    json::value& path = paths[route.path];
    if (path.is_null()) path.emplace_object();
    path.as_object()[method] = operation_of(route);
  }
  json::object schemas;
  for (const Component& component : components()) schemas[component.name] = schema_of(component);

  json::object document(std::move(storage));
  document["openapi"] = "3.1.0";
  document["info"] = {{"title", "Evenkeel"},
                      {"version", VERSION},
                      {"description",
                       "The management API of a load-balancer box: over its Unix socket by the "
                       "peer's Unix groups; over TLS, by certificate or token, to look only."}};
  document["paths"] = std::move(paths);
  document["components"] = {{"schemas", std::move(schemas)}};
  return document;
}

}  // namespace evenkeel
