// What cannot be honoured is refused whole, by name, and leaves the plan in force as it was.
#include <algorithm>
#include <string>
#include <string_view>

#include "firmware/exchange/build.h"
#include "firmware/exchange/verify.h"
#include "tests/cmocka.h"
#include "tests/exchange/specs.h"

namespace evenkeel {
namespace {

ServiceSpec& web(PlanSpec& spec) { return spec.services[0]; }

struct Refusal {
  const char* description;
  void (*spoil)(PlanSpec& spec);
  const char* first;  // both are in the message
  const char* second;
};

const std::string kLongName(kMaxName + 1, 'n');

const Refusal kRefusals[] = {
    {"no backend", [](PlanSpec& spec) { web(spec).members.clear(); }, "'web'", "no backend"},
    {"all weights zero", [](PlanSpec& spec) { web(spec).members = {{0, 0}, {1, 0}}; }, "'web'",
     "no member has a weight above 0"},
    {"the last backend at weight 0", [](PlanSpec& spec) { web(spec).members = {{0, 0}}; }, "'web'",
     "no member has a weight above 0"},
    {"no VIP", [](PlanSpec& spec) { web(spec).points.clear(); }, "'web'", "no VIP"},

    {"backend twice", [](PlanSpec& spec) { spec.backends.push_back(spec.backends[2]); }, "'four-2'",
     "twice"},
    {"backend twice, at different addresses",
     [](PlanSpec& spec) { spec.backends[3].name = spec.backends[2].name; }, "'four-2'", "twice"},
    {"service twice", [](PlanSpec& spec) { spec.services[1].name = "web"; }, "'web'", "twice"},
    {"member twice", [](PlanSpec& spec) { web(spec).members = {{0}, {1}, {0}}; }, "'web'",
     "'four-0'"},
    {"member twice, once drained", [](PlanSpec& spec) { web(spec).members = {{0}, {1}, {0, 0}}; },
     "'web'", "'four-0'"},
    {"member twice, drained both times",
     [](PlanSpec& spec) { web(spec).members = {{0, 0}, {1}, {0, 0}}; }, "'web'", "'four-0'"},
    {"both arms of a server",
     [](PlanSpec& spec) {
       spec.backends.push_back(spec.backends[0]);
       spec.backends.back().arm = 1;
       web(spec).members = {{0}, {6}};
     },
     "'web'", "a member may be named once only"},

    {"dead, and weight", [](PlanSpec& spec) { spec.backends[1].is_alive = false; }, "'web'",
     "'four-1' is not alive"},
    {"backend of the other family", [](PlanSpec& spec) { web(spec).members[1] = {4}; }, "'web'",
     "'six-4'"},
    {"drained backend of the other family", [](PlanSpec& spec) { web(spec).members[1] = {4, 0}; },
     "'web'", "'six-4'"},
    {"VIPs of two families",
     [](PlanSpec& spec) { web(spec).points.push_back(point_of("2001:db8::9", 80, 80)); }, "'web'",
     "192.0.2.1 and 2001:db8::9"},
    {"unknown backend", [](PlanSpec& spec) { web(spec).members[2] = {6}; }, "'web'",
     "backend number 6 of 6"},
    {"no such index", [](PlanSpec& spec) { web(spec).members[2] = {UINT32_MAX}; }, "'web'",
     "4294967295"},

    {"table too small", [](PlanSpec& spec) { web(spec).buckets = 241; }, "'web'", "241"},
    {"no table", [](PlanSpec& spec) { web(spec).buckets = 0; }, "'web'", "size 0 "},
    {"table of no prime size", [](PlanSpec& spec) { web(spec).buckets = 65'536; }, "'web'",
     "65536"},
    {"table too large", [](PlanSpec& spec) { web(spec).buckets = 4'194'319; }, "'web'", "4194319"},
    {"table larger than memory", [](PlanSpec& spec) { web(spec).buckets = 4'294'967'291; }, "'web'",
     "4294967291"},

    {"bad forwarding", [](PlanSpec& spec) { spec.backends[3].forwarding.mtu = 20; }, "'four-3'",
     "mtu"},
    {"bad forwarding of a backend without service",
     [](PlanSpec& spec) {
       spec.backends.push_back(backend_of(9));
       spec.backends.back().forwarding.destination = {};
     },
     "'four-9'", "destination"},

    {"NAT to the other family",
     [](PlanSpec& spec) {
       spec.backends[3].forwarding.mode = Mode::nat;
       spec.backends[3].forwarding.destination_port = 80;
       spec.backends[3].forwarding.destination = address_of("2001:db8:b::1");
     },
     "'four-3'", "2001:db8:b::1"},
    {"alive without next hop",
     [](PlanSpec& spec) { spec.backends[3].forwarding.destination_mac = {}; }, "'four-3'",
     "destination_mac, is not set"},
    {"no next hop, and weight",
     [](PlanSpec& spec) {
       spec.backends[3].forwarding.destination_mac = {};
       spec.backends[3].is_alive = false;
     },
     "'mail'", "'four-3' is not alive"},

    {"mss too small", [](PlanSpec& spec) { web(spec).mss = kMinMss - 1; }, "'web'", "mss is 535"},
    {"client allowed and denied",
     [](PlanSpec& spec) { web(spec).allow = web(spec).deny = {{address_of("10.0.0.0"), 104}}; },
     "'web': its allow and deny lists", "10.0.0.0/8 is there twice"},
    {"client's prefix with more bits",
     [](PlanSpec& spec) { web(spec).deny = {{address_of("10.0.0.1"), 104}}; }, "'web'",
     "10.0.0.1/8 has bits set beyond"},
    {"closed, and a dead member with weight",
     [](PlanSpec& spec) {
       web(spec).closed = Reason::no_backend;
       spec.backends[0].is_alive = false;
     },
     "'web'", "'four-0' is not alive"},
    {"closed, without VIP",
     [](PlanSpec& spec) {
       web(spec).closed = Reason::no_backend;
       web(spec).points.clear();
     },
     "'web'", "no VIP"},

    {"backend without name", [](PlanSpec& spec) { spec.backends[0].name.clear(); }, "backend ''",
     "1 to 128"},
    {"backend's name too long", [](PlanSpec& spec) { spec.backends[0].name = kLongName; },
     kLongName.c_str(), "1 to 128"},
    {"service without name", [](PlanSpec& spec) { web(spec).name.clear(); }, "service ''",
     "1 to 128"},
    {"service's name too long", [](PlanSpec& spec) { web(spec).name = kLongName; },
     kLongName.c_str(), "1 to 128"},

    {"VIP of two services", [](PlanSpec& spec) { spec.services[1].points = web(spec).points; },
     "192.0.2.1", "is also that of service 'web'"},
    {"VIP twice in a service",
     [](PlanSpec& spec) { web(spec).points.push_back(web(spec).points[0]); }, "192.0.2.1",
     "is also that of"},
    {"crossing ranges",
     [](PlanSpec& spec) {
       web(spec).points = {point_of("192.0.2.1", 80, 90)};
       spec.services[1].points = {point_of("192.0.2.1", 85, 95)};
     },
     "85-95", "80-90"},
    {"range that goes down",
     [](PlanSpec& spec) { web(spec).points = {point_of("192.0.2.1", 90, 80)}; }, "192.0.2.1",
     "90-80"},
    {"protocol without ports",
     [](PlanSpec& spec) { web(spec).points = {point_of("192.0.2.1", 80, 80, Protocol::icmp)}; },
     "192.0.2.1", "only TCP, UDP and SCTP"},
    {"bits beyond the prefix", [](PlanSpec& spec) { web(spec).points[0].prefix_length = 120; },
     "192.0.2.1/24", "192.0.2.0"},
};

void refused_by_name_and_the_plan_in_force_stays(void** /*state*/) {
  const PlanSpec good = good_spec();
  const PlanPointer before = built(good);
  const uint64_t fingerprint_before = before->fingerprint;
  const long users = record_of(*before, "web").table.use_count();
  for (const Refusal& row : kRefusals) {
    PlanSpec spec = good;
    row.spoil(spec);
    for (const Plan* const plan : {static_cast<const Plan*>(nullptr), before.get()}) {
      const Result<PlanPointer> result =
          build_plan(spec, secret_of(1), {.plan = plan, .quiet_for = {}}, kNow + 1);
      if (result.ok()) fail_msg("%s: not refused", row.description);
      const std::string& message = result.message();
      if (message.find(row.first) == std::string::npos ||
          message.find(row.second) == std::string::npos ||
          message.find("built wrong") != std::string::npos) {
        fail_msg("%s: %s", row.description, message.c_str());
      }
    }
    assert_true(verify_plan(*before, good, nullptr).ok());
    assert_int_equal(before->fingerprint, fingerprint_before);
    assert_int_equal(record_of(*before, "web").table.use_count(), users);
  }
}

// One bad entry, and no good one of the same change is taken over.
void a_change_is_refused_whole(void** /*state*/) {
  const PlanPointer before = built(good_spec());
  PlanSpec spec = good_spec();
  spec.services.push_back(service_of("dns", "192.0.2.3", 53, {{0}}));
  spec.services.push_back(service_of("bad", "192.0.2.4", 53, {}));
  const Result<PlanPointer> result =
      build_plan(spec, secret_of(1), {.plan = before.get(), .quiet_for = {}}, kNow + 1);
  assert_false(result.ok());
  assert_int_equal(before->lookup->find(address_of("192.0.2.3"), 6, 53), kNoService);
  assert_int_equal(number_of(*before, "dns"), kNoService);
}

void names_of_full_length_are_taken(void** /*state*/) {
  PlanSpec spec = good_spec();
  spec.backends[0].name = std::string(kMaxName, 'b');
  web(spec).name = std::string(kMaxName, 's');
  const PlanPointer plan = built(spec);
  assert_int_not_equal(number_of(*plan, web(spec).name), kNoService);
  assert_int_not_equal(slot_of(*plan, spec.backends[0].name), kNoBackend);
}

void nothing_at_all_is_a_plan(void** /*state*/) {
  const PlanPointer plan = built({});
  assert_int_equal(plan->lookup->find(address_of("192.0.2.1"), 6, 80), kNoService);
  const PlanPointer next = built_after(plan, good_spec(), kNow + 1);
  const PlanPointer empty = built_after(next, {}, kNow + 2);
  assert_int_equal(empty->lookup->find(address_of("192.0.2.1"), 6, 80), kNoService);
  assert_int_equal(empty->fingerprint, plan->fingerprint);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(refused_by_name_and_the_plan_in_force_stays),
      cmocka_unit_test(a_change_is_refused_whole),
      cmocka_unit_test(names_of_full_length_are_taken),
      cmocka_unit_test(nothing_at_all_is_a_plan),
  };
  return cmocka_run_group_tests_name("exchange/build_refusals", tests, nullptr, nullptr);
}
