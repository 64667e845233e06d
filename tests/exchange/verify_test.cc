#include "firmware/exchange/verify.h"

#include <algorithm>
#include <span>
#include <string>

#include "firmware/exchange/build.h"
#include "tests/cmocka.h"
#include "tests/exchange/corruption.h"
#include "tests/exchange/specs.h"

namespace evenkeel {
namespace {

// "web" has moved buckets; "web" and "mail" lie in one prefix with what is narrower.
PlanSpec spec_to_check() {
  PlanSpec spec = good_spec();
  spec.services[0].members[2].weight = 4;
  spec.services[0].points.push_back(point_of("192.0.2.1", 8'000, 8'999));
  return spec;
}

PlanPointer plan_to_check() {
  const PlanPointer before = built(good_spec());
  return built_after(before, spec_to_check(), kNow + 1);
}

// Points to other places than those of the plan.
void lead_elsewhere(Copy& copy, void (*change)(std::vector<ServicePoint>& points)) {
  std::vector<ServicePoint> points = copy.plan.points;
  change(points);
  Result<ServiceLookup> lookup = ServiceLookup::build(points);
  CHECK(lookup.ok());
  copy.plan.lookup = std::make_shared<const ServiceLookup>(std::move(lookup.value()));
}

const Corruption kCorruptions[] = {
    // 1. Every bucket names a live member of its own service.
    {"a bucket of another service",
     [](Copy& copy) { copy.table("mail").buckets[7] = copy.slot("four-0"); }, "'mail'",
     "another service"},
    {"one bucket of many, the last",
     [](Copy& copy) { copy.table("web").buckets[kMinBuckets - 1] = copy.slot("four-3"); }, "'web'",
     "another service"},
    {"a bucket of the other family",
     [](Copy& copy) { copy.table("web").buckets[0] = copy.slot("six-4"); }, "'web'",
     "another service"},
    {"a bucket of nobody", [](Copy& copy) { copy.table("web").buckets[0] = kNoBackend; }, "'web'",
     "names no backend"},
    {"a bucket beyond all slots", [](Copy& copy) { copy.table("web").buckets[0] = 6; }, "'web'",
     "names no backend"},
    {"a dead member", [](Copy& copy) { copy.plan.lives[copy.slot("four-3")].is_alive = false; },
     "'mail'", "'four-3' is not alive"},
    {"a member whose slot is free",
     [](Copy& copy) { copy.plan.backend_records[copy.slot("four-3")].name.clear(); }, "'mail'",
     "no slot"},
    {"a member without slot", [](Copy& copy) { copy.table("mail").members[1].slot = kNoBackend; },
     "'mail'", "no slot"},
    {"another member",
     [](Copy& copy) {
       const uint16_t other = copy.slot("four-0");
       for (size_t i = 0; i < kMinBuckets; ++i) {
         uint16_t& bucket = copy.table("mail").buckets[i];
         if (bucket == copy.slot("four-3")) bucket = other;
       }
       copy.table("mail").members[1].slot = other;
     },
     "'mail'", "'four-0' is not the one"},
    {"a member too few", [](Copy& copy) { copy.table("mail").members.pop_back(); }, "'mail'",
     "missing"},
    {"a member too many", [](Copy& copy) { copy.table("mail").members.push_back({}); }, "'mail'",
     "too many"},

    // 2. Shares are those of the weights.
    {"a share off by two",
     [](Copy& copy) {
       BucketTable& table = copy.table("web6");
       for (size_t i = 0, left = 2; i < kMinBuckets && left > 0; ++i) {
         if (table.buckets[i] != copy.slot("six-4")) continue;
         table.buckets[i] = copy.slot("six-5");
         --left;
       }
     },
     "'web6'", "has 12"},
    {"a share too large, though no other is too small",
     [](Copy& copy) {
       BucketTable& table = copy.table("web");
       for (const char* const giver : {"four-0", "four-1"}) {
         *std::find(table.buckets.data(), table.buckets.data() + kMinBuckets, copy.slot(giver)) =
             copy.slot("four-2");
       }
     },
     "'web'", "'four-2' has 169 buckets"},
    {"all to one",
     [](Copy& copy) {
       BucketTable& table = copy.table("web6");
       std::fill_n(table.buckets.data(), kMinBuckets, copy.slot("six-4"));
     },
     "'web6'", "'six-4' has 251 buckets"},
    {"a drained member with buckets", [](Copy& copy) { copy.table("mail").members[0].weight = 0; },
     "'mail'", "weight"},
    {"another weight", [](Copy& copy) { copy.table("web6").members[0].weight = 2; }, "'web6'",
     "'six-4' does not have the weight"},

    // 3. A previous backend is in the plan.
    {"a previous backend beyond all slots", [](Copy& copy) { copy.moved("web").previous[3] = 6; },
     "'web'", "previous backend"},
    {"a previous backend that left",
     [](Copy& copy) {
       copy.plan.backend_records.emplace_back();
       copy.plan.lives.emplace_back();
       PageArray<Forwarding> more = std::move(PageArray<Forwarding>::make(7).value());
       std::copy_n(copy.plan.forwardings.data(), 6, more.data());
       copy.plan.forwardings = std::move(more);
       copy.moved("web").previous[3] = 6;
     },
     "'web'", "previous backend is not in the plan"},
    {"a previous backend of the other family",
     [](Copy& copy) { copy.moved("web").previous[3] = copy.slot("six-4"); }, "'web'",
     "'six-4' is ready for the other IP version"},

    // 4. Members are ready for the VIP's family.
    {"a member's life of the other family",
     [](Copy& copy) { copy.plan.lives[copy.slot("six-5")].inner_is_v4 = true; }, "'web6'",
     "'six-5'"},
    {"a member's forwarding of the other family",
     [](Copy& copy) { copy.plan.forwardings[copy.slot("four-0")].inner_is_v4 = false; }, "'web'",
     "'four-0'"},

    // 5. Every VIP leads to its service.
    {"no VIP leads anywhere",
     [](Copy& copy) {
       lead_elsewhere(copy, [](std::vector<ServicePoint>& points) { points.clear(); });
     },
     "'web'", "192.0.2.1 port 80"},
    {"a VIP leads to another service",
     [](Copy& copy) {
       lead_elsewhere(copy, [](std::vector<ServicePoint>& points) { points[0].service = 1; });
     },
     "'web'", "192.0.2.1 port 80"},
    {"a range leads to another service",
     [](Copy& copy) {
       lead_elsewhere(copy, [](std::vector<ServicePoint>& points) { points[1].service = 1; });
     },
     "'web'", "192.0.2.1 port 8000"},
    {"a range ends too soon",
     [](Copy& copy) {
       lead_elsewhere(copy, [](std::vector<ServicePoint>& points) { --points[1].last_port; });
     },
     "'web'", "192.0.2.1 port 8999"},
    {"VIPs of two services exchanged",
     [](Copy& copy) {
       lead_elsewhere(copy, [](std::vector<ServicePoint>& points) {
         std::swap(points[0].service, points[2].service);
       });
     },
     "'web'", "192.0.2.1 port 80"},

    // 7. Forwardings are their members'.
    {"two members' forwardings exchanged",
     [](Copy& copy) {
       std::swap(copy.plan.forwardings[copy.slot("four-0")],
                 copy.plan.forwardings[copy.slot("four-2")]);
     },
     "'web'", "packets to its member 'four-0'"},
    {"a forwarding that was never made",
     [](Copy& copy) { copy.plan.forwardings[copy.slot("four-3")] = {}; }, "'mail'",
     "packets to its member 'four-3'"},
    {"a forwarding to an old next hop",
     [](Copy& copy) {
       Forwarding& forwarding = copy.plan.forwardings[copy.slot("six-5")];
       ++forwarding.header[forwarding.header_end() - forwarding.header_length + 5u];
     },
     "'web6'", "packets to its member 'six-5'"},
    {"a forwarding by another port", [](Copy& copy) { ++copy.plan.forwardings[0].port; }, "'web'",
     "packets to its member 'four-0'"},

    // What workers read is what the records hold.
    {"another table",
     [](Copy& copy) { copy.hot("mail").current = copy.table("web").buckets.data(); }, "'mail'",
     "table"},
    {"a shorter table", [](Copy& copy) { copy.hot("mail").buckets = 241; }, "'mail'", "table"},
    {"a table of no prime size",
     [](Copy& copy) {
       Result<PageArray<uint16_t>> buckets = PageArray<uint16_t>::make(256);
       copy.table("mail").buckets = std::move(buckets.value());
       copy.hot("mail").current = copy.table("mail").buckets.data();
       copy.hot("mail").buckets = 256;
     },
     "'mail'", "table"},
    {"no table", [](Copy& copy) { copy.record("mail").table = nullptr; }, "'mail'", "no table"},
    {"moves that workers do not see", [](Copy& copy) { copy.hot("web").previous = nullptr; },
     "'web'", "moved buckets"},
    {"moves that are none",
     [](Copy& copy) { copy.hot("mail").previous = copy.moved("web").previous.data(); }, "'mail'",
     "moved buckets"},
    {"moves of another size", [](Copy& copy) { ++copy.hot("web").previous_buckets; }, "'web'",
     "moved buckets"},
    {"another affinity", [](Copy& copy) { copy.hot("web").affinity = Affinity::sticky; }, "'web'",
     "told apart"},
    {"another hash", [](Copy& copy) { copy.hot("web").hash_over = HashOver::source; }, "'web'",
     "told apart"},
    {"taken for tried", [](Copy& copy) { copy.hot("web").is_tried = true; }, "'web'", "tried"},
    {"a service is missing", [](Copy& copy) { copy.record("mail").name = "male"; }, "'mail'",
     "not in the plan"},
};

void what_was_built_wrong_is_refused_by_name(void** /*state*/) {
  const PlanPointer good = plan_to_check();
  assert_non_null(record_of(*good, "web").moves.get());
  assert_int_equal(slot_of(*good, "six-5"), 5);  // so that slot 6 is nobody's
  expect_refusals(spec_to_check(), good, kCorruptions);
}

// A table that was checked before is not counted again, but who dies meanwhile is noticed.
void a_shared_table_is_checked_against_this_plan(void** /*state*/) {
  const PlanSpec spec = spec_to_check();
  Copy first = copy_of(*plan_to_check());
  Copy second = copy_of(first.plan);
  second.record("mail").table = first.record("mail").table;
  second.hot("mail").current = first.table("mail").buckets.data();
  assert_true(verify_plan(second.plan, spec, &first.plan).ok());
  second.plan.lives[second.slot("four-3")].is_alive = false;
  const Status status = verify_plan(second.plan, spec, &first.plan);
  assert_false(status.ok());
  assert_non_null(strstr(status.message().c_str(), "'four-3'"));
}

struct Nesting {
  const char* description;
  ServicePoint web;
  ServicePoint mail;
};

ServicePoint within(const char* prefix, uint8_t length, uint16_t first_port, uint16_t last_port) {
  ServicePoint point = point_of(prefix, first_port, last_port);
  point.prefix_length = length;
  return point;
}

// The ends of a VIP's range, and the first address of its prefix, may be a narrower one's.
void narrower_vips_may_have_a_part(void** /*state*/) {
  const Nesting nestings[] = {
      {"prefixes with one beginning", within("10.0.0.0", 96 + 8, 80, 80),
       within("10.0.0.0", 96 + 16, 80, 80)},
      {"a prefix and its first address", within("10.0.0.0", 96 + 8, 80, 80),
       within("10.0.0.0", 128, 80, 80)},
      {"a range and its first port", within("10.0.0.1", 128, 80, 90),
       within("10.0.0.1", 128, 80, 80)},
      {"a range and its last ports", within("10.0.0.1", 128, 80, 90),
       within("10.0.0.1", 128, 85, 90)},
      {"all ports and the last one", within("10.0.0.1", 128, 0, 65'535),
       within("10.0.0.1", 128, 65'535, 65'535)},
      {"one port of a prefix, and all ports of its first address",
       within("10.0.0.0", 96 + 24, 80, 80), within("10.0.0.0", 128, 1, 65'535)},
      {"everything and one address", within("0.0.0.0", 96, 0, 65'535),
       within("0.0.0.0", 128, 1, 1)},
  };
  for (const Nesting& row : nestings) {
    PlanSpec spec = good_spec();
    spec.services[0].points = {row.web};
    spec.services[1].points = {row.mail};
    const Result<PlanPointer> plan = build_plan(spec, secret_of(1), {.quiet_for = {}}, kNow);
    if (!plan.ok()) fail_msg("%s: %s", row.description, plan.message().c_str());
    // The wider one must not have it.
    Copy copy = copy_of(*plan.value());
    std::swap(copy.plan.points[0].service, copy.plan.points[1].service);
    lead_elsewhere(copy, [](std::vector<ServicePoint>& /*points*/) {});
    const Status status = verify_plan(copy.plan, spec, nullptr);
    if (status.ok()) fail_msg("%s: exchanged, and not refused", row.description);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_was_built_wrong_is_refused_by_name),
      cmocka_unit_test(a_shared_table_is_checked_against_this_plan),
      cmocka_unit_test(narrower_vips_may_have_a_part),
  };
  return cmocka_run_group_tests_name("exchange/verify", tests, nullptr, nullptr);
}
