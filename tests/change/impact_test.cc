#include "firmware/change/impact.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <random>
#include <set>
#include <string>

#include "tests/change/sides.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

bool is_near(double a, double b, double error) { return std::abs(a - b) <= error; }

// Of the sound settings and what `edit` makes of them.
struct Pair {
  TestBox before;
  TestBox after;

  explicit Pair(void (*edit)(Settings&))
      : before(sound_settings(), {}, nullptr), after(edited(edit), {}, before.plan.get()) {}

  static Settings edited(void (*edit)(Settings&)) {
    Settings settings = sound_settings();
    edit(settings);
    return settings;
  }
  Impact impact(const Traffic& traffic = {}) const {
    return impact_of(before.side(), after.side(), traffic);
  }
};

const BackendImpact& backend_of(const ServiceImpact& service, std::string_view name) {
  const auto found = std::ranges::find(service.backends, name, &BackendImpact::name);
  CHECK(found != service.backends.end());
  return *found;
}

void the_same_has_no_impact(void** /*state*/) {
  const Pair pair([](Settings&) {});
  for (const Impact& impact :
       {pair.impact(), impact_of(pair.after.side(), pair.after.side(), {})}) {
    assert_true(impact.services.empty() && impact.differences.empty());
    assert_true(impact.hits.empty() && impact.checklist.empty());
    assert_int_equal(impact.unchanged, 4);
    assert_int_equal(impact.added + impact.changed + impact.removed, 0);
  }
}

void only_what_is_touched_is_told(void** /*state*/) {
  const Pair pair([](Settings& s) {
    s.services[0].backends[3].weight = 0;
    s.services.erase(s.services.begin() + 2);
    s.services.push_back(service_of("new", "198.51.100.9", 2));
  });
  const Impact impact = pair.impact();
  assert_int_equal(impact.added, 1);
  assert_int_equal(impact.changed, 1);
  assert_int_equal(impact.removed, 1);
  assert_int_equal(impact.unchanged, 2);
  assert_int_equal(impact.services.size(), 3);
  const ServiceImpact& shop = impact.services[0];
  assert_true(shop.name == "shop" && shop.fate == Fate::changed && shop.family.empty());
  const BackendImpact& drained = backend_of(shop, "web4");
  assert_true(drained.fate == Fate::changed && drained.share_after == 0 && drained.moved == 1);
  assert_true(is_near(drained.share_before, 0.25, 0.001));
  assert_true(backend_of(shop, "web1").fate == Fate::same);
  assert_true(is_near(backend_of(shop, "web1").share_after, 1.0 / 3, 0.001));
  assert_true(shop.moved >= 0.25 - 0.001 && shop.moved < 0.5);
  assert_true(impact.services[1].fate == Fate::added && !impact.services[1].is_open_before);
  assert_true(impact.services[1].is_open_after && impact.services[1].moved == 0);
  const ServiceImpact& news = impact.services[2];
  assert_true(news.name == "news" && news.fate == Fate::removed && news.moved == 1);
  assert_true(backend_of(news, "web1").fate == Fate::removed);
  assert_false(impact.differences.empty());
}

void traffic_weighs_what_moves(void** /*state*/) {
  const Pair pair([](Settings& s) { s.services[0].backends.pop_back(); });
  Traffic traffic;
  traffic.by_service["shop"] = {.new_flows = 6'000, .packets = 60'000};
  // Nearly all flows are on a backend that stays.
  traffic.by_backend["shop/web1"] = {.new_flows = 5'940, .packets = 59'000};
  traffic.by_backend["shop/web4"] = {.new_flows = 60, .packets = 1'000};
  const Impact impact = pair.impact(traffic);
  const ServiceImpact& shop = impact.services.at(0);
  assert_true(is_near(shop.flows, 100, 1e-9));
  const double moved_of_first = backend_of(shop, "web1").moved;
  assert_true(shop.moved_flows.has_value());
  assert_true(is_near(*shop.moved_flows, 0.99 * moved_of_first + 0.01, 1e-9));
  assert_true(*shop.moved_flows < shop.moved);
  assert_true(is_near(backend_of(shop, "web1").flows_before, 99, 1e-9));
  assert_true(is_near(backend_of(shop, "web1").flows_after, 100.0 / 3, 0.1));
  assert_true(backend_of(shop, "web4").fate == Fate::removed);
  assert_false(pair.impact().services.at(0).moved_flows.has_value());
  traffic.measured = 0;
  assert_false(pair.impact(traffic).services.at(0).moved_flows.has_value());
}

void checks_are_side_by_side(void** /*state*/) {
  const Pair pair([](Settings& s) {
    s.services[0].check.type = CheckType::tcp;
    s.services[0].check.interval = 500'000;
  });
  const std::vector<CheckRow> expected = {{"type", "http", "tcp"},
                                          {"port", "the traffic's", "the traffic's"},
                                          {"interval", "2s", "500ms"},
                                          {"timeout", "1s", "1s"},
                                          {"rise", "2", "2"},
                                          {"fall", "3", "3"},
                                          {"dead after", "7s", "2500ms"},
                                          {"method", "GET", ""},
                                          {"path", "/", ""},
                                          {"expect", "200-399", ""}};
  assert_true(pair.impact().services.at(0).check == expected);
}

void families_are_one_unless_they_differ(void** /*state*/) {
  const auto with_both = [](Settings& s) { s.services[0].vips.push_back(single("2001:db8::1")); };
  Settings settings = sound_settings();
  with_both(settings);
  const TestBox both(settings, {}, nullptr);
  settings.services[0].backends.pop_back();
  const TestBox fewer(settings, {}, both.plan.get());
  const Impact alike = impact_of(both.side(), fewer.side(), {});
  assert_int_equal(alike.services.size(), 1);
  assert_true(alike.services[0].name == "shop" && alike.services[0].family.empty());

  const Pair pair(with_both);
  const Impact impact = pair.impact();
  assert_int_equal(impact.changed, 1);
  assert_int_equal(impact.services.size(), 2);
  assert_true(impact.services[0].family == "ipv4" && impact.services[0].moved == 0);
  assert_true(impact.services[1].family == "ipv6" && !impact.services[1].is_open_before);
}

void headroom_and_trouble_are_told(void** /*state*/) {
  Settings settings = sound_settings();
  const TestBox before(settings, {}, nullptr);
  settings.services[0].backends.push_back(server(9));
  const TestBox after(settings, {server(9).address}, before.plan.get());
  Traffic traffic;
  traffic.by_service["shop"] = {.new_flows = 60 * 1'500, .packets = 0};
  const Impact impact = impact_of(before.side(), after.side(), traffic);
  const ServiceImpact& shop = impact.services.at(0);
  assert_true(is_near(shop.headroom_before.value().load, 0.5, 1e-9));
  assert_true(shop.headroom_before == shop.headroom_after);
  assert_string_equal(backend_of(shop, "web9").trouble.c_str(), "it does not answer");
  assert_true(backend_of(shop, "web9").share_after == 0);
  assert_true(backend_of(shop, "web1").trouble.empty());
}

bool has_line_with(const std::vector<std::string>& lines, std::string_view text) {
  return std::ranges::any_of(
      lines, [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

void the_checklist_is_of_the_change(void** /*state*/) {
  struct Row {
    const char* description;
    void (*edit)(Settings&);
    const char* expected;
  };
  const Row rows[] = {
      {"removed", [](Settings& s) { s.services.pop_back(); }, "\"api\" is removed"},
      {"added", [](Settings& s) { s.services.push_back(service_of("new", "198.51.100.9", 2)); },
       "\"new\" is new"},
      {"weights", [](Settings& s) { s.services[0].backends[0].weight = 2; },
       "\"web1\" in \"shop\" goes from 25.0 % to 40.0 %"},
      {"leaves", [](Settings& s) { s.services[0].backends.pop_back(); },
       "\"web4\" leaves \"shop\""},
      {"joins", [](Settings& s) { s.services[0].backends.push_back(server(9)); },
       "\"web9\" joins \"shop\""},
      {"moves", [](Settings& s) { s.services[0].backends.pop_back(); }, "go to other servers"},
      {"check", [](Settings& s) { s.services[0].check.rise = 9; },
       "the health check of \"shop\" differs"},
      {"refused", [](Settings& s) { s.services[0].check.rise = 1; },
       "rule weakened-health-check refuses it"},
      {"any change", [](Settings& s) { s.name = "other"; }, "within 10m"},
  };
  for (const Row& row : rows) {
    const std::vector<std::string> checklist = Pair(row.edit).impact().checklist;
    if (!has_line_with(checklist, row.expected)) {
      print_error("%s:\n", row.description);
      for (const std::string& line : checklist) print_error("  %s\n", line.c_str());
    }
    assert_true(has_line_with(checklist, row.expected));
    assert_true(checklist.size() <= 8);
  }
}

void the_checklist_is_short(void** /*state*/) {
  Settings settings = sound_settings();
  const TestBox before(settings, {}, nullptr);
  for (int i = 20; i < 120; ++i) {
    settings.services.push_back(
        service_of("new" + std::to_string(i), "198.51.100." + std::to_string(i), 2));
  }
  const TestBox after(settings, {}, before.plan.get());
  const Impact impact = impact_of(before.side(), after.side(), {});
  assert_int_equal(impact.added, 100);
  assert_true(impact.checklist.size() <= 8);
  assert_true(has_line_with(impact.checklist, "the same of 97 more services"));
}

void json_is_as_documented(void** /*state*/) {
  const Pair pair([](Settings& s) {
    s.services[0].backends = {server(1, 9), server(2)};
    s.services[1].backends[0].capacity = 0;
  });
  const boost::json::value json = to_json(pair.impact());
  const auto& root = json.as_object();
  assert_int_equal(root.at("summary").at("changed").to_number<int>(), 2);
  const auto& shop = root.at("services").at(0).as_object();
  for (const char* key : {"name", "family", "fate", "open", "buckets", "moved", "moved_flows",
                          "flows", "backends", "check", "headroom"}) {
    assert_true(shop.contains(key));
  }
  assert_int_equal(shop.size(), 11);
  assert_true(shop.at("family").is_null() && shop.at("moved_flows").is_null());
  assert_true(shop.at("open").at("after").as_bool());
  assert_int_equal(shop.at("buckets").at("before").to_number<int>(), kDefaultBuckets);
  const auto& web1 = shop.at("backends").at(0).as_object();
  assert_true(web1.at("name").as_string() == "web1" && web1.at("fate").as_string() == "changed");
  assert_true(is_near(web1.at("share").at("after").as_double(), 0.9, 0.001));
  assert_true(shop.at("check").at(0).at("name").as_string() == "type");
  assert_true(shop.at("headroom").at("before").at("without").as_string() == "web1");
  assert_true(root.at("services").at(1).at("backends").at(0).at("capacity").is_null());
  assert_true(root.at("services").at(1).at("headroom").at("after").is_null());
  const auto& hit = root.at("hits").at(0).as_object();
  assert_true(hit.at("rule").as_string() == "single-node");
  assert_true(hit.at("severity").as_string() == "refuse");
  assert_true(hit.at("outage").as_string() == "single-node");
  assert_true(root.at("refusals").at(0).as_string() == "single-node");
  assert_true(root.at("differences").is_array() && root.at("checklist").is_array());
}

// --- Any settings --------------------------------------------------------------------------------

Settings random_settings(std::mt19937_64& random) {
  const auto upto = [&](unsigned most) { return static_cast<unsigned>(random() % (most + 1)); };
  constexpr uint32_t kSizes[] = {251, 1'009, 65'537};
  Settings settings = sound_settings();
  settings.services.clear();
  const unsigned services = upto(5);
  for (unsigned i = 0; i < services; ++i) {
    ServiceSettings service =
        service_of("s" + std::to_string(i), "198.51.100." + std::to_string(1 + i), 0);
    if (upto(2) == 0) service.vips.push_back(single("2001:db8::" + std::to_string(1 + i)));
    if (upto(3) == 0) service.vips.erase(service.vips.begin());
    if (service.vips.empty()) service.vips = {single("2001:db8::" + std::to_string(1 + i))};
    service.buckets = kSizes[upto(2)];
    service.check.type = static_cast<CheckType>(upto(2));
    const unsigned first = upto(9);
    for (unsigned backend = 0; backend <= upto(12); ++backend) {
      service.backends.push_back(server(first + backend, upto(3) == 0 ? 0 : 1 + upto(99)));
      service.backends.back().capacity = upto(1) * upto(5'000);
    }
    service.backends[0].weight = 1 + upto(9);
    settings.services.push_back(std::move(service));
  }
  return settings;
}

std::set<Address> random_losses(std::mt19937_64& random) {
  std::set<Address> lost;
  for (unsigned i = 0; i < 22; ++i) {
    if (random() % 8 == 0) lost.insert(server(i).address);
  }
  return lost;
}

void assert_sane(const Impact& impact) {
  for (const ServiceImpact& service : impact.services) {
    double before = 0;
    double after = 0;
    for (const BackendImpact& backend : service.backends) {
      before += backend.share_before;
      after += backend.share_after;
      assert_true(backend.moved >= 0 && backend.moved <= 1);
    }
    assert_true(is_near(before, service.is_open_before ? 1 : 0, 1e-9));
    assert_true(is_near(after, service.is_open_after ? 1 : 0, 1e-9));
    assert_true(service.moved >= 0 && service.moved <= 1 + 1e-9);
    assert_true(!service.moved_flows.has_value() ||
                (*service.moved_flows >= 0 && *service.moved_flows <= 1 + 1e-9));
  }
  assert_false(boost::json::serialize(to_json(impact)).empty());
}

void any_plan_that_was_built(void** /*state*/) {
  std::mt19937_64 random(20'260'101);
  TestBox before(random_settings(random), random_losses(random), nullptr);
  assert_non_null(before.plan.get());
  for (int round = 0; round < 300; ++round) {
    TestBox after(random_settings(random), random_losses(random), before.plan.get());
    if (after.plan == nullptr) continue;
    Traffic traffic;
    for (const ServiceSettings& service : before.settings.services) {
      traffic.by_service[service.name] = {.new_flows = random() % 100'000, .packets = 1};
      for (const BackendSettings& backend : service.backends) {
        traffic.by_backend[service.name + "/" + backend.name] = {.new_flows = random() % 10'000,
                                                                 .packets = 1};
      }
    }
    assert_sane(impact_of(before.side(), after.side(), traffic));
    assert_sane(impact_of({}, after.side(), traffic));
    const Impact none = impact_of(after.side(), after.side(), traffic);
    assert_true(none.services.empty() && none.differences.empty() && none.checklist.empty());
    assert_true(none.refusals().empty());  // what is there already, is a warning
    before = std::move(after);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_same_has_no_impact),
      cmocka_unit_test(only_what_is_touched_is_told),
      cmocka_unit_test(traffic_weighs_what_moves),
      cmocka_unit_test(checks_are_side_by_side),
      cmocka_unit_test(families_are_one_unless_they_differ),
      cmocka_unit_test(headroom_and_trouble_are_told),
      cmocka_unit_test(the_checklist_is_of_the_change),
      cmocka_unit_test(the_checklist_is_short),
      cmocka_unit_test(json_is_as_documented),
      cmocka_unit_test(any_plan_that_was_built),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
