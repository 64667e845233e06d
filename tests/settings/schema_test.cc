// The key table, the schema, the reference and loading know the same keys and say the same of them.
#include "firmware/settings/schema.h"

#include <boost/json.hpp>
#include <set>
#include <string>
#include <string_view>

#include "firmware/settings/keys.h"
#include "firmware/settings/load.h"
#include "firmware/settings/reference.h"
#include "tests/cmocka.h"
#include "tests/settings/texts.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

// The paths of all keys, "services.backends.weight".
void add_paths(std::set<std::string>& paths, std::span<const Key> keys, const std::string& outer) {
  for (const Key& key : keys) {
    paths.insert(outer + std::string(key.name));
    add_paths(paths, key.members, outer + std::string(key.name) + ".");
  }
}

void add_paths(std::set<std::string>& paths, const json::object& group, const std::string& outer) {
  for (const auto& [name, value] : group.at("properties").as_object()) {
    paths.insert(outer + std::string(name));
    const json::object& property = value.as_object();
    const json::object& one =
        property.contains("items") ? property.at("items").as_object() : property;
    if (one.contains("properties")) add_paths(paths, one, outer + std::string(name) + ".");
  }
}

// Rows of the reference's tables, by the headings that they stand under.
std::set<std::string> paths_of_reference() {
  std::set<std::string> paths;
  std::string outer;
  std::string_view rest;
  const std::string text = reference();
  for (rest = text; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1)) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    if (line.starts_with("## ")) {
      outer.clear();
      for (const char c : line.substr(3)) {
        if (std::string_view("`[ ]").find(c) == std::string_view::npos) outer += c;
      }
      outer = outer == "Outermost" ? "" : outer + ".";
    } else if (line.starts_with("| `")) {
      line.remove_prefix(3);
      paths.insert(outer + std::string(line.substr(0, line.find('`'))));
    }
  }
  return paths;
}

void all_know_the_same_keys(void** /*state*/) {
  std::set<std::string> of_table;
  add_paths(of_table, settings_keys(), "");
  std::set<std::string> of_schema;
  add_paths(of_schema, settings_schema(), "");
  assert_true(of_table == of_schema);
  assert_true(of_table == paths_of_reference());
  assert_true(of_table.contains("services.check.interval"));
}

// What a schema says of one value is what the row says.
void expect_row(const Key& key, const json::object& property, const std::string& path) {
  const auto text = [&](std::string_view name) {
    return property.contains(name) ? std::string(property.at(name).as_string()) : "";
  };
  const json::object& one = key.is_list ? property.at("items").as_object() : property;
  const bool is_choice = one.contains("enum");
  const bool is_integer = one.at("type").is_string() && one.at("type") == "integer";
  const bool is_good = text("description") == key.help && text("x-since") == key.since &&
                       text("x-unit") == key.unit && text("x-none") == key.none &&
                       text("x-allowed") == allowed(key) &&
                       property.contains("items") == key.is_list &&
                       is_choice == !key.choices.empty() &&
                       (!is_choice || one.at("enum").as_array().size() == key.choices.size()) &&
                       is_integer == (key.form == Form::integer || key.form == Form::prime) &&
                       (!is_integer || one.at("maximum").as_int64() == key.range.most) &&
                       (!key.is_list || property.at("minItems").as_int64() == key.count.least);
  if (!is_good) print_error("%s\n", path.c_str());
  assert_true(is_good);
}

void expect_rows(std::span<const Key> keys, const json::object& group, const std::string& outer) {
  std::set<std::string> required;
  if (group.contains("required")) {
    for (const json::value& name : group.at("required").as_array()) {
      required.insert(std::string(name.as_string()));
    }
  }
  assert_false(group.at("additionalProperties").as_bool());
  for (const Key& key : keys) {
    const json::object& property = group.at("properties").at(key.name).as_object();
    expect_row(key, property, outer + std::string(key.name));
    assert_int_equal(required.contains(std::string(key.name)), key.is_required);
    if (key.form != Form::group) continue;
    expect_rows(key.members, key.is_list ? property.at("items").as_object() : property,
                outer + std::string(key.name) + ".");
  }
}

void the_schema_says_what_rows_say(void** /*state*/) {
  expect_rows(settings_keys(), settings_schema(), "");
}

// As settings write it.
std::string text_of(const json::value& value) {
  if (!value.is_array()) return json::serialize(value);
  std::string text;
  for (const json::value& each : value.as_array()) {
    text += (text.empty() ? "" : ", ") + text_of(each);
  }
  return "( " + text + " )";
}

constexpr struct {
  const char* group;  // in the key table
  Place place;
  const char* before;
  const char* behind;
} kGroups[] = {
    {"", Place::outermost, "", ""},
    {"cpu", Place::outermost, "cpu = { ", " };"},
    {"memory", Place::outermost, "memory = { ", " };"},
    {"kernel", Place::outermost, "kernel = { ", " };"},
    {"rules", Place::outermost, "rules = { ", " };"},
    {"change", Place::outermost, "change = { ", " };"},
    {"api", Place::outermost, "api = { ", " };"},
    {"journal", Place::outermost, "journal = { ", " };"},
    {"ports", Place::port, "", ""},
    {"services", Place::service, "", ""},
    {"services.check", Place::service, "check = { type = \"none\"; ", " };"},
    {"services.tunnel", Place::tunnel, "", ""},
    {"services.backends", Place::backend, "", ""},
};

const json::object* group_of(const json::object& schema, std::string_view path) {
  const json::object* group = &schema;
  while (!path.empty()) {
    const size_t end = std::min(path.find('.'), path.size());
    group = &group->at("properties").at(path.substr(0, end)).as_object();
    if (group->contains("items")) group = &group->at("items").as_object();
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return group;
}

// Every default in the schema loads, and changes nothing.
void defaults_load_and_change_nothing(void** /*state*/) {
  const json::object schema = settings_schema();
  const Loaded expected = load_settings_text(text_with(Place::outermost, ""), "text");
  size_t count = 0;
  for (const auto& row : kGroups) {
    for (const auto& [name, property] : group_of(schema, row.group)->at("properties").as_object()) {
      const json::value* const value = property.as_object().if_contains("default");
      if (value == nullptr) continue;
      const std::string line =
          row.before + std::string(name) + " = " + text_of(*value) + ";" + row.behind;
      const Loaded loaded = load_settings_text(text_with(row.place, line), "text");
      if (!loaded.ok()) print_error("%s: %s", line.c_str(), loaded.message().c_str());
      assert_true(loaded.ok());
      assert_true(loaded.settings == expected.settings);
      ++count;
    }
  }
  assert_in_range(count, 50, 200);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(all_know_the_same_keys),
      cmocka_unit_test(the_schema_says_what_rows_say),
      cmocka_unit_test(defaults_load_and_change_nothing),
  };
  return cmocka_run_group_tests_name("settings/schema", tests, nullptr, nullptr);
}
