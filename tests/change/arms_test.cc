// Two settings in one specification.
#include "firmware/change/arms.h"

#include <algorithm>

#include "firmware/change/compile.h"
#include "firmware/exchange/build.h"
#include "tests/change/small_box.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

const std::string kPorts = R"(
ports = ( { name = "lan"; device = "x"; addresses = ["10.0.0.2/24", "fd00::2/64"]; } );
)";

Settings with(const std::string& services) {
  return settings_of(kPorts + "services = ( " + services + " );");
}

const char* const kShop = R"({ name = "shop"; vips = ["192.0.2.1", "2001:db8::1"]; ports = "80";
  backends = ( { name = "a"; address = "10.0.0.11"; },
               { name = "b"; address = "10.0.0.12"; } ); })";
const char* const kOtherShop = R"({ name = "shop"; vips = ["192.0.2.1", "2001:db8::1"];
  ports = "80"; backends = ( { name = "b"; address = "10.0.0.12"; weight = 2; },
                             { name = "c"; address = "10.0.0.13"; } ); })";
const char* const kMail = R"({ name = "mail"; vips = ["192.0.2.2"]; ports = "25";
  backends = ( { name = "m"; address = "10.0.0.21"; } ); })";

PlanSpec compiled(const Settings& settings, const std::string& down = {}) {
  const PortState port = {.mac = {2, 0, 0, 0, 0, 1}, .mtu = 1'500};
  return compile(settings,
                 {.ports = std::span(&port, 1),
                  .next_hop =
                      [](const Address& address) {
                        return NextHop{.resolved = true,
                                       .port = 0,
                                       .destination = {2, 0, 0, 0, 0, 9},
                                       .source = *parse_address("10.0.0.2"),
                                       .gateway = address,
                                       .why = {}};
                      },
                  .ways = {},
                  .unhealthy =
                      [&](const ServiceSettings&, const BackendSettings& backend) {
                        return down.find(backend.name) == std::string::npos ? "" : "down";
                      }},
                 1)
      .spec;
}

const ServiceSpec& service_of(const PlanSpec& spec, const std::string& name) {
  const auto found = std::ranges::find(spec.services, name, &ServiceSpec::name);
  CHECK(found != spec.services.end());
  return *found;
}

std::string names_of(const PlanSpec& spec, const std::vector<MemberSpec>& members) {
  std::string names;
  for (const MemberSpec& member : members) {
    const BackendSpec& backend = spec.backends[member.backend];
    names += backend.name + ":" + std::to_string(backend.arm) + " ";
  }
  return names;
}

void what_both_have_and_differs_is_splittable(void** /*state*/) {
  const std::string before = std::string(kShop) + "," + kMail;
  assert_true(splittable_services(with(before), with(before)).empty());
  const auto changed =
      splittable_services(with(before), with(std::string(kOtherShop) + "," + kMail));
  assert_int_equal(changed.size(), 1);
  assert_string_equal(changed[0].c_str(), "shop");
  assert_true(splittable_services(with(kShop), with(kMail)).empty());
}

void who_has_left_is_nobody_of_those_that_are_known(void** /*state*/) {
  const auto servers_of = [](const Settings& left) {
    std::string servers;
    for (const ServiceSettings& service : left.services) {
      for (const BackendSettings& backend : service.backends) {
        servers += service.name + "/" + backend.name + "@" + to_string(backend.address) + " ";
      }
    }
    return servers;
  };
  const auto left = [&](const std::vector<Settings>& gone, const std::vector<Settings>& known) {
    std::vector<const Settings*> all_gone;
    for (const Settings& each : gone) all_gone.push_back(&each);
    std::vector<const Settings*> all_known;
    for (const Settings& each : known) all_known.push_back(&each);
    return servers_of(left_servers(all_gone, all_known));
  };
  const Settings shop = with(std::string(kShop) + "," + kMail);
  const Settings other = with(kOtherShop);
  // A service that is gone has no flows.
  assert_string_equal(left({shop}, {other}).c_str(), "shop/a@10.0.0.11 ");
  assert_string_equal(left({shop}, {other, shop}).c_str(), "");
  assert_string_equal(left({}, {other}).c_str(), "");
  // Elsewhere by the same name is another one; of two, the last is asked.
  std::string moved = kShop;
  moved.replace(moved.find("10.0.0.11"), 9, "10.0.0.18");
  std::string again = kShop;
  again.replace(again.find("10.0.0.11"), 9, "10.0.0.19");
  assert_string_equal(left({shop}, {with(moved)}).c_str(), "shop/a@10.0.0.11 ");
  assert_string_equal(left({shop, with(moved)}, {with(again)}).c_str(), "shop/a@10.0.0.18 ");
  assert_string_equal(left({shop, with(moved)}, {with(moved)}).c_str(), "shop/a@10.0.0.11 ");
}

void a_trial_is_of_services_of_both_families(void** /*state*/) {
  PlanSpec spec = compiled(with(std::string(kShop) + "," + kMail));
  PlanSpec tried = compiled(with(kOtherShop));
  set_arms(tried, {{"shop", 3}});
  add_trial(spec, std::move(tried), 1'000);
  for (const char* const name : {"shop", "shop/v6"}) {
    const ServiceSpec& service = service_of(spec, name);
    assert_int_equal(service.trial.share, 1'000);
    assert_string_equal(names_of(spec, service.members).c_str(), "shop/a:0 shop/b:0 ");
    assert_string_equal(names_of(spec, service.trial.members).c_str(), "shop/b:3 shop/c:3 ");
    assert_int_equal(service.trial.members[0].weight, 2);
  }
  assert_false(service_of(spec, "mail").trial.is_on());
  assert_true(build_plan(spec, Secret(std::array<uint8_t, 1>{1}), {}, 1'000).ok());
}

// What it has already is tried; what is new has nobody to be compared with.
void a_service_that_gets_another_family_is_tried(void** /*state*/) {
  for (const char* const vip : {"192.0.2.1", "2001:db8::1"}) {
    std::string one = kShop;
    one.replace(one.find("[\""), one.find("];") - one.find("[\""), std::string("[\"") + vip + "\"");
    PlanSpec spec = compiled(with(one));
    assert_int_equal(spec.services.size(), 1);
    const std::string name = spec.services[0].name;
    PlanSpec tried = compiled(with(kOtherShop));
    set_arms(tried, {{"shop", 3}});
    add_trial(spec, std::move(tried), 1'000);
    assert_true(service_of(spec, name).trial.is_on());
  }
}

const struct {
  const char* description;
  const char* old_down;
  const char* new_down;
  const char* members;
  bool is_closed;
  bool is_closed_by_trial;
} kClosed[] = {
    {"nobody of the new", "", "bc", "shop/a:0 shop/b:0 ", false, true},
    {"nobody of the old", "ab", "", "shop/b:3 shop/c:3 ", false, false},
    {"nobody", "ab", "bc", "shop/a:0 shop/b:0 ", true, false},
};

void a_side_without_anybody_leaves_all_to_the_other(void** /*state*/) {
  for (const auto& row : kClosed) {
    PlanSpec spec = compiled(with(kShop), row.old_down);
    PlanSpec tried = compiled(with(kOtherShop), row.new_down);
    set_arms(tried, {{"shop", 3}});
    const bool closes = add_trial(spec, std::move(tried), 1'000).contains("shop");
    const ServiceSpec& service = service_of(spec, "shop");
    if (service.trial.is_on() || (service.closed != Reason::none) != row.is_closed ||
        closes != row.is_closed_by_trial || names_of(spec, service.members) != row.members ||
        service.leaving.size() != 2) {
      fail_msg("%s: %s", row.description, names_of(spec, service.members).c_str());
    }
    assert_true(build_plan(spec, Secret(std::array<uint8_t, 1>{1}), {}, 1'000).ok());
  }
}

void who_has_gone_leaves_and_who_is_back_does_not(void** /*state*/) {
  PlanSpec spec = compiled(with(kOtherShop));
  set_arms(spec, {{"shop", 3}});
  PlanSpec left = compiled(with(std::string(kShop) + "," + kMail));
  add_leaving(spec, {left, left});
  add_leaving(spec, {left});  // twice is once
  const ServiceSpec& service = service_of(spec, "shop");
  assert_int_equal(service.leaving.size(), 2);
  assert_string_equal(spec.backends[service.leaving[0]].name.c_str(), "shop/a");
  assert_int_equal(spec.services.size(), 2);  // a service that has gone as a whole has gone

  const PlanSpec alone = compiled(with(kOtherShop));
  assert_true(spec.backends.size() > alone.backends.size());
  remove_leaving(spec);
  assert_int_equal(spec.backends.size(), alone.backends.size());
  assert_int_equal(spec.backends.back().name.compare(alone.backends.back().name), 0);
  assert_true(service_of(spec, "shop").leaving.empty());

  PlanSpec back = compiled(with(kShop));
  add_leaving(back, {left});
  assert_true(service_of(back, "shop").leaving.empty());
}

constexpr size_t kFull = 50'000;  // backends in force

Leaving leaving_of(size_t backends, Microseconds since) {
  Leaving leaving{.settings = with(kMail), .arms = {{"mail", 7}}, .since = since};
  leaving.settings.services[0].backends.resize(backends);
  return leaving;
}

// What is scarce are slots: many small changes leave none of their backends behind.
void many_small_changes_may_leave(void** /*state*/) {
  std::vector<Leaving> leaving;
  for (size_t i = 0; i < kMaxLeavingSettings; ++i) {
    leaving.push_back(leaving_of(60, static_cast<Microseconds>(i)));
    assert_true(give_up_oldest(leaving, kFull).empty());
  }
  assert_int_equal(leaving.size(), kMaxLeavingSettings);
  leaving.push_back(leaving_of(1, kMaxLeavingSettings));
  const std::vector<Leaving> given_up = give_up_oldest(leaving, kFull);
  assert_int_equal(given_up.size(), 1);
  assert_int_equal(given_up[0].since, 0);
  assert_int_equal(given_up[0].arms.at("mail"), 7);
  assert_int_equal(backends_of(given_up[0].settings), 60);
  assert_int_equal(leaving.size(), kMaxLeavingSettings);
  assert_int_equal(leaving.front().since, 1);
}

void of_large_changes_the_oldest_are_given_up(void** /*state*/) {
  std::vector<Leaving> leaving;
  leaving.push_back(leaving_of(1'000, 1));
  leaving.push_back(leaving_of(kMaxLeavingBackends / 2, 2));
  leaving.push_back(leaving_of(kMaxLeavingBackends / 2, 3));
  const std::vector<Leaving> given_up = give_up_oldest(leaving, kFull);
  assert_int_equal(given_up.size(), 1);
  assert_int_equal(given_up[0].since, 1);
  leaving.push_back(leaving_of(kMaxLeavingBackends + 1, 4));  // the last one stays
  assert_int_equal(give_up_oldest(leaving, kFull).size(), 2);
  assert_int_equal(leaving.size(), 1);
  assert_int_equal(leaving[0].since, 4);
  assert_true(give_up_oldest(leaving, kFull).empty());
  leaving.push_back(leaving_of(10'000, 5));  // a small plan has slots for more
  assert_true(give_up_oldest(leaving, 1'000).empty());
  assert_int_equal(give_up_oldest(leaving, kFull).size(), 1);
}

// Each with an arm of its own, and of those that are the same one.
void what_many_changes_leave_is_added(void** /*state*/) {
  PlanSpec spec = compiled(with(kOtherShop));
  std::vector<PlanSpec> left;
  for (const uint32_t arm : {1u, 2u, 3u, 2u}) {
    left.push_back(compiled(with(kShop)));
    set_arms(left.back(), {{"shop", arm}});
  }
  add_leaving(spec, std::move(left));
  assert_int_equal(service_of(spec, "shop").leaving.size(), 6);
  assert_true(build_plan(spec, Secret(std::array<uint8_t, 1>{1}), {}, 1'000).ok());
}

void only_named_services_are_kept(void** /*state*/) {
  const Settings both = with(std::string(kShop) + "," + kMail);
  const Settings only = only_services(both, {"mail"});
  assert_int_equal(only.services.size(), 1);
  assert_string_equal(only.services[0].name.c_str(), "mail");
  assert_true(only.ports == both.ports);
}

std::string brought(const Settings& before, const Settings& after,
                    const std::vector<std::string>& services) {
  std::set<std::string> names;
  for (const auto& [server, name] : brought_backends(before, after, services)) names.insert(name);
  std::string text;
  for (const std::string& name : names) text += name + " ";
  return text;
}

void who_is_new_or_elsewhere_is_brought(void** /*state*/) {
  const Settings before = with(std::string(kShop) + "," + kMail);
  const Settings after = with(std::string(kOtherShop) + R"(, { name = "mail"; vips = ["192.0.2.2"];
      ports = "25"; backends = ( { name = "m"; address = "10.0.0.22"; weight = 3; } ); })");
  assert_string_equal(brought(before, after, {"shop"}).c_str(), "shop/c ");
  assert_string_equal(brought(before, after, {"mail", "shop"}).c_str(), "mail/m shop/c ");
  assert_string_equal(brought(before, before, {"mail", "shop"}).c_str(), "");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_both_have_and_differs_is_splittable),
      cmocka_unit_test(who_has_left_is_nobody_of_those_that_are_known),
      cmocka_unit_test(a_trial_is_of_services_of_both_families),
      cmocka_unit_test(a_service_that_gets_another_family_is_tried),
      cmocka_unit_test(a_side_without_anybody_leaves_all_to_the_other),
      cmocka_unit_test(who_has_gone_leaves_and_who_is_back_does_not),
      cmocka_unit_test(many_small_changes_may_leave),
      cmocka_unit_test(of_large_changes_the_oldest_are_given_up),
      cmocka_unit_test(what_many_changes_leave_is_added),
      cmocka_unit_test(only_named_services_are_kept),
      cmocka_unit_test(who_is_new_or_elsewhere_is_brought),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
