#include "firmware/exchange/guard.h"

#include <string>

#include "firmware/exchange/build.h"
#include "tests/cmocka.h"
#include "tests/exchange/specs.h"

namespace evenkeel {
namespace {

// As text has it: of an IPv4 address, `length` counts from 32 bits.
Prefix prefix_of(const char* text, unsigned length) {
  const Address address = address_of(text);
  return {.address = address, .length = static_cast<uint8_t>(length + (address.is_v4() ? 96 : 0))};
}

const Guard& guard_in(const Plan& plan, const char* service) {
  return plan.services[number_of(plan, service)].guard;
}

struct Lists {
  const char* description;
  std::vector<Prefix> allow;
  std::vector<Prefix> deny;
  std::vector<const char*> allowed;
  std::vector<const char*> denied;
};

const Lists kLists[] = {
    {"none", {}, {}, {"192.0.2.1", "2001:db8::1"}, {}},
    {"one is denied",
     {},
     {prefix_of("192.0.2.1", 32)},
     {"192.0.2.0", "192.0.2.2", "2001:db8::1"},
     {"192.0.2.1"}},
    {"one is allowed",
     {prefix_of("192.0.2.1", 32)},
     {},
     {"192.0.2.1"},
     {"192.0.2.0", "192.0.2.2", "2001:db8::1", "0.0.0.1"}},
    {"all are denied but for some",
     {prefix_of("10.1.0.0", 16)},
     {prefix_of("0.0.0.0", 0)},
     {"10.1.2.3"},
     {"10.2.0.1", "2001:db8::1"}},
    {"all of IPv4 is denied", {}, {prefix_of("0.0.0.0", 0)}, {"2001:db8::1", "::1"}, {"10.1.2.3"}},
    {"all of IPv6 is denied", {}, {prefix_of("::", 0)}, {"10.1.2.3"}, {"2001:db8::1"}},
    {"what is allowed reaches among IPv4, which is none of it",
     {prefix_of("::", 80)},
     {},
     {"::1", "::fffe:0:1"},
     {"10.1.2.3", "255.255.255.255", "2001:db8::1"}},
    {"what is denied reaches among IPv4, which is none of it",
     {},
     {prefix_of("::fffe:0:0", 95)},
     {"10.1.2.3", "255.255.255.255", "2001:db8::1"},
     {"::fffe:0:1"}},
    {"the longest decides",
     {prefix_of("10.0.0.0", 8), prefix_of("10.1.1.0", 24)},
     {prefix_of("10.1.0.0", 16), prefix_of("10.1.1.7", 32)},
     {"10.0.0.1", "10.1.1.6", "10.2.0.0"},
     {"10.1.0.1", "10.1.1.7", "11.0.0.1"}},
    {"the longest decides, denials first",
     {prefix_of("2001:db8::", 48)},
     {prefix_of("2001:db8::", 32)},
     {"2001:db8::1"},
     {"2001:db8:1::1", "2001:db9::"}},
};

void lists_say_who_is_allowed(void** /*state*/) {
  for (const Lists& row : kLists) {
    PlanSpec spec = good_spec();
    spec.services[0].allow = row.allow;
    spec.services[0].deny = row.deny;
    const PlanPointer plan = built(spec);
    const Guard& guard = guard_in(*plan, "web");
    for (const char* const address : row.allowed) {
      if (!guard.allows(address_of(address))) fail_msg("%s: %s denied", row.description, address);
    }
    for (const char* const address : row.denied) {
      if (guard.allows(address_of(address))) fail_msg("%s: %s allowed", row.description, address);
    }
    assert_true(guard_in(*plan, "mail").allows(address_of("192.0.2.1")));
    assert_true(guard_in(*plan, "mail").is_none());
  }
}

struct Plainness {
  const char* description;
  void (*change)(ServiceSpec& service);
  bool has_guard;
  bool is_plain;
};

const Plainness kPlainnesses[] = {
    {"nothing", [](ServiceSpec& /*service*/) {}, false, true},
    {"hash", [](ServiceSpec& service) { service.hash_over = HashOver::source; }, false, false},
    {"affinity", [](ServiceSpec& service) { service.affinity = Affinity::sticky; }, false, true},
    {"mss", [](ServiceSpec& service) { service.mss = kMinMss; }, true, false},
    {"limit", [](ServiceSpec& service) { service.new_flows_per_source = 1; }, true, false},
    {"denial", [](ServiceSpec& service) { service.deny = {prefix_of("10.0.0.0", 8)}; }, true,
     false},
    {"closed", [](ServiceSpec& service) { service.closed = Reason::no_backend; }, true, false},
};

void a_service_with_a_guard_is_not_plain(void** /*state*/) {
  for (const Plainness& row : kPlainnesses) {
    PlanSpec spec = good_spec();
    row.change(spec.services[0]);
    const PlanPointer plan = built(spec);
    const Service& service = plan->services[number_of(*plan, "web")];
    if (service.guard.is_none() == row.has_guard) fail_msg("%s: guard", row.description);
    if (service.is_plain != row.is_plain) fail_msg("%s: plain", row.description);
    const ServiceSpec& wanted = spec.services[0];
    assert_int_equal(service.guard.mss, wanted.mss);
    assert_int_equal(service.guard.new_flows_per_source, wanted.new_flows_per_source);
    assert_int_equal(service.guard.closed, wanted.closed);
    assert_true(plan->services[number_of(*plan, "mail")].is_plain);
  }
}

// Another list is another table; the same one is shared, however long it is.
void lists_are_shared_while_they_are_the_same(void** /*state*/) {
  PlanSpec spec = good_spec();
  for (uint32_t i = 0; i < 1'000; ++i) {
    spec.services[0].deny.push_back({Address::v4(Big32(i << 12)), 96 + 20});
  }
  spec.services[1].allow = {prefix_of("10.0.0.0", 8)};
  const PlanPointer first = built(spec);
  spec.services[0].members[0].weight = 3;
  spec.services[1].allow[0].length = 96 + 9;
  const PlanPointer second = built_after(first, spec, kNow + 1);
  assert_ptr_equal(guard_in(*first, "web").sources, guard_in(*second, "web").sources);
  assert_ptr_not_equal(guard_in(*first, "mail").sources, guard_in(*second, "mail").sources);
  assert_true(guard_in(*first, "mail").allows(address_of("10.128.0.0")));
  assert_false(guard_in(*second, "mail").allows(address_of("10.128.0.0")));

  // The same prefixes, and the opposite of what they said.
  std::swap(spec.services[1].allow, spec.services[1].deny);
  const PlanPointer third = built_after(second, spec, kNow + 2);
  assert_false(guard_in(*third, "mail").allows(address_of("10.1.0.0")));
  assert_true(guard_in(*third, "mail").allows(address_of("10.128.0.0")));
  spec.services[1].deny.clear();
  const PlanPointer fourth = built_after(third, spec, kNow + 3);
  assert_null(guard_in(*fourth, "mail").sources);
  // Workers may still be on the plan before.
  assert_false(guard_in(*third, "mail").allows(address_of("10.1.0.0")));
}

void as_many_prefixes_as_a_plan_may_have(void** /*state*/) {
  PlanSpec spec = good_spec();
  for (uint32_t i = 0; i < kMaxPrefixes; ++i) {
    ServiceSpec& service = spec.services[i % 2];
    (i % 3 == 0 ? service.allow : service.deny).push_back({Address::v4(Big32(i << 8)), 96 + 24});
  }
  const PlanPointer plan = built(spec);
  assert_true(guard_in(*plan, "web").allows(address_of("0.0.6.1")));
  assert_false(guard_in(*plan, "web").allows(address_of("0.0.7.1")));
  spec.services[2].deny.push_back(prefix_of("10.0.0.0", 8));
  const Result<PlanPointer> result = build_plan(spec, secret_of(1), {.quiet_for = {}}, kNow);
  assert_false(result.ok());
  assert_non_null(std::strstr(result.message().c_str(), "16385 prefixes in allow and deny lists"));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(lists_say_who_is_allowed),
      cmocka_unit_test(a_service_with_a_guard_is_not_plain),
      cmocka_unit_test(lists_are_shared_while_they_are_the_same),
      cmocka_unit_test(as_many_prefixes_as_a_plan_may_have),
  };
  return cmocka_run_group_tests_name("exchange/guard", tests, nullptr, nullptr);
}
