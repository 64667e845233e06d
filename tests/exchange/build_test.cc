#include "firmware/exchange/build.h"

#include <algorithm>
#include <set>
#include <string>

#include "tests/cmocka.h"
#include "tests/exchange/specs.h"

namespace evenkeel {
namespace {

bool has_bucket_of(const BucketTable& table, uint16_t slot) {
  return std::find(table.buckets.data(), table.buckets.data() + table.buckets.size(), slot) !=
         table.buckets.data() + table.buckets.size();
}

// --- Sharing -------------------------------------------------------------------------------------

struct Sharing {
  const char* description;
  void (*change)(PlanSpec& spec);
  bool web;  // whether the table of that service stays
  bool mail;
  bool web6;
  bool lookup;
};

const Sharing kSharings[] = {
    {"nothing", [](PlanSpec& /*spec*/) {}, true, true, true, true},
    {"generation", [](PlanSpec& spec) { ++spec.generation; }, true, true, true, true},
    {"a weight", [](PlanSpec& spec) { spec.services[1].members[1].weight = 2; }, true, false, true,
     true},
    {"a table's size", [](PlanSpec& spec) { spec.services[2].buckets = 257; }, true, true, false,
     true},
    {"a member less", [](PlanSpec& spec) { spec.services[0].members.pop_back(); }, false, true,
     true, true},
    {"a backend of two services at another address",
     [](PlanSpec& spec) { spec.backends[1].forwarding.destination = address_of("10.9.9.9"); },
     false, false, true, true},
    {"next hop, VLAN and tunnel of a backend",
     [](PlanSpec& spec) {
       spec.backends[1].forwarding.destination_mac = {2, 9, 9, 9, 9, 9};
       spec.backends[1].forwarding.vlan = 9;
       spec.backends[1].forwarding.tunnel_source = address_of("172.16.9.9");
     },
     true, true, true, true},
    {"order of backends",
     [](PlanSpec& spec) {
       std::swap(spec.backends[0], spec.backends[3]);
       spec.services[0].members[0].backend = 3;
       spec.services[1].members[1].backend = 0;
     },
     true, true, true, true},
    {"affinity and hash",
     [](PlanSpec& spec) {
       spec.services[0].affinity = Affinity::sticky;
       spec.services[0].hash_over = HashOver::source;
     },
     true, true, true, true},
    {"a VIP", [](PlanSpec& spec) { spec.services[0].points[0].address = address_of("192.0.2.9"); },
     true, true, true, false},
    {"a port", [](PlanSpec& spec) { ++spec.services[2].points[0].last_port; }, true, true, true,
     false},
    {"one service more",
     [](PlanSpec& spec) { spec.services.push_back(service_of("dns", "192.0.2.3", 53, {{0}})); },
     true, true, true, false},
};

void what_did_not_change_is_shared(void** /*state*/) {
  const PlanPointer before = built(good_spec());
  for (const Sharing& row : kSharings) {
    PlanSpec spec = good_spec();
    row.change(spec);
    const PlanPointer after = built_after(before, spec, kNow + 1);
    for (const auto& [name, stays] :
         {std::pair("web", row.web), std::pair("mail", row.mail), std::pair("web6", row.web6)}) {
      const bool is_same = record_of(*before, name).table == record_of(*after, name).table;
      if (is_same != stays) fail_msg("%s: %s %d", row.description, name, is_same);
    }
    const bool is_same = before->lookup == after->lookup;
    if (is_same != row.lookup) fail_msg("%s: lookup %d", row.description, is_same);
  }
}

void hot_and_cold_agree(void** /*state*/) {
  PlanSpec spec = good_spec();
  spec.generation = 7;
  spec.services[0].affinity = Affinity::sticky;
  spec.services[0].hash_over = HashOver::source_destination;
  const PlanPointer plan = built(spec);
  assert_int_equal(plan->generation, 7);
  const uint16_t number = number_of(*plan, "web");
  const Service& service = plan->services[number];
  assert_int_equal(service.affinity, Affinity::sticky);
  assert_int_equal(service.hash_over, HashOver::source_destination);
  assert_int_equal(service.buckets, kMinBuckets);
  assert_null(service.previous);
  for (uint64_t hash = 0; hash < 1'000; ++hash) {
    const Bucket bucket = plan->bucket(number, hash << 54);
    assert_false(bucket.moved());
    assert_true(bucket.current == slot_of(*plan, "four-0") ||
                bucket.current == slot_of(*plan, "four-1") ||
                bucket.current == slot_of(*plan, "four-2"));
  }
  const uint16_t slot = slot_of(*plan, "six-4");
  assert_true(plan->lives[slot].is_alive);
  assert_false(plan->lives[slot].inner_is_v4);
  assert_false(plan->forwardings[slot].inner_is_v4);
  assert_int_equal(plan->lookup->find(address_of("2001:db8::1"), 6, 80), number_of(*plan, "web6"));
}

// The neighbour of a backend is found again: the plan after has its new front.
void a_shared_table_leads_to_the_new_forwarding(void** /*state*/) {
  const PlanPointer before = built(good_spec());
  PlanSpec spec = good_spec();
  spec.backends[1].forwarding.destination_mac = {2, 9, 9, 9, 9, 9};
  const PlanPointer after = built_after(before, spec, kNow + 1);
  const uint16_t slot = slot_of(*before, "four-1");
  assert_int_equal(slot_of(*after, "four-1"), slot);
  const auto mac_of = [&](const Plan& plan) {
    const Forwarding& way = plan.forwardings[slot];
    return load<Mac>(way.header.data() + way.header_end() - way.header_length);
  };
  assert_true(mac_of(*before) == good_spec().backends[1].forwarding.destination_mac);
  assert_true(mac_of(*after) == spec.backends[1].forwarding.destination_mac);
}

// --- Slots ---------------------------------------------------------------------------------------

struct Identity {
  const char* description;
  void (*change)(BackendSpec& backend);
  bool is_same;
};

const Identity kIdentities[] = {
    {"name", [](BackendSpec& backend) { backend.name = "other"; }, false},
    {"arm", [](BackendSpec& backend) { backend.arm = 1; }, false},
    {"address",
     [](BackendSpec& backend) { backend.forwarding.destination = address_of("10.9.9.9"); }, false},
    {"port", [](BackendSpec& backend) { backend.forwarding.destination_port = 8080; }, false},
    {"health", [](BackendSpec& backend) { backend.is_alive = false; }, true},
    {"mode",
     [](BackendSpec& backend) {
       backend.forwarding.mode = Mode::l3_direct;
       backend.forwarding.dscp = 1;
     },
     true},
    {"next hop",
     [](BackendSpec& backend) { backend.forwarding.destination_mac = {2, 9, 9, 9, 9, 9}; }, true},
    {"mtu", [](BackendSpec& backend) { backend.forwarding.mtu = 1400; }, true},
    {"becomes a neighbour", [](BackendSpec& backend) { backend.forwarding.mode = Mode::l2_direct; },
     true},
    {"a neighbour's address",
     [](BackendSpec& backend) {
       backend.forwarding.mode = Mode::l2_direct;
       backend.forwarding.destination = {};
     },
     false},
};

void a_slot_belongs_to_an_identity(void** /*state*/) {
  PlanSpec spec = good_spec();
  spec.backends.push_back(backend_of(9));  // of no service
  const PlanPointer before = built(spec);
  const uint16_t slot = slot_of(*before, "four-9");
  for (const Identity& row : kIdentities) {
    PlanSpec changed = spec;
    row.change(changed.backends.back());
    const PlanPointer after = built_after(before, changed, kNow + 1);
    const bool is_same = slot_of(*after, changed.backends.back().name) == slot;
    if (is_same != row.is_same) fail_msg("%s", row.description);
    if (is_same) {
      assert_int_equal(after->lives[slot].born, kNow);
    } else {
      assert_false(after->lives[slot].is_alive);
      assert_true(after->backend_records[slot].name.empty());
      assert_int_equal(after->backend_records[slot].left, kNow + 1);
      assert_int_equal(after->lives[slot_of(*after, changed.backends.back().name)].born, kNow + 1);
    }
  }
}

void a_neighbour_without_address_is_known_by_its_mac(void** /*state*/) {
  PlanSpec spec = good_spec();
  spec.backends[0].forwarding.mode = Mode::l2_direct;
  spec.backends[0].forwarding.destination = {};
  const PlanPointer before = built(spec);
  spec.backends[0].forwarding.destination_mac = {2, 9, 9, 9, 9, 9};
  const PlanPointer after = built_after(before, spec, kNow + 1);
  assert_int_not_equal(slot_of(*after, "four-0"), slot_of(*before, "four-0"));
}

void slots_are_kept_over_many_plans(void** /*state*/) {
  PlanPointer plan = built(good_spec());
  const uint16_t slot = slot_of(*plan, "four-3");
  for (Tick i = 1; i <= 200; ++i) {
    PlanSpec spec = good_spec();
    // Others come, go and change places all the time.
    for (uint32_t k = 0; k < i % 7; ++k) spec.backends.push_back(backend_of(100 + (i * k) % 50));
    std::rotate(spec.backends.begin() + 6, spec.backends.begin() + 6 + i % (i % 7 + 1),
                spec.backends.end());
    std::set<std::string> seen;
    std::erase_if(spec.backends,
                  [&](const BackendSpec& backend) { return !seen.insert(backend.name).second; });
    const PlanPointer next = built_after(plan, spec, kNow + i * 100);
    for (const BackendSpec& backend : spec.backends) {
      const uint16_t now = slot_of(*next, backend.name);
      assert_int_not_equal(now, kNoBackend);
      const uint16_t then = slot_of(*plan, backend.name);
      if (then != kNoBackend) assert_int_equal(now, then);
    }
    plan = next;
    assert_int_equal(slot_of(*plan, "four-3"), slot);
    assert_int_equal(plan->lives[slot].born, kNow);
  }
  // A leaver rests for a window of ten plans, and at most five come per plan.
  assert_true(plan->backend_records.size() < 100);
}

PlanSpec without_backend_3() {
  PlanSpec spec = good_spec();
  spec.services[1].members = {{1}};
  spec.backends[3] = spec.backends[5];
  spec.backends.pop_back();
  spec.services[2].members = {{4}, {3}};
  return spec;
}

void the_slot_of_a_leaver_rests_for_a_window(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  const uint16_t slot = slot_of(*first, "four-3");
  const PlanPointer left = built_after(first, without_backend_3(), kNow + 10);
  PlanSpec spec = without_backend_3();
  spec.backends.push_back(backend_of(7));
  const struct {
    const char* description;
    Tick now;
    Tick settled;
    bool is_reused;
  } rests[] = {
      {"at once", kNow + 10, kNow + 9, false},
      {"after a window", kNow + 10 + kWindow, kNow + 11, false},
      {"after more than a window", kNow + 11 + kWindow, kNow + 11, true},
      {"after a window in which a worker hung", kNow + 11 + kWindow, kNow + 11 + kWindow, false},
  };
  for (const auto& row : rests) {
    const PlanPointer plan = built(
        spec, {.plan = left.get(), .settled = row.settled, .window = kWindow, .quiet_for = {}},
        row.now);
    if ((slot_of(*plan, "four-7") == slot) != row.is_reused) fail_msg("%s", row.description);
    if (row.is_reused) {
      assert_int_equal(plan->lives[slot].born, row.now);
      assert_true(plan->lives[slot].is_alive);
      assert_int_equal(plan->backend_records[slot].left, 0);
    }
  }
}

void a_slot_is_not_given_away_in_the_plan_that_takes_it(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  PlanSpec spec = without_backend_3();
  spec.backends.push_back(backend_of(7));
  const PlanPointer plan = built(
      spec, {.plan = first.get(), .settled = 0, .window = 0, .quiet_for = {}}, kNow + kWindow * 9);
  assert_int_not_equal(slot_of(*plan, "four-7"), slot_of(*first, "four-3"));
}

void who_comes_back_is_somebody_new(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  const PlanPointer left = built_after(first, without_backend_3(), kNow + 10);
  const PlanPointer back = built_after(left, good_spec(), kNow + 20);
  const uint16_t slot = slot_of(*back, "four-3");
  assert_int_not_equal(slot, slot_of(*first, "four-3"));
  assert_int_equal(back->lives[slot].born, kNow + 20);
  assert_true(has_bucket_of(*record_of(*back, "mail").table, slot));
}

// --- Service numbers -----------------------------------------------------------------------------

void a_service_keeps_its_number(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  PlanSpec spec = good_spec();
  std::swap(spec.services[0], spec.services[2]);
  spec.services.erase(spec.services.begin() + 1);  // mail
  const PlanPointer second = built_after(first, spec, kNow + 1);
  assert_int_equal(number_of(*second, "web"), number_of(*first, "web"));
  assert_int_equal(number_of(*second, "web6"), number_of(*first, "web6"));
  assert_int_equal(number_of(*second, "mail"), kNoService);
  assert_int_equal(second->lookup->find(address_of("192.0.2.2"), 6, 25), kNoService);

  spec.services.push_back(service_of("dns", "192.0.2.3", 53, {{0}}));
  spec.services.push_back(service_of("ntp", "192.0.2.3", 123, {{0}}));
  const PlanPointer third = built_after(second, spec, kNow + 2);
  assert_int_equal(number_of(*third, "dns"), number_of(*first, "mail"));
  assert_int_equal(number_of(*third, "ntp"), 3);
  assert_int_equal(third->lookup->find(address_of("192.0.2.3"), 6, 123), 3);
}

// A number that another service had until now: nothing of that one is left.
void a_reused_number_inherits_nothing(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  PlanSpec spec = good_spec();
  spec.services[1] = service_of("dns", "192.0.2.3", 53, {{0}});
  const PlanPointer second = built_after(first, spec, kNow + 1);
  assert_int_equal(number_of(*second, "dns"), number_of(*first, "mail"));
  assert_null(record_of(*second, "dns").moves.get());
  assert_null(second->services[number_of(*second, "dns")].previous);

  // Not even of another family, whose packets the former backends could not be sent.
  spec.services[1] = service_of("dns6", "2001:db8::3", 53, {{4}});
  const PlanPointer third = built_after(second, spec, kNow + 2);
  assert_int_equal(number_of(*third, "dns6"), number_of(*first, "mail"));
  assert_null(record_of(*third, "dns6").moves.get());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_did_not_change_is_shared),
      cmocka_unit_test(hot_and_cold_agree),
      cmocka_unit_test(a_shared_table_leads_to_the_new_forwarding),
      cmocka_unit_test(a_slot_belongs_to_an_identity),
      cmocka_unit_test(a_neighbour_without_address_is_known_by_its_mac),
      cmocka_unit_test(slots_are_kept_over_many_plans),
      cmocka_unit_test(the_slot_of_a_leaver_rests_for_a_window),
      cmocka_unit_test(a_slot_is_not_given_away_in_the_plan_that_takes_it),
      cmocka_unit_test(who_comes_back_is_somebody_new),
      cmocka_unit_test(a_service_keeps_its_number),
      cmocka_unit_test(a_reused_number_inherits_nothing),
  };
  return cmocka_run_group_tests_name("exchange/build", tests, nullptr, nullptr);
}
