#include "firmware/change/rules.h"

#include <set>
#include <string_view>

#include "tests/change/rows.h"

namespace evenkeel {
namespace {

void sound_settings_hit_nothing(void** /*state*/) {
  const TestBox box(sound_settings(), {}, nullptr);
  assert_true(hits({}, box.side(), {}).empty());
  assert_true(hits(box.side(), box.side(), {}).empty());
}

// What went live unasked in the outages, refused by the rules that come from them.
void outages_are_refused(void** /*state*/) {
  struct Outage {
    const char* name;
    Edit change;
    std::set<std::string_view> expected;
  };
  const Outage outages[] = {
      {"single-node",
       [](Settings& s) { set_weights(s, {1'000, 1, 1, 1}); },
       {"single-node", "uneven-spread", "n-minus-1", "mass-change"}},
      {"uneven", [](Settings& s) { set_weights(s, {3, 2, 1, 1}); }, {"uneven-spread", "n-minus-1"}},
      {"checks-off",
       [](Settings& s) {
         for (ServiceSettings& service : s.services) service.check.type = CheckType::none;
       },
       {"no-health-check", "weakened-health-check", "mass-change"}},
  };
  for (const Outage& outage : outages) {
    const TestBox before(sound_settings(), {}, nullptr);
    Settings candidate = sound_settings();
    outage.change(candidate);
    const TestBox after(candidate, {}, before.plan.get());
    Traffic traffic;
    traffic.by_service["shop"] = {.new_flows = 60 * 2'000, .packets = 1'000'000};
    std::set<std::string_view> refused;
    for (const Hit& hit : hits(before.side(), after.side(), traffic)) {
      if (hit.severity == kRefuse) refused.insert(hit.rule);
    }
    for (const std::string_view rule : refused) {
      if (!outage.expected.contains(rule)) print_error("%s: %s\n", outage.name, rule.data());
    }
    assert_true(refused == outage.expected);
    const Rule* const named = find_rule(*std::ranges::find_if(
        refused, [&](auto rule) { return find_rule(rule)->outage == outage.name; }));
    assert_true(named != nullptr && named->outage == outage.name);
  }
}

void the_first_generation_answers_for_all(void** /*state*/) {
  Settings settings = sound_settings();
  set_weights(settings, {100, 1, 1, 1});
  shop(settings).check.type = CheckType::none;
  settings.rules.max_moved_buckets = 100;
  const TestBox box(settings, {}, nullptr);
  const std::vector<Hit> found = hits({}, box.side(), {});
  assert_true(worst_of(found, "single-node") == kRefuse);
  assert_true(worst_of(found, "no-health-check") == kRefuse);
  assert_true(worst_of(found, "loosened-rule") == kNoHit);
  assert_true(worst_of(found, "mass-change") == kNoHit);
}

// What cannot be built is refused by name too.
void without_a_plan_settings_are_judged(void** /*state*/) {
  const TestBox before(sound_settings(), {}, nullptr);
  Settings settings = sound_settings();
  settings.services[0].mode = settings.services[1].mode = Mode::nat;
  const TestBox after(settings, {}, before.plan.get());
  assert_null(after.plan.get());
  const std::vector<Hit> found = hits(before.side(), after.side(), {});
  assert_true(worst_of(found, "nat-ambiguous") == kRefuse);
}

void a_hit_says_where_and_what(void** /*state*/) {
  const std::vector<Hit> found =
      hits_of({"", "", nothing, [](Settings& s) { set_weights(s, {100, 1, 1, 1}); }, kNoHit});
  const auto hit = std::ranges::find(found, "single-node", &Hit::rule);
  assert_true(hit != found.end());
  assert_string_equal(hit->where.c_str(), "services.shop.backends.web1");
  assert_string_equal(hit->what.c_str(),
                      "\"web1\" gets 97.1 % of the new flows of \"shop\", where rules.max_share is "
                      "60.0 %; give others more weight, or add backends");
}

void names_stay(void** /*state*/) {
  const std::set<std::string_view> expected = {
      "single-node",           "uneven-spread",   "no-health-check",
      "check-cannot-fail",     "probe-rate",      "n-minus-1",
      "weakened-health-check", "mass-change",     "live-service-removed",
      "vip-conflict",          "tunnel-mtu",      "unreachable-next-hop",
      "nat-ambiguous",         "worker-cores",    "drained-to-zero",
      "loosened-rule",         "secret-in-clear", "clients-refused"};
  std::set<std::string_view> names;
  for (const Rule& rule : rules()) {
    assert_true(names.insert(rule.name).second);
    assert_ptr_equal(find_rule(rule.name), &rule);
    assert_false(rule.reason.empty());
    assert_true(rule.reason.find('\n') == std::string_view::npos);
  }
  assert_true(names == expected);
  assert_null(find_rule("no-such-rule"));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(sound_settings_hit_nothing),
      cmocka_unit_test(outages_are_refused),
      cmocka_unit_test(the_first_generation_answers_for_all),
      cmocka_unit_test(without_a_plan_settings_are_judged),
      cmocka_unit_test(a_hit_says_where_and_what),
      cmocka_unit_test(names_stay),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
