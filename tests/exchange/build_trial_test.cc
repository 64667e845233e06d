// Tables of two parts, and backends that leave.
#include <algorithm>
#include <map>
#include <string>

#include "firmware/exchange/build.h"
#include "firmware/exchange/verify.h"
#include "firmware/table/slice.h"
#include "tests/cmocka.h"
#include "tests/exchange/specs.h"

namespace evenkeel {
namespace {

constexpr uint32_t kBuckets = 65'537;
constexpr uint32_t kArm = 5;

// "web" alone: three backends, and on trial the first of them and a fourth.
PlanSpec trial_of(uint32_t share) {
  PlanSpec spec;
  for (uint32_t i = 0; i < 3; ++i) spec.backends.push_back(backend_of(i));
  for (const uint32_t number : {0U, 3U}) {
    spec.backends.push_back(backend_of(number));
    spec.backends.back().arm = kArm;
  }
  spec.services = {service_of("web", "192.0.2.1", 80, {{0}, {1}, {2}}, kBuckets)};
  spec.services[0].trial = {.members = {{3}, {4, 3}}, .share = share};
  return spec;
}

PlanSpec without_trial() {
  PlanSpec spec = trial_of(0);
  spec.services[0].trial = {};
  spec.backends.resize(3);
  return spec;
}

uint16_t slot_at(const BucketTable& table, size_t member) { return table.members[member].slot; }

void a_slice_is_the_trials_and_the_rest_is_as_before(void** /*state*/) {
  const PlanPointer before = built(without_trial());
  const PlanPointer plan = built_after(before, trial_of(1'000), kNow + 1);
  const BucketTable& old_table = *record_of(*before, "web").table;
  const BucketTable& table = *record_of(*plan, "web").table;
  assert_int_equal(table.trial_share, 1'000);
  std::map<uint16_t, uint32_t> counts;
  for (uint32_t i = 0; i < kBuckets; ++i) {
    const uint16_t slot = table.buckets[i];
    ++counts[slot];
    const bool is_tried =
        std::ranges::find(table.trial, slot, &TableMember::slot) != table.trial.end();
    assert_int_equal(is_tried, is_in_slice(i, 1'000));
    if (!is_tried) assert_int_equal(slot, old_table.buckets[i]);
  }
  // Of a tenth, a quarter and three quarters.
  assert_in_range(counts[table.trial[0].slot], 1'638 - 200, 1'638 + 200);
  assert_in_range(counts[table.trial[1].slot], 4'915 - 300, 4'915 + 300);
  assert_true(plan->has_arms);
  assert_false(before->has_arms);
}

// The same server has a slot of its own in each arm, so that its flows and its evidence are apart.
void both_arms_of_a_server_have_slots(void** /*state*/) {
  const PlanPointer plan = built(trial_of(1'000));
  const BucketTable& table = *record_of(*plan, "web").table;
  assert_int_not_equal(slot_at(table, 0), table.trial[0].slot);
  const BackendRecord& one = plan->backend_records[slot_at(table, 0)];
  const BackendRecord& other = plan->backend_records[table.trial[0].slot];
  assert_string_equal(one.name.c_str(), other.name.c_str());
  assert_true(one.identity != other.identity);
}

// What a flow that nobody remembers was on is where it stays.
void flows_of_the_slice_stay_where_they_were(void** /*state*/) {
  const PlanPointer before = built(without_trial());
  const PlanPointer plan = built_after(before, trial_of(1'000), kNow + 1);
  const ServiceRecord& record = record_of(*plan, "web");
  assert_non_null(record.moves.get());
  for (uint32_t i = 0; i < kBuckets; ++i) {
    const uint16_t expected =
        is_in_slice(i, 1'000) ? record_of(*before, "web").table->buckets[i] : kNoBackend;
    assert_int_equal(record.moves->previous[i], expected);
  }
}

void the_next_step_only_adds_to_the_slice(void** /*state*/) {
  const PlanPointer first = built(trial_of(100));
  const PlanPointer second = built_after(first, trial_of(5'000), kNow + 1);
  const BucketTable& small = *record_of(*first, "web").table;
  const BucketTable& large = *record_of(*second, "web").table;
  for (uint32_t i = 0; i < kBuckets; ++i) {
    if (is_in_slice(i, 100)) assert_int_equal(small.buckets[i], large.buckets[i]);
  }
}

void an_unchanged_trial_shares_its_table(void** /*state*/) {
  const PlanPointer first = built(trial_of(100));
  const PlanPointer second = built_after(first, trial_of(100), kNow + 1);
  assert_ptr_equal(record_of(*first, "web").table.get(), record_of(*second, "web").table.get());
}

// At the end the new arm is all there is.
PlanSpec after_trial() {
  PlanSpec spec = trial_of(0);
  ServiceSpec& web = spec.services[0];
  web.members = std::move(web.trial.members);
  web.trial = {};
  web.leaving = {0, 1, 2};
  return spec;
}

// Flows of a server that is in both arms go on by its new slot; those of one that has left, by its
// old one.
void flows_stay_on_their_servers_when_an_arm_leaves(void** /*state*/) {
  const PlanPointer before = built(without_trial());
  const PlanPointer trial = built_after(before, trial_of(5'000), kNow + 1);
  const PlanPointer plan = built_after(trial, after_trial(), kNow + 2);
  const BucketTable& old_table = *record_of(*before, "web").table;
  const ServiceRecord& record = record_of(*plan, "web");
  assert_int_equal(record.table->members.size(), 2);
  const auto name_of = [&](uint16_t slot) { return plan->backend_records[slot].name; };
  size_t moved = 0;
  for (uint32_t i = 0; i < kBuckets; ++i) {
    // Where a flow from before the trial is, of which nothing is remembered.
    const uint16_t previous = record.moves->previous[i];
    const uint16_t now = previous == kNoBackend ? record.table->buckets[i] : previous;
    assert_true(plan->lives[now].is_alive);
    assert_string_equal(name_of(now).c_str(), name_of(old_table.buckets[i]).c_str());
    moved += previous == kNoBackend ? 0 : 1;
  }
  // Where the first server's buckets are its own again, they are steady.
  assert_in_range(moved, kBuckets * 3 / 4, kBuckets * 9 / 10);

  // What is remembered of a flow on the first server's old slot.
  const uint16_t old_slot = slot_at(old_table, 0);
  assert_int_equal(plan->home_of(old_slot, true, kNow + 2, 0), record.table->members[0].slot);
  const uint16_t left = slot_at(old_table, 1);
  assert_int_equal(plan->home_of(left, true, kNow + 2, 0), left);
}

// The tried arm has left, and its flows are where they were.
void flows_stay_on_their_servers_when_a_trial_goes_back(void** /*state*/) {
  const PlanPointer before = built(without_trial());
  const PlanPointer trial = built_after(before, trial_of(5'000), kNow + 1);
  PlanSpec spec = trial_of(0);
  spec.services[0].trial = {};
  spec.services[0].leaving = {3, 4};
  const PlanPointer plan = built_after(trial, spec, kNow + 2);
  const BucketTable& tried = *record_of(*trial, "web").table;
  const BucketTable& table = *record_of(*plan, "web").table;
  assert_int_equal(plan->home_of(tried.trial[0].slot, true, kNow + 2, 0), table.members[0].slot);
  assert_int_equal(plan->home_of(tried.trial[1].slot, true, kNow + 2, 0), tried.trial[1].slot);
  for (uint32_t i = 0; i < kBuckets; ++i) {
    assert_int_equal(table.buckets[i], record_of(*before, "web").table->buckets[i]);
  }
}

void replies_of_who_is_tried_or_leaves_are_known(void** /*state*/) {
  PlanSpec spec = trial_of(1'000);
  for (BackendSpec& backend : spec.backends) {
    backend.forwarding.mode = Mode::nat;
    backend.forwarding.tunnel_source = {};
  }
  spec.backends.push_back(spec.backends[0]);
  spec.backends.back().name = "four-9";
  spec.backends.back().forwarding.destination = address_of("10.0.9.9");
  spec.services[0].leaving = {5};
  const PlanPointer plan = built(spec);
  const uint8_t tcp = static_cast<uint8_t>(Protocol::tcp);
  for (const BackendSpec& backend : spec.backends) {
    const VipOfServer* const found =
        plan->servers->find(backend.forwarding.destination, tcp, Big16(80));
    assert_non_null(found);
    assert_true(found->vip == address_of("192.0.2.1"));
  }
}

const struct {
  const char* description;
  void (*spoil)(PlanSpec& spec);
  const char* message;
} kRefused[] = {
    {"a tried backend that is dead", [](PlanSpec& spec) { spec.backends[3].is_alive = false; },
     "is not alive"},
    {"of the other family", [](PlanSpec& spec) { spec.backends[4].forwarding.inner_is_v4 = false; },
     "is ready for the other IP version"},
    {"no such backend", [](PlanSpec& spec) { spec.services[0].trial.members[0].backend = 99; },
     "names backend number 99 of 5"},
    {"in both arms by one slot",
     [](PlanSpec& spec) { spec.services[0].trial.members[0].backend = 0; }, "is its member twice"},
    {"nobody takes flows",
     [](PlanSpec& spec) {
       for (MemberSpec& member : spec.services[0].trial.members) member.weight = 0;
     },
     "in the trial"},
    {"who leaves does not exist", [](PlanSpec& spec) { spec.services[0].leaving = {77}; },
     "names backend number 77 of 5"},
};

void bad_trials_are_refused(void** /*state*/) {
  for (const auto& row : kRefused) {
    PlanSpec spec = trial_of(1'000);
    row.spoil(spec);
    const auto plan = build_plan(spec, secret_of(1), {}, kNow);
    if (plan.ok() || plan.message().find(row.message) == std::string::npos) {
      fail_msg("%s: %s", row.description, plan.ok() ? "taken" : plan.message().c_str());
    }
  }
}

// The verifier finds by itself what the builder would have got wrong.
void a_spoilt_table_is_found(void** /*state*/) {
  const PlanSpec spec = trial_of(1'000);
  const struct {
    const char* description;
    void (*spoil)(BucketTable& table);
  } cases[] = {
      {"a bucket of the other part",
       [](BucketTable& table) {
         uint32_t i = 0;
         while (!is_in_slice(i, 1'000)) ++i;
         table.buckets[i] = table.members[0].slot;
       }},
      {"one takes all of its part",
       [](BucketTable& table) {
         for (uint32_t i = 0; i < kBuckets; ++i) {
           if (is_in_slice(i, 1'000)) table.buckets[i] = table.trial[0].slot;
         }
       }},
      {"another share", [](BucketTable& table) { table.trial_share = 2'000; }},
      {"a member is missing", [](BucketTable& table) { table.trial.pop_back(); }},
  };
  for (const auto& row : cases) {
    const PlanPointer plan = built(spec);
    assert_true(verify_plan(*plan, spec, nullptr).ok());
    row.spoil(const_cast<BucketTable&>(*record_of(*plan, "web").table));  // NOLINT
    if (verify_plan(*plan, spec, nullptr).ok()) fail_msg("%s", row.description);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_slice_is_the_trials_and_the_rest_is_as_before),
      cmocka_unit_test(both_arms_of_a_server_have_slots),
      cmocka_unit_test(flows_of_the_slice_stay_where_they_were),
      cmocka_unit_test(the_next_step_only_adds_to_the_slice),
      cmocka_unit_test(an_unchanged_trial_shares_its_table),
      cmocka_unit_test(flows_stay_on_their_servers_when_an_arm_leaves),
      cmocka_unit_test(flows_stay_on_their_servers_when_a_trial_goes_back),
      cmocka_unit_test(replies_of_who_is_tried_or_leaves_are_known),
      cmocka_unit_test(bad_trials_are_refused),
      cmocka_unit_test(a_spoilt_table_is_found),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
