// What answers have in them: each component a table of fields, from which the OpenAPI document is
// made. Who makes an answer writes these fields; who reads one finds here what they mean.
#pragma once

#include <span>
#include <string_view>

namespace evenkeel {

// The type is "integer", "number", "string", "boolean", "any" (object), "value" (whatever JSON has)
// or the name of a component; in brackets it is a list of those: "[string]", and with a question
// mark it may be null: "Change?".
struct Property {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  bool is_optional = false;
};

struct Component {
  std::string_view name;
  std::span<const Property> properties;  // none: any object
};

std::span<const Component> components();

}  // namespace evenkeel
