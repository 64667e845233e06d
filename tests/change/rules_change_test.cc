// Rules on the change itself, each just before and just behind its threshold.
#include "tests/change/rows.h"

namespace evenkeel {
namespace {

void watch_backends_only(Settings& settings) {
  settings.rules.max_moved_buckets = 100;
  settings.rules.max_changed_services = 100;
}

const Row kMassChange[] = {
    {"one of four is replaced: a third moves", "mass-change", nothing,
     [](Settings& s) { shop(s).backends = {server(1), server(2), server(3), server(7)}; }, kNoHit},
    {"two are: two thirds do", "mass-change", nothing,
     [](Settings& s) { shop(s).backends = {server(1), server(2), server(7), server(8)}; }, kRefuse},
    {"other addresses are other servers", "mass-change", nothing,
     [](Settings& s) {
       for (size_t i = 0; i < 3; ++i) {
         shop(s).backends[i].address = server(static_cast<unsigned>(20 + i)).address;
       }
     },
     kRefuse},
    {"5 of 11 backends", "mass-change", watch_backends_only,
     [](Settings& s) {
       for (ServiceSettings& service : s.services) service.backends.pop_back();
       shop(s).backends.pop_back();
     },
     kNoHit},
    {"6 of 11 backends", "mass-change", watch_backends_only,
     [](Settings& s) {
       for (ServiceSettings& service : s.services) service.backends.pop_back();
       shop(s).backends.pop_back();
       shop(s).backends.pop_back();
     },
     kRefuse},
    {"2 of 4 services", "mass-change", nothing,
     [](Settings& s) { s.services[0].mss = s.services[1].mss = 1'300; }, kNoHit},
    {"3 of 4 services", "mass-change", nothing,
     [](Settings& s) { s.services[0].mss = s.services[1].mss = s.services[2].mss = 1'300; },
     kRefuse},
    {"queries of all services are no change to them", "mass-change", nothing,
     [](Settings& s) {
       for (ServiceSettings& service : s.services) {
         service.queries.push_back({.name = "errors", .query = "errors", .at_most = 0.02});
       }
     },
     kNoHit},
    {"the only service", "mass-change", [](Settings& s) { s.services.resize(1); },
     [](Settings& s) { shop(s).mss = 1'300; }, kNoHit},
    {"many new ones disturb nobody", "mass-change", nothing,
     [](Settings& s) {
       for (int i = 20; i < 40; ++i) {
         s.services.push_back(
             service_of("new" + std::to_string(i), "198.51.100." + std::to_string(i), 2));
       }
     },
     kNoHit},
};
void mass_change(void** /*state*/) { expect(kMassChange); }

const Row kLiveServiceRemoved[] = {
    {"with traffic", "live-service-removed", nothing,
     [](Settings& s) { s.services.erase(s.services.begin()); }, kRefuse, 1},
    {"without traffic", "live-service-removed", nothing,
     [](Settings& s) { s.services.erase(s.services.begin()); }, kNoHit, 0},
    {"renamed, but served", "live-service-removed", nothing,
     [](Settings& s) { shop(s).name = "store"; }, kNoHit, 1},
    {"another port", "live-service-removed", nothing,
     [](Settings& s) { shop(s).ports = {.first = 81, .last = 81}; }, kRefuse, 1},
    {"more ports", "live-service-removed", nothing,
     [](Settings& s) { shop(s).ports = {.first = 80, .last = 81}; }, kNoHit, 1},
    {"one of two VIPs", "live-service-removed",
     [](Settings& s) { shop(s).vips.push_back(single("198.51.100.77")); },
     [](Settings& s) { shop(s).vips.pop_back(); }, kRefuse, 1},
    {"most of a prefix", "live-service-removed",
     [](Settings& s) { shop(s).vips = {{address_of("203.0.113.0"), 96 + 24}}; },
     [](Settings& s) { shop(s).vips = {single("203.0.113.0")}; }, kRefuse, 1},
};
void live_service_removed(void** /*state*/) { expect(kLiveServiceRemoved); }

void with_query(Settings& settings) {
  settings.prometheus.url = "http://127.0.0.1:9090";
  shop(settings).queries = {
      {.name = "errors", .query = "errors", .at_most = 0.02, .at_least = 0.0}};
}

const Row kLoosenedRule[] = {
    {"looser", "loosened-rule", nothing, [](Settings& s) { ++s.rules.max_share; }, kRefuse},
    {"looser deviation", "loosened-rule", nothing, [](Settings& s) { ++s.rules.max_deviation; },
     kRefuse},
    {"looser buckets", "loosened-rule", nothing, [](Settings& s) { ++s.rules.max_moved_buckets; },
     kRefuse},
    {"looser backends", "loosened-rule", nothing,
     [](Settings& s) { ++s.rules.max_changed_backends; }, kRefuse},
    {"looser services", "loosened-rule", nothing,
     [](Settings& s) { ++s.rules.max_changed_services; }, kRefuse},
    {"stricter", "loosened-rule", nothing,
     [](Settings& s) {
       s.rules = {.max_share = 59,
                  .max_deviation = 4,
                  .max_moved_buckets = 9,
                  .max_changed_backends = 9,
                  .max_changed_services = 9};
     },
     kNoHit},
    {"approval off", "loosened-rule", [](Settings& s) { s.change.approval = Approval::required; },
     [](Settings& s) { s.change.approval = Approval::none; }, kRefuse},
    {"approval on", "loosened-rule", nothing,
     [](Settings& s) { s.change.approval = Approval::required; }, kNoHit},
    {"longer window", "loosened-rule", nothing, [](Settings& s) { s.change.confirm += 1; },
     kRefuse},
    {"shorter window", "loosened-rule", nothing, [](Settings& s) { s.change.confirm -= 1; },
     kNoHit},
    {"a larger first step", "loosened-rule", nothing,
     [](Settings& s) { s.rollout.steps = {2, 10, 50}; }, kRefuse},
    {"no steps", "loosened-rule", nothing, [](Settings& s) { s.rollout.steps = {}; }, kRefuse},
    {"more steps", "loosened-rule", [](Settings& s) { s.rollout.steps = {}; },
     [](Settings& s) { s.rollout.steps = {10}; }, kNoHit},
    {"a query goes", "loosened-rule", with_query, [](Settings& s) { shop(s).queries.clear(); },
     kWarn},
    {"a wider bound", "loosened-rule", with_query,
     [](Settings& s) { shop(s).queries[0].at_most = 0.03; }, kWarn},
    {"no upper bound", "loosened-rule", with_query,
     [](Settings& s) { shop(s).queries[0].at_most.reset(); }, kWarn},
    {"a lower bound is wider", "loosened-rule", with_query,
     [](Settings& s) { shop(s).queries[0].at_least = -1; }, kWarn},
    {"outside for longer", "loosened-rule", with_query,
     [](Settings& s) { shop(s).queries[0].lasting += 1; }, kWarn},
    {"narrower bounds, and one query more", "loosened-rule", with_query,
     [](Settings& s) {
       shop(s).queries[0].at_most = 0.01;
       shop(s).queries[0].at_least = 0.001;
       shop(s).queries[0].lasting = 0;
       shop(s).queries.push_back({.name = "more", .query = "up", .at_least = 1});
     },
     kNoHit},
    {"more may fare badly", "loosened-rule", nothing, [](Settings& s) { ++s.rollout.tolerance; },
     kRefuse},
};
void loosened_rule(void** /*state*/) { expect(kLoosenedRule); }

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(mass_change),
      cmocka_unit_test(live_service_removed),
      cmocka_unit_test(loosened_rule),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
