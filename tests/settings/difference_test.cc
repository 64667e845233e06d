#include "firmware/settings/difference.h"

#include <functional>
#include <span>
#include <string>

#include "firmware/base/check.h"
#include "firmware/settings/keys.h"
#include "firmware/settings/load.h"
#include "tests/cmocka.h"
#include "tests/settings/texts.h"

namespace evenkeel {
namespace {

Settings settings_with(Place place, const std::string& line) {
  const Loaded loaded = load_settings_text(text_with(place, line), "text");
  if (!loaded.ok()) print_error("%s", loaded.message().c_str());
  assert_true(loaded.ok());
  return loaded.settings;
}

std::string in_words(const std::vector<Difference>& differences) {
  std::string text;
  for (const Difference& each : differences) {
    text += each.path + ": " + each.before + " -> " + each.after + "\n";
  }
  return text;
}

// A line that one side has and the other has not.
struct Row {
  const char* description;
  Place place;
  const char* line;
  const char* found;
};

constexpr Row kRows[] = {
    {"nothing", Place::outermost, "", ""},
    {"what holds anyway", Place::backend, "weight = 1;", ""},
    {"a default", Place::backend, "weight = 2;", "services.shop.backends.web1.weight: 1 -> 2\n"},
    {"what was not set", Place::service, "mss = 1400;", "services.shop.mss:  -> 1400\n"},
    {"a text that was not set", Place::outermost, R"(kernel = { namespace = "taps"; };)",
     "kernel.namespace:  -> \"taps\"\n"},
    {"a choice, the first", Place::service, R"(affinity = "connection";)",
     "services.shop.affinity:  -> \"connection\"\n"},
    {"words", Place::service, R"(mode = "gue";)", "services.shop.mode: \"ipip\" -> \"gue\"\n"},
    {"an optional choice", Place::service, R"(affinity = "sticky";)",
     "services.shop.affinity:  -> \"sticky\"\n"},
    {"a list", Place::outermost, "cpu = { workers = [1, 2]; };", "cpu.workers: [1] -> [1, 2]\n"},
    {"a list that was empty", Place::service, R"(allow = ["::/0", "10.0.0.0/8"];)",
     "services.shop.allow:  -> [\"::/0\", \"10.0.0.0/8\"]\n"},
    {"a group that was not there", Place::service,
     R"(check = { type = "http"; interval = "5s"; path = "/up"; };)",
     "services.shop.check.type: \"none\" -> \"http\"\n"
     "services.shop.check.interval: \"2s\" -> \"5s\"\n"
     "services.shop.check.path: \"/\" -> \"/up\"\n"},
    {"sizes", Place::outermost, R"(journal = { size = "1g"; };)",
     "journal.size: \"256m\" -> \"1g\"\n"},
    {"groups without names, as a whole", Place::port,
     R"(addresses = ["10.0.0.2/24"]; routes = ( { to = "::/0"; via = "fe80::1"; },
                                               { to = "0.0.0.0/0"; via = "10.0.0.1"; } );)",
     "ports.wan.addresses:  -> [\"10.0.0.2/24\"]\n"
     "ports.wan.routes:  -> ( { to = \"::/0\"; via = \"fe80::1\"; }, "
     "{ to = \"0.0.0.0/0\"; via = \"10.0.0.1\"; } )\n"},
};

void each_key_is_told(void** /*state*/) {
  for (const Row& row : kRows) {
    const Settings before = settings_with(row.place, "");
    const Settings after = settings_with(row.place, row.line);
    const std::vector<Difference> found = differences(before, after);
    if (in_words(found) != row.found) print_error("%s\n", row.description);
    assert_string_equal(in_words(found).c_str(), row.found);
    std::vector<Difference> back = differences(after, before);
    for (Difference& each : back) std::swap(each.before, each.after);
    assert_true(back == found);
  }
}

Settings with_backends(const std::vector<std::string>& names) {
  Settings settings = settings_with(Place::outermost, "");
  settings.services[0].backends.clear();
  for (const std::string& name : names) {
    settings.services[0].backends.push_back({.name = name, .address = *parse_address("10.0.0.9")});
  }
  return settings;
}

void numbers_are_told_as_they_are_written(void** /*state*/) {
  Settings before = settings_with(Place::outermost, "");
  before.services[0].queries = {{.name = "errors", .query = "up", .at_most = 0.02}};
  Settings after = before;
  after.services[0].queries[0].at_most = 1e-9;
  after.services[0].queries[0].at_least = 0;
  assert_string_equal(in_words(differences(before, after)).c_str(),
                      "services.shop.queries.errors.at_most: 0.02 -> 1e-09\n"
                      "services.shop.queries.errors.at_least:  -> 0\n");
}

void elements_go_by_name(void** /*state*/) {
  const Settings three = with_backends({"a", "b", "c"});
  assert_string_equal(in_words(differences(three, with_backends({"a", "c"}))).c_str(),
                      "services.shop.backends.b.name: \"b\" -> \n"
                      "services.shop.backends.b.address: \"10.0.0.9\" -> \n");
  assert_string_equal(
      in_words(differences(with_backends({"a"}), with_backends({"d.e", "a"}))).c_str(),
      "services.shop.backends[d.e].name:  -> \"d.e\"\n"
      "services.shop.backends[d.e].address:  -> \"10.0.0.9\"\n");
  assert_string_equal(in_words(differences(three, with_backends({"c", "a", "b", "x"}))).c_str(),
                      "services.shop.backends.x.name:  -> \"x\"\n"
                      "services.shop.backends.x.address:  -> \"10.0.0.9\"\n"
                      "services.shop.backends: [\"a\", \"b\", \"c\"] -> [\"c\", \"a\", \"b\"]\n");
}

// A service that goes takes everything in it along, and comes with everything.
void whole_services(void** /*state*/) {
  const Settings before = settings_with(Place::backend, "capacity = 7;");
  Settings after = before;
  after.services.clear();
  constexpr const char* kExpected =
      "services.shop.name: \"shop\" -> \n"
      "services.shop.vips: [\"192.0.2.10/128\"] -> \n"
      "services.shop.ports: \"80\" -> \n"
      "services.shop.check.type: \"none\" -> \n"
      "services.shop.backends.web1.name: \"web1\" -> \n"
      "services.shop.backends.web1.address: \"10.0.0.1\" -> \n"
      "services.shop.backends.web1.capacity: 7 -> \n";
  const std::string vip = to_string(before.services[0].vips[0]);
  std::string expected = kExpected;
  expected.replace(expected.find("192.0.2.10/128"), 14, vip);
  assert_string_equal(in_words(differences(before, after)).c_str(), expected.c_str());
  assert_int_equal(differences(after, before).size(), 7);
}

// An other value of a row's type; whether it would be allowed does not matter.
Value other_value(const Key& key, const Value& value) {
  if (const auto* const number = std::get_if<int64_t>(&value)) {
    return key.form == Form::choice ? (*number == 0 ? 1 : 0) : *number + 1;
  }
  if (const auto* const fraction = std::get_if<double>(&value)) return *fraction + 1;
  if (const auto* const truth = std::get_if<bool>(&value)) return !*truth;
  if (const auto* const text = std::get_if<std::string>(&value)) return *text + "x";
  if (std::holds_alternative<Address>(value)) return *parse_address("10.9.9.9");
  if (std::holds_alternative<Prefix>(value)) return Prefix{.address = {}, .length = 7};
  if (std::holds_alternative<InterfaceAddress>(value)) {
    return InterfaceAddress{.address = {}, .length = 7};
  }
  if (std::holds_alternative<PortRange>(value)) return PortRange{.first = 7, .last = 7};
  if (std::holds_alternative<StatusRange>(value)) return StatusRange{.first = 7, .last = 7};
  return Mac{7};
}

// Something of the row's type, for lists that are empty and values that are not set.
Value some_value(const Key& key) {
  switch (key.form) {
    case Form::address:
      return *parse_address("10.8.8.8");
    case Form::vip:
    case Form::prefix:
      return Prefix{};
    case Form::interface_address:
      return InterfaceAddress{};
    case Form::choice:
      return key.choices.back().value;
    case Form::duration:
      return int64_t{7};
    case Form::number:
      return 0.5;
    default:
      return std::string("x");
  }
}

// REQUIRES: key is no group.
void change(const Key& key, void* owner) {
  const std::vector<Value> values = key.field.values(owner);
  const Value value = values.empty() ? some_value(key) : other_value(key, values.front());
  key.field.clear(owner);
  key.field.store(owner, value);
}

// Calls `visit` with every row in turn and the owner of its key in the first of each list.
void for_each_key(std::span<const Key> keys, const void* owner, const std::string& path,
                  const std::function<void(const Key&, void*, const std::string&)>& visit) {
  for (const Key& key : keys) {
    const std::string its = path_to_key(path, key.name);
    if (key.form != Form::group) {
      visit(key, const_cast<void*>(owner), its);
      continue;
    }
    const std::vector<const void*> groups = key.field.groups(owner);
    if (groups.empty()) continue;
    const Key* const name = find_key(key.members, "name");
    const bool is_named = key.is_list && name != nullptr;
    const std::string element =
        is_named ? path_to_element(
                       its, std::get<std::string>(name->field.values(groups.front()).front()))
                 : its;
    for_each_key(key.members, groups.front(), element, visit);
  }
}

size_t rows_of(std::span<const Key> keys) {
  size_t count = 0;
  for (const Key& key : keys) count += key.form == Form::group ? rows_of(key.members) : 1;
  return count;
}

void no_key_is_forgotten(void** /*state*/) {
  Settings before = settings_with(Place::port, R"(addresses = ["10.0.0.2/24"];
    routes = ( { to = "0.0.0.0/0"; via = "10.0.0.1"; } );)");
  before.services[0].queries = {{.name = "errors", .query = "up", .at_most = 0.02}};
  before.credentials = {
      {.name = "hook", .url = "https://a", .authorization_file = "/token", .ca_file = "/ca"}};
  Settings after = before;
  size_t count = 0;
  for_each_key(settings_keys(), &after, "",
               [&](const Key& key, void* owner, const std::string& path) {
                 ++count;
                 change(key, owner);
                 const std::vector<Difference> found = differences(before, after);
                 const bool is_told = found.size() == 1 && path.starts_with(found[0].path);
                 const bool is_renamed = key.name == "name" && found.size() > 1;
                 if (!is_told && !is_renamed) print_error("%s: %zu\n", path.c_str(), found.size());
                 assert_true(is_told || is_renamed);
                 after = before;  // all lists of groups are as long, so owners stay
               });
  assert_int_equal(count, rows_of(settings_keys()));
}

void what_needs_a_restart_is_told(void**) {
  const Settings before = settings_with(Place::outermost, "");
  const struct {
    Place place;
    const char* line;
    std::vector<std::string> paths;
  } rows[] = {
      {Place::outermost, "cpu = { workers = [1, 2]; };", {"cpu.workers"}},
      {Place::outermost, R"(api = { socket = "/run/api"; };)", {"api.socket"}},
      {Place::outermost, R"(idle = "poll";)", {"idle"}},
      {Place::outermost, R"(journal = { size = "1g"; };)", {}},
      {Place::outermost, "evidence = { max_ejected = 20; };", {}},
      {Place::service, "mss = 1400;", {}},
  };
  for (const auto& row : rows) {
    assert_true(restarting_differences(before, settings_with(row.place, row.line)) == row.paths);
  }
  Settings after = before;
  after.ports[0].mtu = 9'000;
  after.ports[0].addresses.clear();
  const std::string port = "ports." + before.ports[0].name;
  assert_true(restarting_differences(before, after) == std::vector<std::string>{port + ".mtu"});
  after = before;
  after.ports.push_back(before.ports[0]);
  after.ports.back().name = "dmz";
  assert_true(restarting_differences(before, after) ==
              (std::vector<std::string>{"ports.dmz.name", "ports.dmz.device"}));
  Settings turned = after;
  std::swap(turned.ports.front(), turned.ports.back());
  assert_true(restarting_differences(after, turned) == std::vector<std::string>{"ports"});
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(each_key_is_told),    cmocka_unit_test(numbers_are_told_as_they_are_written),
      cmocka_unit_test(elements_go_by_name), cmocka_unit_test(whole_services),
      cmocka_unit_test(no_key_is_forgotten), cmocka_unit_test(what_needs_a_restart_is_told),
  };
  return cmocka_run_group_tests_name("settings/difference", tests, nullptr, nullptr);
}
