#include "firmware/settings/keys.h"

#include <algorithm>
#include <set>
#include <string>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

// Every row, those of inner groups too, given with its group.
template <typename Visit>
void for_each_row(std::span<const Key> keys, const std::string& group, const Visit& visit) {
  for (const Key& key : keys) {
    visit(key, group + std::string(key.name));
    for_each_row(key.members, group + std::string(key.name) + ".", visit);
  }
}

bool is_complete(const Key& key) {
  const bool is_group = key.form == Form::group;
  constexpr Form kSized[] = {Form::integer,      Form::prime, Form::duration, Form::size,
                             Form::text,         Form::name,  Form::path,     Form::method,
                             Form::request_path, Form::url};
  const bool is_sized = std::ranges::find(kSized, key.form) != std::end(kSized);
  return key.help.ends_with('.') && !allowed(key).empty() && key.is_list == (key.count.most > 0) &&
         is_sized == (key.range.most > 0) && key.range.least <= key.range.most &&
         is_group == !key.members.empty() && is_group == (key.field.open != nullptr) &&
         is_group == (key.field.store == nullptr) && is_group == (key.field.defaults == nullptr) &&
         is_group == (key.field.values == nullptr) && is_group == (key.field.groups != nullptr) &&
         key.since == "0.1" && (key.form == Form::choice) == !key.choices.empty() &&
         (key.unit.empty() || is_sized);
}

void rows_are_complete(void** /*state*/) {
  std::set<std::string> names;
  for_each_row(settings_keys(), "", [&](const Key& key, const std::string& path) {
    if (!is_complete(key)) print_error("%s\n", path.c_str());
    assert_true(is_complete(key));
    assert_true(names.insert(path).second);
  });
  assert_true(names.contains("services.backends.weight"));
}

// What is not set has the value that `none` stands for; all else has a value that is allowed.
void defaults_are_allowed(void** /*state*/) {
  for_each_row(settings_keys(), "", [&](const Key& key, const std::string& path) {
    if (key.form == Form::group || key.is_required) return;
    const std::vector<Value> defaults = key.field.defaults();
    if (defaults.empty() && (key.is_list || !key.none.empty())) return;
    assert_int_not_equal(defaults.size(), 0);
    const Value& value = defaults.front();
    const auto* const number = std::get_if<int64_t>(&value);
    const auto* const text = std::get_if<std::string>(&value);
    bool is_good = key.none.empty();
    if (number != nullptr && key.form != Form::choice) {
      const bool is_in = key.range.least <= *number && *number <= key.range.most;
      is_good = key.none.empty() ? is_in : *number == 0 && !is_in;
    } else if (text != nullptr) {
      is_good = key.none.empty() ? !text->empty() : text->empty();
    }
    if (!is_good) print_error("%s\n", path.c_str());
    assert_true(is_good);
  });
}

void what_is_stored_is_in_the_struct(void** /*state*/) {
  Settings settings;
  const Key& cpu = *find_key(settings_keys(), "cpu");
  const Key& workers = *find_key(cpu.members, "workers");
  void* const owner = cpu.field.open(&settings);
  workers.field.clear(owner);
  workers.field.store(owner, int64_t{7});
  workers.field.store(owner, int64_t{9});
  assert_true(settings.cpu.workers == std::vector<uint32_t>({7, 9}));
  const Key& ports = *find_key(settings_keys(), "ports");
  ports.field.open(&settings);
  const Key& mtu = *find_key(ports.members, "mtu");
  mtu.field.store(ports.field.open(&settings), int64_t{9'000});
  assert_int_equal(settings.ports.size(), 2);
  assert_int_equal(settings.ports[0].mtu, 1'500);
  assert_int_equal(settings.ports[1].mtu, 9'000);
  const std::vector<const void*> owners = ports.field.groups(&settings);
  assert_int_equal(owners.size(), 2);
  assert_true(mtu.field.values(owners[1]) == std::vector<Value>{int64_t{9'000}});
  assert_true(workers.field.values(&settings.cpu) == std::vector<Value>({int64_t{7}, int64_t{9}}));
}

struct Misspelling {
  const char* found;
  const char* answer;
};

void misspellings_are_understood(void** /*state*/) {
  const std::span<const Key> keys = find_key(settings_keys(), "services")->members;
  constexpr Misspelling kRows[] = {
      {"buckts", "did you mean 'buckets'?"},
      {"bukcets", "did you mean 'buckets'?"},
      {"BUCKETS", "allowed: "},
      {"vip", "did you mean 'vips'?"},
      {"prots", "did you mean 'ports'?"},
      {"back_ends", "did you mean 'backends'?"},
      {"new_flow_per_source", "did you mean 'new_flows_per_source'?"},
      {"x", "allowed: "},
      {"", "allowed: "},
      {"weight", "allowed: "},
  };
  for (const Misspelling& row : kRows) {
    const std::string answer = suggestion(keys, row.found);
    if (!answer.starts_with(row.answer)) print_error("%s: %s\n", row.found, answer.c_str());
    assert_true(answer.starts_with(row.answer));
  }
  // Bounded, whatever the length.
  assert_true(suggestion(keys, std::string(1'000'000, 'b')).starts_with("allowed: "));
}

void values_are_written_as_settings_have_them(void** /*state*/) {
  const std::span<const Key> keys = find_key(settings_keys(), "services")->members;
  const auto text = [&](const char* key, const Value& value) {
    return to_text(*find_key(keys, key), value);
  };
  assert_string_equal(text("buckets", int64_t{251}).c_str(), "251");
  assert_string_equal(text("mode", int64_t{0}).c_str(), "\"l2_direct\"");
  assert_string_equal(text("name", std::string("a")).c_str(), "\"a\"");
  const std::span<const Key> check = find_key(keys, "check")->members;
  assert_string_equal(to_text(*find_key(check, "interval"), int64_t{90'000'000}).c_str(),
                      "\"90s\"");
  assert_string_equal(to_text(*find_key(check, "expect"), StatusRange{}).c_str(), "\"200-399\"");
  const std::span<const Key> journal = find_key(settings_keys(), "journal")->members;
  assert_string_equal(to_text(*find_key(journal, "size"), int64_t{1} << 30).c_str(), "\"1g\"");
  assert_string_equal(text("ports", PortRange{.first = 1, .last = 2}).c_str(), "\"1-2\"");
  assert_string_equal(text("vips", Prefix{.address = *parse_address("::1")}).c_str(),
                      "\"::1/128\"");
  const std::span<const Key> query = find_key(keys, "queries")->members;
  assert_string_equal(to_text(*find_key(query, "at_most"), 0.02).c_str(), "0.02");
  assert_string_equal(to_text(*find_key(query, "at_most"), -3.0).c_str(), "-3");
  assert_string_equal(to_text(Key{}, true).c_str(), "true");
  assert_string_equal(to_text(modes_of(Mode::l2_direct) | modes_of(Mode::nat)).c_str(),
                      "l2_direct, nat");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(rows_are_complete),
      cmocka_unit_test(defaults_are_allowed),
      cmocka_unit_test(what_is_stored_is_in_the_struct),
      cmocka_unit_test(misspellings_are_understood),
      cmocka_unit_test(values_are_written_as_settings_have_them),
  };
  return cmocka_run_group_tests_name("settings/keys", tests, nullptr, nullptr);
}
