// Rules on health checks, each just before and just behind what it allows.
#include "tests/change/rows.h"

namespace evenkeel {
namespace {

const Row kNoHealthCheck[] = {
    {"switched off", "no-health-check", nothing,
     [](Settings& s) { shop(s).check.type = CheckType::none; }, kRefuse},
    {"there was none", "no-health-check", [](Settings& s) { shop(s).check.type = CheckType::none; },
     [](Settings& s) { shop(s).mss = 1'300; }, kWarn},
    {"a new service has none", "no-health-check", nothing,
     [](Settings& s) {
       s.services.push_back(service_of("new", "198.51.100.9", 2));
       s.services.back().check.type = CheckType::none;
     },
     kRefuse},
    {"tcp is one", "no-health-check", nothing,
     [](Settings& s) { shop(s).check.type = CheckType::tcp; }, kNoHit},
};
void no_health_check(void** /*state*/) { expect(kNoHealthCheck); }

const Row kWeakenedHealthCheck[] = {
    {"switched off is weaker too", "weakened-health-check", nothing,
     [](Settings& s) { shop(s).check.type = CheckType::none; }, kRefuse},
    {"tcp is less than http", "weakened-health-check", nothing,
     [](Settings& s) { shop(s).check.type = CheckType::tcp; }, kRefuse},
    {"http is more than tcp", "weakened-health-check",
     [](Settings& s) { shop(s).check.type = CheckType::tcp; },
     [](Settings& s) { shop(s).check.type = CheckType::http; }, kNoHit},
    {"slower", "weakened-health-check", nothing, [](Settings& s) { shop(s).check.interval += 1; },
     kRefuse},
    {"more often, more tries, as fast", "weakened-health-check", nothing,
     [](Settings& s) {
       shop(s).check.interval = 1'000'000;
       shop(s).check.fall = 6;
     },
     kNoHit},
    {"one more failure", "weakened-health-check", nothing,
     [](Settings& s) { shop(s).check.fall += 1; }, kRefuse},
    {"waits longer, tries less", "weakened-health-check", nothing,
     [](Settings& s) {
       shop(s).check.timeout = 2'000'000;
       shop(s).check.fall = 2;
     },
     kRefuse},
    {"not by the traffic's own way any more", "weakened-health-check",
     [](Settings& s) { shop(s).check.same_path = true; },
     [](Settings& s) { shop(s).check.same_path = false; }, kRefuse},
    {"by that way too", "weakened-health-check", nothing,
     [](Settings& s) { shop(s).check.same_path = true; }, kNoHit},
    {"healthy sooner", "weakened-health-check", nothing,
     [](Settings& s) { shop(s).check.rise -= 1; }, kRefuse},
    {"one status more", "weakened-health-check", nothing,
     [](Settings& s) { shop(s).check.expect.push_back({.first = 404, .last = 404}); }, kRefuse},
    {"fewer of them", "weakened-health-check", nothing,
     [](Settings& s) { shop(s).check.expect = {{.first = 200, .last = 204}}; }, kNoHit},
    {"faster, stricter, another page", "weakened-health-check", nothing,
     [](Settings& s) {
       shop(s).check.interval = 500'000;
       shop(s).check.rise = 5;
       shop(s).check.path = "/health";
     },
     kNoHit},
    {"http is less than https", "weakened-health-check",
     [](Settings& s) { shop(s).check.type = CheckType::https; },
     [](Settings& s) { shop(s).check.type = CheckType::http; }, kRefuse},
    {"tcp is less than tls", "weakened-health-check",
     [](Settings& s) { shop(s).check.type = CheckType::tls; },
     [](Settings& s) { shop(s).check.type = CheckType::tcp; }, kRefuse},
    {"an echo is less than tcp", "weakened-health-check",
     [](Settings& s) { shop(s).check.type = CheckType::tcp; },
     [](Settings& s) { shop(s).check.type = CheckType::icmp; }, kRefuse},
    {"an agent is less than http", "weakened-health-check", nothing,
     [](Settings& s) { shop(s).check.type = CheckType::agent; }, kRefuse},
    {"https is more than http", "weakened-health-check", nothing,
     [](Settings& s) { shop(s).check.type = CheckType::https; }, kNoHit},
    {"grpc is as much", "weakened-health-check", nothing,
     [](Settings& s) { shop(s).check.type = CheckType::grpc; }, kNoHit},
    {"certificates are verified no more", "weakened-health-check",
     [](Settings& s) { shop(s).check.type = CheckType::https; },
     [](Settings& s) { shop(s).check.verify = false; }, kRefuse},
    {"what nobody verified", "weakened-health-check",
     [](Settings& s) { shop(s).check.type = CheckType::h2; },
     [](Settings& s) { shop(s).check.verify = false; }, kNoHit},
    {"TLS is over", "weakened-health-check",
     [](Settings& s) {
       shop(s).check.type = CheckType::grpc;
       shop(s).check.tls = true;
     },
     [](Settings& s) { shop(s).check.tls = false; }, kRefuse},
    {"the body is looked at no more", "weakened-health-check",
     [](Settings& s) { shop(s).check.contains = "well"; },
     [](Settings& s) { shop(s).check.contains = ""; }, kRefuse},
    {"for something else", "weakened-health-check",
     [](Settings& s) { shop(s).check.contains = "well"; },
     [](Settings& s) { shop(s).check.contains = "good"; }, kNoHit},
    {"an answer of DNS more", "weakened-health-check",
     [](Settings& s) {
       shop(s).check.type = CheckType::dns;
       shop(s).check.query = "a";
     },
     [](Settings& s) { shop(s).check.rcodes.push_back(DnsRcode::refused); }, kRefuse},
    {"believed less", "weakened-health-check", nothing,
     [](Settings& s) { shop(s).check.fail_open = 1; }, kRefuse},
    {"believed more", "weakened-health-check", [](Settings& s) { shop(s).check.fail_open = 50; },
     [](Settings& s) { shop(s).check.fail_open = 49; }, kNoHit},
    {"recovers slowly", "weakened-health-check", nothing,
     [](Settings& s) { shop(s).check.slow_start = 30'000'000; }, kNoHit},
    {"doubts that are slower", "weakened-health-check", nothing,
     [](Settings& s) { shop(s).check.fast_interval = shop(s).check.interval; }, kNoHit},
    {"weak for long", "weakened-health-check", [](Settings& s) { shop(s).check.fall = 9; },
     [](Settings& s) { shop(s).mss = 1'300; }, kNoHit},
};
void weakened_health_check(void** /*state*/) { expect(kWeakenedHealthCheck); }

const Row kCheckCannotFail[] = {
    {"takes every error", "check-cannot-fail", nothing,
     [](Settings& s) { shop(s).check.expect = {{200, 399}, {500, 550}, {551, 599}}; }, kRefuse},
    {"takes every error of https", "check-cannot-fail", nothing,
     [](Settings& s) {
       shop(s).check.type = CheckType::https;
       shop(s).check.expect = {{100, 599}};
     },
     kRefuse},
    {"but not without a word", "check-cannot-fail", nothing,
     [](Settings& s) {
       shop(s).check.expect = {{100, 599}};
       shop(s).check.contains = "well";
     },
     kNoHit},
    {"takes all errors but one", "check-cannot-fail", nothing,
     [](Settings& s) { shop(s).check.expect = {{200, 598}}; }, kNoHit},
    {"of tcp nobody asks", "check-cannot-fail", nothing,
     [](Settings& s) {
       shop(s).check.type = CheckType::tcp;
       shop(s).check.expect = {{100, 599}};
     },
     kNoHit},
    {"never believed", "check-cannot-fail", nothing,
     [](Settings& s) { shop(s).check.fail_open = 100; }, kRefuse},
    {"hardly believed", "check-cannot-fail", nothing,
     [](Settings& s) { shop(s).check.fail_open = 99; }, kNoHit},
    {"nobody is asked", "check-cannot-fail", nothing,
     [](Settings& s) {
       shop(s).check.type = CheckType::none;
       shop(s).check.fail_open = 100;
     },
     kNoHit},
    {"five minutes", "check-cannot-fail", nothing,
     [](Settings& s) {
       shop(s).check.fall = 299;
       shop(s).check.interval = 1'000'000;
     },
     kNoHit},
    {"and a second", "check-cannot-fail", nothing,
     [](Settings& s) {
       shop(s).check.fall = 300;
       shop(s).check.interval = 1'000'000;
     },
     kRefuse},
};
void check_cannot_fail(void** /*state*/) { expect(kCheckCannotFail); }

// Eleven servers are asked by http every two seconds, so that 22 packets a second come back.
const Row kProbeRate[] = {
    {"twice as many as come", "probe-rate", nothing,
     [](Settings& s) { s.kernel.packets_per_second = 44; }, kNoHit},
    {"nearly", "probe-rate", nothing, [](Settings& s) { s.kernel.packets_per_second = 43; }, kWarn},
    {"as many", "probe-rate", nothing, [](Settings& s) { s.kernel.packets_per_second = 22; },
     kWarn},
    {"fewer", "probe-rate", nothing, [](Settings& s) { s.kernel.packets_per_second = 21; },
     kRefuse},
    {"it was so", "probe-rate", [](Settings& s) { s.kernel.packets_per_second = 21; },
     [](Settings& s) { shop(s).mss = 1'300; }, kWarn},
    {"each worker passes on as many", "probe-rate", nothing,
     [](Settings& s) {
       s.kernel.packets_per_second = 22;
       s.cpu.workers = {1, 2};
     },
     kNoHit},
    {"four are asked twice as often", "probe-rate",
     [](Settings& s) { s.kernel.packets_per_second = 44; },
     [](Settings& s) { shop(s).check.interval /= 2; }, kWarn},
    {"four within TLS", "probe-rate", [](Settings& s) { s.kernel.packets_per_second = 44; },
     [](Settings& s) { shop(s).check.type = CheckType::https; }, kWarn},
    {"four by the traffic's way too", "probe-rate",
     [](Settings& s) { s.kernel.packets_per_second = 44; },
     [](Settings& s) { shop(s).check.same_path = true; }, kWarn},
    {"four by tcp alone", "probe-rate", [](Settings& s) { s.kernel.packets_per_second = 32; },
     [](Settings& s) { shop(s).check.type = CheckType::tcp; }, kNoHit},
};
void probe_rate(void** /*state*/) { expect(kProbeRate); }

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(no_health_check),
      cmocka_unit_test(weakened_health_check),
      cmocka_unit_test(check_cannot_fail),
      cmocka_unit_test(probe_rate),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
