#include "firmware/change/override_settings.h"

#include <string>
#include <vector>

#include "firmware/base/check.h"
#include "firmware/base/clock.h"
#include "tests/cmocka.h"
#include "tests/settings/files.h"

namespace evenkeel {
namespace {

Settings two_services() {
  Settings settings;
  for (const char* const service : {"shop", "blog"}) {
    settings.services.emplace_back().name = service;
    for (const char* const backend : {"web1", "web2"}) {
      BackendSettings& added = settings.services.back().backends.emplace_back();
      added.name = backend;
      added.weight = 10;
    }
  }
  return settings;
}

void overrides_say_what_is_in_force(void** /*state*/) {
  struct Case {
    const char* description;
    std::vector<OverrideRequest> overrides;
    std::string
        expected;  // weights of shop/web1, shop/web2, blog/web1, blog/web2; ! out of service
  };
  const Case cases[] = {
      {"none", {}, "10 10 10 10 "},
      {"one service's", {{.backend = "shop/web1", .kind = OverrideKind::drain}}, "0 10 10 10 "},
      {"all services'", {{.backend = "web2", .kind = OverrideKind::drain}}, "10 0 10 0 "},
      {"a weight",
       {{.backend = "blog/web2", .kind = OverrideKind::weight, .weight = 3}},
       "10 10 10 3 "},
      {"no weight",
       {{.backend = "blog/web2", .kind = OverrideKind::weight, .weight = 0}},
       "10 10 10 0 "},
      {"maintenance", {{.backend = "web1", .kind = OverrideKind::maintenance}}, "0! 10 0! 10 "},
      {"the strictest of two",
       {{.backend = "shop/web1", .kind = OverrideKind::weight, .weight = 3},
        {.backend = "web1", .kind = OverrideKind::drain}},
       "0 10 0 10 "},
      {"the more special of two alike",
       {{.backend = "shop/web1", .kind = OverrideKind::weight, .weight = 3},
        {.backend = "web1", .kind = OverrideKind::weight, .weight = 7}},
       "3 10 7 10 "},
      {"of nobody there", {{.backend = "shop/web9", .kind = OverrideKind::drain}}, "10 10 10 10 "},
  };
  for (const Case& each : cases) {
    const Folder folder;
    Overrides overrides(folder.path("overrides.json"), 0, 0);
    for (OverrideRequest request : each.overrides) {
      request.lasts = kMicrosecondsPerTick;
      request.reason = "a test";
      request.who = "anna";
      CHECK(overrides.add(request, 0, 0).ok());
    }
    std::string found;
    for (const ServiceSettings& service : with_overrides(two_services(), overrides).services) {
      for (const BackendSettings& backend : service.backends) {
        found += std::to_string(backend.weight) + (backend.in_maintenance ? "! " : " ");
      }
    }
    if (found != each.expected) print_message("%s: %s\n", each.description, found.c_str());
    assert_true(found == each.expected);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {cmocka_unit_test(overrides_say_what_is_in_force)};
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
