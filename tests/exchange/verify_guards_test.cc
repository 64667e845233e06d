// What guards services, and what leads replies back, is checked as built.
#include "firmware/exchange/verify.h"

#include <memory>
#include <vector>

#include "firmware/exchange/build.h"
#include "tests/cmocka.h"
#include "tests/exchange/corruption.h"
#include "tests/exchange/specs.h"

namespace evenkeel {
namespace {

// "web" is closed, "mail" takes some clients and is translated to "four-3", whose
// replies have two ways.
PlanSpec guarded_spec() {
  PlanSpec spec = good_spec();
  spec.services[0].closed = Reason::no_backend;
  spec.services[0].members.clear();
  spec.services[1].mss = 1'400;
  spec.services[1].new_flows_per_source = 9;
  spec.services[1].allow = {{address_of("10.0.0.0"), 96 + 8}, {address_of("10.1.2.0"), 96 + 24}};
  spec.services[1].deny = {{address_of("10.1.0.0"), 96 + 16}, {address_of("10.0.0.0"), 96 + 9}};
  spec.backends[3].forwarding.mode = Mode::nat;
  spec.backends[3].forwarding.destination_port = 2'525;
  Way way{.resolved = true};
  way.source_mac = {2, 0, 0, 0, 0, 1};
  way.destination_mac = {2, 0, 0, 0, 0, 3};
  spec.ways = {{{address_of("0.0.0.0"), 96}, way}, {{address_of("0.0.0.0"), 97}, {}}};
  return spec;
}

template <typename T>
std::shared_ptr<const T> remade(Result<T> made) {
  CHECK(made.ok());
  return std::make_shared<const T>(std::move(made.value()));
}

void change_servers(Copy& copy, void (*change)(std::vector<ServerPoint>& points)) {
  std::vector<ServerPoint> points = copy.plan.servers->points();
  change(points);
  copy.plan.servers = remade(ServerLookup::build(points));
}

void change_sources(Copy& copy, void (*change)(std::vector<Prefixes::Entry>& entries)) {
  std::vector<Prefixes::Entry> entries = copy.record("mail").sources->entries();
  change(entries);
  copy.record("mail").sources = remade(Prefixes::build(entries));
  copy.hot("mail").guard.sources = copy.record("mail").sources.get();
}

void change_ways(Copy& copy, void (*change)(std::vector<Prefixes::Entry>& entries)) {
  std::vector<Prefixes::Entry> entries = copy.plan.way_numbers->entries();
  change(entries);
  copy.plan.way_numbers = remade(Prefixes::build(entries));
}

using Entries = std::vector<Prefixes::Entry>;
using ServerPoints = std::vector<ServerPoint>;

// "web" is closed, and flows of "four-0" go on by the table that it had.
PlanSpec kept_spec() {
  PlanSpec spec = good_spec();
  spec.services[0].closed = Reason::no_backend;
  for (MemberSpec& member : spec.services[0].members) member.weight = 0;
  return spec;
}

const Corruption kKeptCorruptions[] = {
    {"buckets of another service",
     [](Copy& copy) { copy.hot("web").current = copy.table("mail").buckets.data(); }, "'web'",
     "not the one that was built"},
    {"more buckets than there are", [](Copy& copy) { copy.hot("web").buckets += 6; }, "'web'",
     "not the one that was built"},
    {"moved buckets that are hidden", [](Copy& copy) { copy.hot("web").previous = nullptr; },
     "'web'", "moved buckets are not"},
    {"another affinity", [](Copy& copy) { copy.hot("web").affinity = Affinity::sticky; }, "'web'",
     "told apart"},
    {"buckets of somebody who has left",
     [](Copy& copy) {
       const uint16_t slot = copy.slot("four-2");
       std::ranges::replace(copy.moved("web").previous, slot, kNoBackend);
       copy.plan.backend_records[slot].name.clear();
     },
     "'web'", "nobody who is there"},
    {"a bucket of a stranger",
     [](Copy& copy) { copy.table("web").buckets[7] = copy.slot("six-4"); }, "'web'",
     "backend of another service"},
    {"a previous backend of another family",
     [](Copy& copy) { copy.moved("web").previous[3] = copy.slot("six-4"); }, "'web'",
     "ready for the other IP version"},
    {"a drained member's packets go elsewhere",
     [](Copy& copy) {
       copy.plan.forwardings[copy.slot("four-0")] = copy.plan.forwardings[copy.slot("four-2")];
     },
     "'web'", "'four-0' do not become"},
};

const Corruption kGuardCorruptions[] = {
    {"a closed service with buckets", [](Copy& copy) { copy.hot("web").buckets = 251; }, "'web'",
     "closed, but has buckets"},
    {"a closed service with another's buckets",
     [](Copy& copy) { copy.hot("web").current = copy.table("mail").buckets.data(); }, "'web'",
     "not the one that was built"},
    {"a closed service with moved buckets",
     [](Copy& copy) { copy.hot("web").previous = copy.table("mail").buckets.data(); }, "'web'",
     "closed, but has buckets"},
    {"a closed service is open", [](Copy& copy) { copy.hot("web").guard.closed = Reason::none; },
     "'web'", "guard"},
    {"an open service is closed",
     [](Copy& copy) { copy.hot("mail").guard.closed = Reason::no_backend; }, "'mail'", "guard"},
    {"another mss", [](Copy& copy) { copy.hot("mail").guard.mss = 0; }, "'mail'", "guard"},
    {"no limit", [](Copy& copy) { copy.hot("mail").guard.new_flows_per_source = 0; }, "'mail'",
     "guard"},
    {"no lists", [](Copy& copy) { copy.hot("mail").guard.sources = nullptr; }, "'mail'", "guard"},
    {"no lists at all",
     [](Copy& copy) {
       copy.hot("mail").guard.sources = nullptr;
       copy.record("mail").sources = nullptr;
     },
     "'mail'", "guard"},
    {"lists of nobody",
     [](Copy& copy) { copy.hot("web6").guard.sources = copy.hot("mail").guard.sources; }, "'web6'",
     "guard"},
    {"others are let in", [](Copy& copy) { copy.hot("mail").guard.allows_others = true; }, "'mail'",
     "guard"},
    {"taken for plain", [](Copy& copy) { copy.hot("mail").is_plain = true; }, "'mail'", "plain"},
    {"not taken for plain", [](Copy& copy) { copy.hot("web6").is_plain = false; }, "'web6'",
     "plain"},
    {"an allowed prefix is missing",
     [](Copy& copy) {
       change_sources(copy, [](Entries& entries) { entries.erase(entries.begin()); });
     },
     "'mail'", "of 10.0.0.0/8"},
    {"a denied prefix is missing",
     [](Copy& copy) { change_sources(copy, [](Entries& entries) { entries.pop_back(); }); },
     "'mail'", "of 10.0.0.0/9"},
    {"an allowed prefix is denied",
     [](Copy& copy) { change_sources(copy, [](Entries& entries) { entries[1].value = 0; }); },
     "'mail'", "of 10.1.2.0/24"},
    {"a denied prefix is allowed",
     [](Copy& copy) { change_sources(copy, [](Entries& entries) { entries[2].value = 1; }); },
     "'mail'", "of 10.1.0.0/16"},

    // 6. Every port of a server leads back.
    {"replies lead nowhere",
     [](Copy& copy) { change_servers(copy, [](ServerPoints& points) { points.clear(); }); },
     "'mail'", "replies of 'four-3' do not lead to 192.0.2.2 port 25"},
    {"replies lead to another VIP",
     [](Copy& copy) {
       change_servers(copy,
                      [](ServerPoints& points) { points[0].vip.vip = address_of("192.0.2.1"); });
     },
     "'mail'", "replies of 'four-3'"},
    {"replies lead to another port",
     [](Copy& copy) {
       change_servers(copy, [](ServerPoints& points) { points[0].vip.vip_port = 26; });
     },
     "'mail'", "replies of 'four-3'"},
    {"replies keep their port",
     [](Copy& copy) {
       change_servers(copy, [](ServerPoints& points) { points[0].vip.vip_port = 0; });
     },
     "'mail'", "replies of 'four-3'"},

    {"a way less", [](Copy& copy) { copy.plan.ways.pop_back(); }, "", "missing"},
    {"another way", [](Copy& copy) { copy.plan.ways[1].vlan = 9; }, "", "the way to 0.0.0.0/"},
    {"a way to nowhere",
     [](Copy& copy) { change_ways(copy, [](Entries& entries) { entries.clear(); }); }, "",
     "the way to 0.0.0.0/0"},
    {"the narrower way is missing",
     [](Copy& copy) { change_ways(copy, [](Entries& entries) { entries.pop_back(); }); }, "",
     "the way to 0.0.0.0/"},
    {"ways exchanged",
     [](Copy& copy) {
       change_ways(copy, [](Entries& entries) { std::swap(entries[0].value, entries[1].value); });
     },
     "", "the way to 0.0.0.0/"},
};

void what_guards_and_leads_back_is_checked_too(void** /*state*/) {
  const PlanSpec open = good_spec();
  PlanSpec spec = guarded_spec();
  expect_refusals(spec, built_after(built(open), spec, kNow + 1), kGuardCorruptions);
}

void what_a_closed_service_keeps_is_checked(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  PlanSpec drained = good_spec();
  drained.services[0].members[0].weight = 0;
  const PlanPointer second = built_after(first, drained, kNow + 1);
  const PlanSpec spec = kept_spec();
  expect_refusals(spec, built_after(second, spec, kNow + 2), kKeptCorruptions);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_guards_and_leads_back_is_checked_too),
      cmocka_unit_test(what_a_closed_service_keeps_is_checked),
  };
  return cmocka_run_group_tests_name("exchange/verify_guards", tests, nullptr, nullptr);
}
