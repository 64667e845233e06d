#include "firmware/appliance/wrongs.h"

#include <string>

#include "tests/cmocka.h"
#include "tests/settings/files.h"

namespace evenkeel {
namespace {

Settings two_services() {
  Settings settings;
  for (const char* const name : {"shop", "mail"}) {
    ServiceSettings service;
    service.name = name;
    for (const char* const backend : {"a", "b"}) {
      BackendSettings one;
      one.name = backend;
      service.backends.push_back(one);
    }
    settings.services.push_back(service);
  }
  return settings;
}

std::vector<BackendState> states_of(const std::string& usable) {
  std::vector<BackendState> states;
  for (uint32_t i = 0; i < 4; ++i) {
    const bool is_usable = usable[i] == '1';
    states.push_back({.service = i / 2,
                      .backend = i % 2,
                      .usable = is_usable,
                      .why = is_usable ? "" : "silent"});
  }
  return states;
}

bool nobody(const std::string&, const std::string&) { return false; }

std::string ids_of(const std::vector<Alert>& alerts) {
  std::string text;
  for (const Alert& alert : alerts) text += id_of(alert) + " ";
  return text;
}

struct Row {
  const char* usable;
  const char* expected;
};

constexpr Row kRows[] = {
    {"1111", ""},
    {"1011", R"(evenkeel_backend_down{backend="b",service="shop"} )"},
    {"1100",
     R"(evenkeel_service_down{service="mail"} evenkeel_backend_down{backend="a",service="mail"} )"
     R"(evenkeel_backend_down{backend="b",service="mail"} )"},
};

void test_who_is_down_is_named(void**) {
  const Folder folder;
  const Overrides none(folder.path("overrides"), 1, 1);
  for (const Row& row : kRows) {
    const auto found =
        wrongs_of_backends(two_services(), two_services(), states_of(row.usable), none, nobody);
    assert_string_equal(ids_of(found).c_str(), row.expected);
  }
  const auto found =
      wrongs_of_backends(two_services(), two_services(), states_of("0111"), none, nobody);
  assert_string_equal(found[0].text.c_str(), "shop/a: silent");
  assert_true(wrongs_of_backends({}, {}, {}, none, nobody).empty());
}

// Who is meant to take none is no news, and the others can be all that there is.
void test_who_is_set_aside_is_no_alert(void**) {
  const Folder folder;
  const Overrides none(folder.path("overrides"), 1, 1);
  Settings settings = two_services();
  settings.services[0].backends[0].weight = 0;
  settings.services[1].backends[0].in_maintenance = true;
  assert_string_equal(
      ids_of(wrongs_of_backends(settings, settings, states_of("0101"), none, nobody)).c_str(), "");
  // Nor is who stands by one that takes flows.
  for (const char* const states : {"0001", "1001"}) {
    assert_string_equal(
        ids_of(wrongs_of_backends(settings, settings, states_of(states), none, nobody)).c_str(),
        R"(evenkeel_service_down{service="shop"} )"
        R"(evenkeel_backend_down{backend="b",service="shop"} )");
  }
  // Nor whose agent wants it.
  const auto wants_none = [](const std::string&, const std::string& backend) {
    return backend == "b";
  };
  assert_string_equal(ids_of(wrongs_of_backends(two_services(), two_services(), states_of("1000"),
                                                none, wants_none))
                          .c_str(),
                      R"(evenkeel_service_down{service="mail"} )"
                      R"(evenkeel_backend_down{backend="a",service="mail"} )");
}

// All are well, and nobody takes flows: an alert, unless it is written so.
void test_a_service_that_all_are_kept_from_is_down(void**) {
  const Folder folder;
  const Overrides none(folder.path("overrides"), 1, 1);
  Settings closed = two_services();
  for (BackendSettings& backend : closed.services[0].backends) backend.weight = 0;
  const auto found = [&](const Settings& written) {
    return ids_of(wrongs_of_backends(closed, written, states_of("1111"), none, nobody));
  };
  assert_string_equal(found(two_services()).c_str(), R"(evenkeel_service_down{service="shop"} )");
  assert_string_equal(found(closed).c_str(), "");
  assert_string_equal(found({}).c_str(), "");
  // One that is wanted by the settings is enough.
  Settings standby = two_services();
  standby.services[0].backends[1].weight = 0;
  assert_string_equal(found(standby).c_str(), R"(evenkeel_service_down{service="shop"} )");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_who_is_down_is_named),
      cmocka_unit_test(test_who_is_set_aside_is_no_alert),
      cmocka_unit_test(test_a_service_that_all_are_kept_from_is_down),
  };
  return cmocka_run_group_tests_name("appliance/wrongs", tests, nullptr, nullptr);
}
