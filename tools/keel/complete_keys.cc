#include "tools/keel/complete_keys.h"

#include "tools/keel/client.h"
#include "tools/keel/fields.h"

namespace evenkeel::keel {
namespace {

// Where the steps of a path lead in the schema.
struct Place {
  const boost::json::value* schema = nullptr;  // null: nowhere
  bool is_list = false;                        // a name comes next
};

Place place_of(const boost::json::value& schema) {
  const bool is_list_of_groups = has(schema, "items/properties");
  return {.schema = is_list_of_groups ? &field(schema, "items") : &schema,
          .is_list = is_list_of_groups};
}

Place step(const Place& from, std::string_view name) {
  if (from.is_list) return {.schema = from.schema, .is_list = false};
  const boost::json::object* properties = field(*from.schema, "properties").if_object();
  const boost::json::value* next = properties != nullptr ? properties->if_contains(name) : nullptr;
  return next != nullptr ? place_of(*next) : Place{};
}

// "services[shop.eu].mss" -> services, shop.eu, mss. What is not ended is no step yet; `ret_end` is
// where it begins.
std::vector<std::string_view> steps_of(std::string_view path, size_t& ret_end) {
  std::vector<std::string_view> steps;
  ret_end = 0;
  size_t at = 0;
  while (at < path.size()) {
    const bool is_bracketed = path[at] == '[';
    const size_t first = is_bracketed ? at + 1 : at;
    const size_t last = path.find_first_of(is_bracketed ? "]" : ".[", first);
    if (last == std::string_view::npos) break;
    if (last > first) steps.push_back(path.substr(first, last - first));
    at = last + (path[last] == '[' ? 0 : 1);
    if (is_bracketed && at < path.size() && path[at] == '.') ++at;
    ret_end = at;
  }
  return steps;
}

Place walk(const boost::json::value& schema, std::span<const std::string_view> steps) {
  Place at{.schema = &schema};
  for (const std::string_view name : steps) {
    at = step(at, name);
    if (at.schema == nullptr) return at;
  }
  return at;
}

// Names that the list has now.
std::vector<std::string> live_names(std::span<const std::string_view> steps, const Ask& ask) {
  boost::json::value answer;
  std::string_view list;
  if (steps.size() == 1) {
    list = steps[0];
    answer = ask("/v1/" + std::string(list));
  } else if (steps.size() == 3 && steps[0] == "services" && steps[2] == "backends") {
    list = "backends";
    answer = ask("/v1/backends?service=" + encoded(steps[1]));
  }
  std::vector<std::string> names;
  for (const boost::json::value& row : list_of(answer, list)) {
    const std::string name = raw_text_of(row, "name");
    names.push_back(name.substr(name.find('/') + 1));
  }
  return names;
}

}  // namespace

std::vector<Candidate> keys_after(std::string_view partial, const Ask& ask) {
  const boost::json::value schema = ask("/v1/schema");
  size_t end = 0;
  const std::vector<std::string_view> steps = steps_of(partial, end);
  const std::string beginning(partial.substr(0, end));
  const Place at = walk(schema, steps);
  std::vector<Candidate> keys;
  if (at.schema == nullptr) return keys;
  if (at.is_list) {
    const bool is_bracketed = end < partial.size() && partial[end] == '[';
    for (const std::string& name : live_names(steps, ask)) {
      if (!is_bracketed && name.find('.') == std::string::npos) {
        keys.push_back({beginning + name + ".", ""});
      } else {
        std::string element = beginning.substr(0, beginning.find_last_not_of('.') + 1);
        element.append("[").append(name).append("].");
        keys.push_back({std::move(element), ""});
      }
    }
    return keys;
  }
  const boost::json::object* properties = field(*at.schema, "properties").if_object();
  if (properties == nullptr) return keys;
  for (const auto& [name, property] : *properties) {
    const Place next = place_of(property);
    const bool goes_on = next.is_list || has(property, "properties");
    keys.push_back(
        {beginning + std::string(name) + (goes_on ? "." : ""), text_of(property, "description")});
  }
  return keys;
}

KeyValues values_of(std::string_view path, const Ask& ask) {
  const boost::json::value schema = ask("/v1/schema");
  size_t end = 0;
  const std::string whole = std::string(path) + ".";
  const std::vector<std::string_view> steps = steps_of(whole, end);
  const Place at = walk(schema, steps);
  KeyValues values;
  if (at.schema == nullptr) return values;
  values.allowed = text_of(*at.schema, "x-allowed");
  if (has(*at.schema, "default")) values.allowed += "; default " + text_of(*at.schema, "default");
  for (const boost::json::value& value : list_of(*at.schema, "enum")) {
    values.words.push_back({shown(value), ""});
  }
  if (text_of(*at.schema, "type") == "boolean") values.words = {{"true", ""}, {"false", ""}};
  return values;
}

}  // namespace evenkeel::keel
