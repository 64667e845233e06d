#include "firmware/manage/columns.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/manage/answers.h"
#include "firmware/manage/arguments.h"
#include "firmware/manage/row.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

const Component* find_component(std::string_view name) {
  const auto found = std::ranges::find(components(), name, &Component::name);
  return found == components().end() ? nullptr : &*found;
}

// Null: there is none.
const Property* find_property(const Component* component, std::string_view name) {
  if (component == nullptr) return nullptr;
  const auto found = std::ranges::find(component->properties, name, &Property::name);
  return found == component->properties.end() ? nullptr : &*found;
}

const Component* component_of(const Property& property) {
  std::string_view type = property.type;
  if (type.ends_with('?')) type.remove_suffix(1);
  return find_component(type);
}

}  // namespace

Result<Columns> Columns::parse(std::string_view text, std::string_view component) {
  const Component* const rows = find_component(component);
  REQUIRE(rows != nullptr);
  Columns columns;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view name = text.substr(begin, end - begin);
    const size_t slash = std::min(name.find('/'), name.size());
    const Column column{.outer = std::string(name.substr(0, slash)),
                        .inner = std::string(name.substr(std::min(slash + 1, name.size())))};
    const Property* const outer = find_property(rows, column.outer);
    const bool has_inner = slash < name.size();
    if (outer == nullptr ||
        (has_inner && find_property(component_of(*outer), column.inner) == nullptr)) {
      return Error{in_quotes(name) + " is no field of " + std::string(component)};
    }
    columns.columns_.push_back(column);
    begin = end + 1;
  }
  return columns;
}

std::string Columns::names() const {
  json::array names;
  for (const Column& column : columns_) {
    names.emplace_back(column.outer + (column.inner.empty() ? "" : "/" + column.inner));
  }
  return json::serialize(names);
}

void Columns::write(const json::object& row, json::serializer& serializer, std::string& ret_text) {
  static const json::value kNull;
  char between = '[';
  for (Column& column : columns_) {
    const json::value* value = find_field(row, column.outer, column.place);
    if (value != nullptr && !column.inner.empty()) {
      const json::object* const object = value->if_object();
      value = object == nullptr ? nullptr : find_field(*object, column.inner, column.inner_place);
    }
    ret_text += between;
    write_json(value == nullptr ? kNull : *value, serializer, ret_text);
    between = ',';
  }
  ret_text += ']';
}

}  // namespace evenkeel
