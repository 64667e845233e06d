// The rule on who may use a service, just before and just behind what it allows.
#include "firmware/table/prefixes.h"
#include "tests/change/rows.h"

namespace evenkeel {
namespace {

Prefix v4(const char* address, int length) {
  return {.address = address_of(address), .length = static_cast<uint8_t>(96 + length)};
}

Prefix v6(const char* address, int length) {
  return {.address = address_of(address), .length = static_cast<uint8_t>(length)};
}

const Row kClientsRefused[] = {
    {"only the office", "clients-refused", nothing,
     [](Settings& s) { shop(s).allow = {v4("10.0.0.0", 8)}; }, kRefuse, 1},
    {"of a service that nobody uses", "clients-refused", nothing,
     [](Settings& s) { shop(s).allow = {v4("10.0.0.0", 8)}; }, kNoHit, 0},
    {"everybody else", "clients-refused", nothing,
     [](Settings& s) { shop(s).deny = {v4("0.0.0.0", 0)}; }, kRefuse, 1},
    {"an attacker", "clients-refused", nothing,
     [](Settings& s) { shop(s).deny = {v4("203.0.0.0", 16)}; }, kWarn, 1},
    {"two of them", "clients-refused", nothing,
     [](Settings& s) { shop(s).deny = {v4("203.0.0.0", 16), v4("198.51.100.7", 32)}; }, kRefuse, 1},
    {"another one", "clients-refused", [](Settings& s) { shop(s).deny = {v4("203.0.0.0", 16)}; },
     [](Settings& s) { shop(s).deny.push_back(v4("198.51.100.7", 32)); }, kWarn, 1},
    {"an attacker of long ago is let in", "clients-refused",
     [](Settings& s) { shop(s).deny = {v4("203.0.0.0", 16)}; },
     [](Settings& s) { shop(s).deny.clear(); }, kNoHit, 1},
    {"a network in two halves", "clients-refused",
     [](Settings& s) { shop(s).allow = {v4("10.0.0.0", 8)}; },
     [](Settings& s) { shop(s).allow = {v4("10.128.0.0", 9), v4("10.0.0.0", 9)}; }, kNoHit, 1},
    {"one half only", "clients-refused", [](Settings& s) { shop(s).allow = {v4("10.0.0.0", 24)}; },
     [](Settings& s) { shop(s).allow = {v4("10.0.0.0", 25)}; }, kWarn, 1},
    {"less than that", "clients-refused", [](Settings& s) { shop(s).allow = {v4("10.0.0.0", 24)}; },
     [](Settings& s) { shop(s).allow = {v4("10.0.0.0", 26)}; }, kRefuse, 1},
    {"others", "clients-refused", [](Settings& s) { shop(s).allow = {v4("10.0.0.0", 24)}; },
     [](Settings& s) { shop(s).allow = {v4("10.0.1.0", 24)}; }, kRefuse, 1},
    {"a hole within what is denied is no more", "clients-refused",
     [](Settings& s) {
       shop(s).deny = {v4("0.0.0.0", 0)};
       shop(s).allow = {v4("255.255.255.0", 24)};
     },
     [](Settings& s) { shop(s).allow = {v4("255.255.255.0", 26)}; }, kRefuse, 1},
    {"to the last address", "clients-refused", nothing,
     [](Settings& s) { shop(s).deny = {v4("255.255.255.255", 32)}; }, kWarn, 1},
    {"of a family that it does not have", "clients-refused", nothing,
     [](Settings& s) { shop(s).deny = {v6("::", 0)}; }, kNoHit, 1},
    {"of IPv6", "clients-refused",
     [](Settings& s) { shop(s).vips.push_back(v6("2001:db8::1", 128)); },
     [](Settings& s) { shop(s).deny = {v6("8000::", 1)}; }, kRefuse, 1},
    {"a provider of IPv6", "clients-refused",
     [](Settings& s) { shop(s).vips.push_back(v6("2001:db8::1", 128)); },
     [](Settings& s) { shop(s).deny = {v6("ffff:ffff::", 32)}; }, kWarn, 1},
    {"one of IPv6, and so nobody of IPv4", "clients-refused",
     [](Settings& s) { shop(s).vips.push_back(v6("2001:db8::1", 128)); },
     [](Settings& s) { shop(s).allow = {v6("::", 0)}; }, kRefuse, 1},
    {"a first limit", "clients-refused", nothing,
     [](Settings& s) { shop(s).new_flows_per_source = 1'000; }, kRefuse, 1},
    {"a lower one", "clients-refused", [](Settings& s) { shop(s).new_flows_per_source = 1'000; },
     [](Settings& s) { --shop(s).new_flows_per_source; }, kRefuse, 1},
    {"a higher one", "clients-refused", [](Settings& s) { shop(s).new_flows_per_source = 1'000; },
     [](Settings& s) { ++shop(s).new_flows_per_source; }, kNoHit, 1},
    {"none any more", "clients-refused", [](Settings& s) { shop(s).new_flows_per_source = 1'000; },
     [](Settings& s) { shop(s).new_flows_per_source = 0; }, kNoHit, 1},
    {"something else", "clients-refused", [](Settings& s) { shop(s).new_flows_per_source = 5; },
     [](Settings& s) { shop(s).mss = 1'300; }, kNoHit, 1},
};
void clients_refused(void** /*state*/) { expect(kClientsRefused); }

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(clients_refused),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
