// Services that nobody can take at present, and backends whose next hop is not known: what they had
// is there again when that is over.
#include <string>

#include "firmware/exchange/build.h"
#include "firmware/table/slice.h"
#include "tests/cmocka.h"
#include "tests/exchange/specs.h"

namespace evenkeel {
namespace {

constexpr Tick kSoon = kNow + 10;
constexpr Tick kLater = kNow + 20;
constexpr Tick kLast = kNow + 30;

ServiceSpec& web(PlanSpec& spec) { return spec.services[0]; }

// All next hops of "web" are lost: its backends stay in the plan, without packets.
PlanSpec all_lost() {
  PlanSpec spec = good_spec();
  web(spec).closed = Reason::next_hop_unresolved;
  for (MemberSpec& member : web(spec).members) {
    member.weight = 0;
    BackendSpec& backend = spec.backends[member.backend];
    backend.is_alive = false;
    backend.forwarding.destination_mac = {};
    backend.forwarding.tunnel_source = {};
  }
  spec.services[1].members[0].weight = 0;
  return spec;
}

void expect_closed(const Plan& plan, Reason reason) {
  const uint16_t number = number_of(plan, "web");
  assert_int_equal(plan.lookup->find(address_of("192.0.2.1"), 6, 80), number);
  const Service& service = plan.services[number];
  assert_int_equal(service.guard.closed, reason);
  assert_false(service.is_plain);
  assert_null(service.current);
  assert_null(service.previous);
  assert_int_equal(service.buckets + service.previous_buckets, 0);
}

// Its flows go by the table that it had.
void expect_kept(const Plan& plan, const Plan& before) {
  const uint16_t number = number_of(plan, "web");
  const Service& service = plan.services[number];
  const ServiceRecord& record = plan.service_records[number];
  assert_int_equal(service.guard.closed, Reason::next_hop_unresolved);
  assert_false(service.is_plain);
  assert_ptr_equal(record.table.get(), record_of(before, "web").table.get());
  assert_ptr_equal(service.current, record.table->buckets.data());
  assert_int_equal(service.buckets, record.table->buckets.size());
  assert_ptr_equal(service.previous,
                   record.moves == nullptr ? nullptr : record.moves->previous.data());
}

struct Closing {
  const char* description;
  void (*close)(PlanSpec& spec);
  bool is_anybody_there;
};

const Closing kClosings[] = {
    {"no member", [](PlanSpec& spec) { web(spec).members.clear(); }, false},
    {"no weight",
     [](PlanSpec& spec) {
       for (MemberSpec& member : web(spec).members) member.weight = 0;
     },
     true},
    {"as it was", [](PlanSpec& /*spec*/) {}, true},
};

void a_closed_service_is_there_without_buckets(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  for (const Closing& row : kClosings) {
    for (const Reason reason : {Reason::no_backend, Reason::next_hop_unresolved}) {
      PlanSpec spec = good_spec();
      web(spec).closed = reason;
      row.close(spec);
      expect_closed(*built(spec), reason);
      const PlanPointer closed = built_after(first, spec, kSoon);
      const Service& service = closed->services[number_of(*closed, "web")];
      assert_int_equal(service.guard.closed, reason);
      assert_int_equal(service.current != nullptr, row.is_anybody_there);
      if (!row.is_anybody_there) expect_closed(*closed, reason);
      web(spec).closed = Reason::none;
      const bool is_good = build_plan(spec, secret_of(1), {.quiet_for = {}}, kNow).ok();
      assert_int_equal(is_good, !web(spec).members.empty() && web(spec).members[0].weight > 0);
    }
  }
}

void an_opened_service_is_as_it_was(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  const PlanPointer closed = built_after(first, all_lost(), kSoon);
  expect_closed(*closed, Reason::next_hop_unresolved);
  const PlanPointer still = built_after(closed, all_lost(), kLater);
  const PlanPointer open = built_after(still, good_spec(), kLast);
  assert_ptr_equal(record_of(*open, "web").table.get(), record_of(*first, "web").table.get());
  assert_null(record_of(*open, "web").moves.get());
  assert_int_equal(number_of(*open, "web"), number_of(*first, "web"));
  for (const char* const name : {"four-0", "four-1", "four-2"}) {
    const uint16_t slot = slot_of(*open, name);
    assert_int_equal(slot, slot_of(*first, name));
    assert_int_equal(open->lives[slot].born, kNow);
    assert_false(still->lives[slot].is_alive);
    assert_int_not_equal(open->home_of(slot, true, kLast, kLast - kNow), kNoBackend);
  }
  // The one that was not closed has moved meanwhile, as ever.
  assert_non_null(record_of(*open, "mail").moves.get());
  assert_int_equal(open->fingerprint, first->fingerprint);
  assert_int_not_equal(closed->fingerprint, first->fingerprint);
}

void moves_go_on_behind_closed_doors(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  PlanSpec changed = good_spec();
  web(changed).members[2].weight = 4;
  const PlanPointer second = built_after(first, changed, kNow + 1);
  PlanSpec lost = all_lost();
  const PlanPointer closed = built_after(second, lost, kSoon);
  assert_non_null(record_of(*closed, "web").moves.get());
  const PlanPointer open = built_after(closed, changed, kLater);
  assert_non_null(record_of(*open, "web").moves.get());
  assert_true(record_of(*open, "web").moves->previous == record_of(*second, "web").moves->previous);
  const PlanPointer much_later = built_after(closed, changed, kNow + 2 + kWindow);
  assert_null(record_of(*much_later, "web").moves.get());
}

// It opens with fewer: what they do not have is moved from where it was before it closed.
void an_opened_service_with_fewer_members_moves_only_theirs(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  const PlanPointer closed = built_after(first, all_lost(), kSoon);
  PlanSpec fewer = good_spec();
  web(fewer).members[1].weight = 0;
  const PlanPointer open = built_after(closed, fewer, kLater);
  const PlanPointer as_without_closing = built_after(first, fewer, kLater);
  const ServiceRecord& one = record_of(*open, "web");
  const ServiceRecord& other = record_of(*as_without_closing, "web");
  assert_int_equal(one.table->fingerprint, other.table->fingerprint);
  assert_true(one.moves->previous == other.moves->previous);
}

// The slot of a backend that left while the service was closed may be anybody's when it opens.
void what_was_a_leaver_s_is_forgotten(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  const uint16_t slot = slot_of(*first, "four-0");
  PlanSpec lost = all_lost();
  web(lost).members.clear();
  lost.backends[0] = backend_of(7);  // instead of four-0
  const PlanPointer closed = built_after(first, lost, kSoon);
  assert_null(record_of(*closed, "web").table.get());
  lost.backends.push_back(backend_of(8));
  const PlanPointer reused = built_after(closed, lost, kSoon + 1 + kWindow);
  assert_int_equal(slot_of(*reused, "four-8"), slot);

  PlanSpec back = good_spec();
  back.backends.push_back(backend_of(8));
  const PlanPointer open = built_after(reused, back, kSoon + 2 + kWindow);
  assert_null(record_of(*open, "web").moves.get());
  const BucketTable& before = *record_of(*first, "web").table;
  const BucketTable& after = *record_of(*open, "web").table;
  for (size_t i = 0; i < before.buckets.size(); ++i) {
    assert_string_equal(first->backend_records[before.buckets[i]].name.c_str(),
                        open->backend_records[after.buckets[i]].name.c_str());
  }
}

void a_drained_member_may_leave_a_closed_service(void** /*state*/) {
  PlanSpec spec = good_spec();
  spec.backends.push_back(backend_of(7));
  web(spec).members.push_back({6, 0});
  const PlanPointer first = built(spec);
  const PlanPointer closed = built_after(first, all_lost(), kSoon);
  const PlanPointer open = built_after(closed, good_spec(), kLater);
  assert_null(record_of(*open, "web").moves.get());
  assert_int_equal(record_of(*open, "web").table->fingerprint,
                   record_of(*first, "web").table->fingerprint);
}

// Its VIPs become another family's while it is closed: nothing of it can be the same.
void another_family_inherits_nothing(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  PlanSpec spec = good_spec();
  web(spec).closed = Reason::no_backend;
  web(spec).members.clear();
  web(spec).points = {point_of("2001:db8::7", 80, 80)};
  const PlanPointer closed = built_after(first, spec, kSoon);
  assert_null(record_of(*closed, "web").table.get());
  web(spec).closed = Reason::none;
  web(spec).members = {{4}, {5}};
  assert_null(record_of(*built_after(closed, spec, kLater), "web").moves.get());
  // And where it was closed before.
  PlanSpec same = good_spec();
  web(same).closed = Reason::no_backend;
  const PlanPointer kept = built_after(first, same, kSoon);
  assert_non_null(record_of(*kept, "web").table.get());
  assert_null(record_of(*built_after(kept, spec, kLater), "web").moves.get());
}

// four-0 is drained, and the others are lost: its flows are there.
PlanSpec all_lost_but_a_drained_one() {
  PlanSpec spec = all_lost();
  spec.backends[0] = backend_of(0);
  return spec;
}

void who_lives_and_is_drained_keeps_its_flows(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  PlanSpec drained = good_spec();
  web(drained).members[0].weight = 0;
  const PlanPointer second = built_after(first, drained, kNow + 1);
  const PlanPointer closed = built_after(second, all_lost_but_a_drained_one(), kSoon);
  expect_kept(*closed, *second);
  assert_non_null(closed->services[number_of(*closed, "web")].previous);
  const PlanPointer still = built_after(closed, all_lost_but_a_drained_one(), kLater);
  expect_kept(*still, *second);
  // Once it has gone as well, nobody has flows; when it is back, they are.
  const PlanPointer none = built_after(still, all_lost(), kLater + 1);
  expect_closed(*none, Reason::next_hop_unresolved);
  expect_kept(*built_after(none, all_lost_but_a_drained_one(), kLater + 2), *second);
  const PlanPointer open = built_after(still, drained, kLast);
  assert_true(record_of(*open, "web").moves->previous == record_of(*second, "web").moves->previous);
  assert_int_equal(open->fingerprint, second->fingerprint);
}

// It takes part of no settings any more, and its flows are there.
void who_lives_and_leaves_keeps_its_flows(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  PlanSpec spec = all_lost_but_a_drained_one();
  web(spec).members.erase(web(spec).members.begin());
  web(spec).leaving = {0};
  expect_kept(*built_after(first, spec, kSoon), *first);
  web(spec).leaving.clear();
  expect_closed(*built_after(first, spec, kSoon), Reason::next_hop_unresolved);
}

// Each packet is on its own, and nobody takes new ones.
void a_stateless_service_has_no_flows_to_keep(void** /*state*/) {
  PlanSpec spec = good_spec();
  web(spec).affinity = Affinity::stateless;
  const PlanPointer first = built(spec);
  PlanSpec lost = all_lost_but_a_drained_one();
  web(lost).affinity = Affinity::stateless;
  expect_closed(*built_after(first, lost, kSoon), Reason::next_hop_unresolved);
}

// After a restart nobody knows who had which flow.
void without_a_table_before_nobody_goes_on(void** /*state*/) {
  const PlanPointer first = built(all_lost_but_a_drained_one());
  expect_closed(*first, Reason::next_hop_unresolved);
  expect_closed(*built_after(first, all_lost_but_a_drained_one(), kSoon),
                Reason::next_hop_unresolved);
}

void both_arms_of_a_closed_service_go_on(void** /*state*/) {
  PlanSpec spec = good_spec();
  for (uint32_t i = 0; i < 3; ++i) {
    spec.backends.push_back(backend_of(i));
    spec.backends.back().arm = 1;
    web(spec).trial.members.push_back({.backend = 6 + i, .weight = 1});
  }
  web(spec).trial.share = kWholeSlice / 2;
  const PlanPointer first = built(spec);
  PlanSpec drained = spec;
  web(drained).trial = {};
  web(drained).leaving = {6, 7, 8};
  web(drained).closed = Reason::next_hop_unresolved;
  for (MemberSpec& member : web(drained).members) member.weight = 0;
  const PlanPointer closed = built_after(first, drained, kSoon);
  expect_kept(*closed, *first);
  assert_false(closed->services[number_of(*closed, "web")].is_tried);
}

void a_service_may_begin_closed(void** /*state*/) {
  const PlanPointer first = built(all_lost());
  assert_null(record_of(*first, "web").table.get());
  const PlanPointer second = built_after(first, all_lost(), kSoon);
  const PlanPointer open = built_after(second, good_spec(), kLater);
  assert_null(record_of(*open, "web").moves.get());
  assert_int_equal(record_of(*open, "web").table->fingerprint,
                   record_of(*built(good_spec()), "web").table->fingerprint);
}

// A lost next hop of one of many: out of the buckets, and back into them with the slot it had.
void a_backend_without_next_hop_keeps_its_slot(void** /*state*/) {
  for (const Mode mode : {Mode::ipip, Mode::l2_direct}) {
    PlanSpec spec = good_spec();
    spec.backends[1].forwarding.mode = mode;
    const PlanPointer first = built(spec);
    PlanSpec lost = spec;
    lost.backends[1].forwarding.destination_mac = {};
    lost.backends[1].forwarding.mtu = 0;
    lost.backends[1].is_alive = false;
    web(lost).members[1].weight = 0;
    lost.services[1].members[0].weight = 0;
    const PlanPointer second = built_after(first, lost, kSoon);
    const uint16_t slot = slot_of(*second, "four-1");
    assert_int_equal(slot, slot_of(*first, "four-1"));
    assert_int_equal(second->home_of(slot, true, kSoon, 0), kNoBackend);
    spec.backends[1].forwarding.destination_mac = {2, 0, 0, 0, 9, 9};  // from another card
    const PlanPointer third = built_after(second, spec, kLater);
    assert_int_equal(slot_of(*third, "four-1"), slot);
    assert_int_not_equal(third->home_of(slot, true, kLater, kLater - kNow), kNoBackend);
    assert_int_equal(third->fingerprint, first->fingerprint);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_closed_service_is_there_without_buckets),
      cmocka_unit_test(an_opened_service_is_as_it_was),
      cmocka_unit_test(moves_go_on_behind_closed_doors),
      cmocka_unit_test(an_opened_service_with_fewer_members_moves_only_theirs),
      cmocka_unit_test(what_was_a_leaver_s_is_forgotten),
      cmocka_unit_test(a_drained_member_may_leave_a_closed_service),
      cmocka_unit_test(another_family_inherits_nothing),
      cmocka_unit_test(who_lives_and_is_drained_keeps_its_flows),
      cmocka_unit_test(who_lives_and_leaves_keeps_its_flows),
      cmocka_unit_test(a_stateless_service_has_no_flows_to_keep),
      cmocka_unit_test(without_a_table_before_nobody_goes_on),
      cmocka_unit_test(both_arms_of_a_closed_service_go_on),
      cmocka_unit_test(a_service_may_begin_closed),
      cmocka_unit_test(a_backend_without_next_hop_keeps_its_slot),
  };
  return cmocka_run_group_tests_name("exchange/build_closed", tests, nullptr, nullptr);
}
