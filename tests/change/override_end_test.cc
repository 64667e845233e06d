#include "firmware/change/override_end.h"

#include <string>
#include <vector>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

// Of shop, main weighs 1 and standby 0; blog the other way round; of parked, both weigh nothing.
Settings three_services() {
  Settings settings;
  const auto add = [&](const char* name, uint32_t main, uint32_t standby) {
    ServiceSettings& service = settings.services.emplace_back();
    service.name = name;
    service.backends.resize(2);
    service.backends[0].name = "main";
    service.backends[0].weight = main;
    service.backends[1].name = "standby";
    service.backends[1].weight = standby;
  };
  add("shop", 1, 0);
  add("blog", 0, 1);
  add("parked", 0, 0);
  return settings;
}

constexpr OverrideKind kWeight = OverrideKind::weight;
constexpr OverrideKind kDrain = OverrideKind::drain;
constexpr OverrideKind kMaintenance = OverrideKind::maintenance;

struct Given {
  const char* backend;
  OverrideKind kind;
  bool ends = false;
  uint32_t weight = 1;
};

struct Case {
  const char* description;
  std::vector<Given> overrides;  // their ids are 1, 2 and so on
  const char* down;              // who cannot take flows
  const char* expected;          // ids that stay, with their service
};

std::string kept_of(const Case& each) {
  std::vector<Override> all;
  std::set<uint64_t> ending;
  for (const Given& given : each.overrides) {
    Override& one = all.emplace_back();
    one.id = all.size();
    one.request = {.backend = given.backend, .kind = given.kind, .weight = given.weight};
    if (given.ends) ending.insert(one.id);
  }
  const std::string down = each.down;
  std::string found;
  for (const auto& [id, service] : overrides_to_keep(
           three_services(), all, ending, [&](std::string_view service, std::string_view backend) {
             const std::string full = std::string(service) + "/" + std::string(backend) + " ";
             return down.find(full) == std::string::npos;
           })) {
    found += std::to_string(id) + " " + service + " ";
  }
  return found;
}

void what_would_close_a_service_stays(void** /*state*/) {
  const Case cases[] = {
      {"none", {}, "", ""},
      {"main takes over", {{"shop/standby", kWeight, true}}, "", ""},
      {"main is drained", {{"shop/standby", kWeight, true}, {"shop/main", kDrain}}, "", "1 shop "},
      {"main is in maintenance, everywhere",
       {{"main", kMaintenance}, {"shop/standby", kWeight, true}},
       "",
       "2 shop "},
      {"main is down", {{"shop/standby", kWeight, true}}, "shop/main ", "1 shop "},
      {"another's main is down", {{"shop/standby", kWeight, true}}, "blog/main ", ""},
      {"both are down", {{"shop/standby", kWeight, true}}, "shop/main shop/standby ", "1 shop "},
      {"both end", {{"shop/standby", kWeight, true}, {"shop/main", kDrain, true}}, "", ""},
      {"both end, and main is down",
       {{"shop/standby", kWeight, true}, {"shop/main", kDrain, true}},
       "shop/main ",
       "1 shop "},
      {"a drain ends", {{"shop/main", kDrain, true}}, "shop/main ", ""},
      {"standby is drained itself",
       {{"shop/standby", kWeight, true}, {"shop/standby", kDrain}, {"shop/main", kDrain}},
       "",
       ""},
      {"another weight is left",
       {{"shop/standby", kWeight, true}, {"standby", kWeight}, {"shop/main", kDrain}},
       "",
       ""},
      {"another weight is left, of nothing",
       {{"shop/main", kWeight, true}, {"main", kWeight, false, 0}},
       "",
       "1 shop "},
      {"a weight of nothing", {{"shop/main", kWeight, true, 0}}, "shop/standby ", ""},
      {"of all services, of which one needs it",
       {{"standby", kWeight, true}, {"shop/main", kDrain}},
       "",
       "1 shop "},
      {"of two services",
       {{"standby", kWeight, true}, {"main", kWeight, true}, {"shop/main", kDrain, false}},
       "blog/standby ",
       "1 shop 2 blog "},
      {"of both that end, one counts",
       {{"shop/standby", kWeight, true}, {"standby", kWeight, true}, {"shop/main", kDrain}},
       "",
       "1 shop "},
      {"closed by the settings", {{"parked/main", kWeight, true}}, "", ""},
      {"of nobody", {{"web9", kWeight, true}, {"news/main", kWeight, true}}, "", ""},
  };
  for (const Case& each : cases) {
    const std::string found = kept_of(each);
    if (found != each.expected) print_message("%s: %s\n", each.description, found.c_str());
    assert_string_equal(found.c_str(), each.expected);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {cmocka_unit_test(what_would_close_a_service_stays)};
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
