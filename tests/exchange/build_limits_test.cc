// The most of everything is built; one more is refused by name.
#include <string>

#include "firmware/exchange/build.h"
#include "tests/cmocka.h"
#include "tests/exchange/specs.h"

namespace evenkeel {
namespace {

bool is_refused(const PlanSpec& spec, const char* words, const Plan* before = nullptr,
                Tick now = kNow, Tick settled = 0) {
  const Result<PlanPointer> result =
      build_plan(spec, secret_of(1),
                 {.plan = before, .settled = settled, .window = kWindow, .quiet_for = {}}, now);
  if (!result.ok() && result.message().find(words) == std::string::npos) {
    print_error("%s\n", result.message().c_str());
    return false;
  }
  return !result.ok();
}

PlanSpec with_backends(uint32_t first, uint32_t count) {
  PlanSpec spec;
  for (uint32_t i = 0; i < count; ++i) spec.backends.push_back(backend_of(first + i));
  spec.services = {service_of("web", "192.0.2.1", 80, {{0}, {count - 1}})};
  return spec;
}

void as_many_backends_as_slots(void** /*state*/) {
  PlanSpec spec = with_backends(0, kMaxBackends);
  const PlanPointer plan = built(spec);
  assert_int_equal(plan->backend_records.size(), kMaxBackends);
  assert_int_not_equal(slot_of(*plan, "four-65534"), kNoBackend);
  assert_int_equal(plan->bucket(0, 0).moved(), false);
  spec.backends.push_back(backend_of(kMaxBackends));
  assert_true(is_refused(spec, "65536 backends; a plan has at most 65535"));
}

// With no slot to spare, one that is free is given away as soon as workers have forgotten it.
void full_slots_are_reused_at_once_but_safely(void** /*state*/) {
  const PlanPointer full = built(with_backends(0, kMaxBackends));
  const PlanSpec replaced = with_backends(1, kMaxBackends);
  assert_true(is_refused(replaced, "'four-65535'", full.get(), kNow + 1));
  assert_true(is_refused(replaced, "remove other backends first", full.get(), kNow + 9 * kWindow));

  const PlanPointer fewer = built_after(full, with_backends(2, kMaxBackends - 2), kNow + 1);
  // Workers moved on in this very tick: what they remember of the leavers looks as young as what
  // they would remember of the newcomers.
  assert_true(is_refused(replaced, "'four-1'", fewer.get(), kNow + 1, kNow + 1));
  const PlanPointer later = built(
      replaced, {.plan = fewer.get(), .settled = kNow + 1, .window = kWindow, .quiet_for = {}},
      kNow + 2);
  assert_int_equal(later->backend_records.size(), kMaxBackends);
  for (const char* const name : {"four-1", "four-65535"}) {
    const uint16_t slot = slot_of(*later, name);
    assert_true(slot == slot_of(*full, "four-0") || slot == slot_of(*full, "four-1"));
    assert_int_equal(later->lives[slot].born, kNow + 2);
    assert_int_equal(later->home_of(slot, true, kNow + 3, 2), kNoBackend);
    assert_int_not_equal(later->home_of(slot, true, kNow + 3, 1), kNoBackend);
  }
}

void as_many_services_as_numbers(void** /*state*/) {
  PlanSpec spec = with_backends(0, 3);
  spec.services.clear();
  for (uint32_t i = 0; i < kMaxServices; ++i) {
    spec.services.push_back(service_of("service-" + std::to_string(i), "192.0.2.1",
                                       static_cast<uint16_t>(i + 1), {{i % 3}, {(i + 1) % 3}}));
  }
  const PlanPointer plan = built(spec);
  assert_int_equal(plan->services.size(), kMaxServices);
  assert_int_equal(plan->lookup->find(address_of("192.0.2.1"), 6, kMaxServices), kMaxServices - 1);
  spec.services.push_back(service_of("one more", "192.0.2.2", 1, {{0}}));
  assert_true(is_refused(spec, "4097 services; a plan has at most 4096"));
  assert_true(is_refused(spec, "4097 services", plan.get(), kNow + 1));
  // All others in place of them: their numbers are free at once.
  spec.services.erase(spec.services.begin());
  for (ServiceSpec& service : spec.services) service.name += " anew";
  const PlanPointer others = built_after(plan, spec, kNow + 1);
  assert_int_equal(others->services.size(), kMaxServices);
  for (const ServiceRecord& record : others->service_records) assert_null(record.moves.get());
}

void as_many_members_as_a_service_may_have(void** /*state*/) {
  PlanSpec spec = with_backends(0, kMaxBackendsPerService + 1);
  spec.services[0].buckets = 409'609;  // a hundred each, and prime
  spec.services[0].members.clear();
  for (uint32_t i = 0; i < kMaxBackendsPerService; ++i) spec.services[0].members.push_back({i});
  built(spec);
  spec.services[0].members.push_back({kMaxBackendsPerService, 0});
  assert_true(is_refused(spec, "'web': 4097 backends; a service has at most 4096"));
}

void extremes_of_a_table(void** /*state*/) {
  PlanSpec spec = with_backends(0, kMinBuckets + 1);
  spec.services[0].members.clear();
  for (uint32_t i = 0; i < kMinBuckets; ++i) spec.services[0].members.push_back({i});
  built(spec);
  // Weights as far apart as can be.
  spec.services[0].members[7].weight = UINT32_MAX;
  built(spec);
  for (MemberSpec& member : spec.services[0].members) member.weight = UINT32_MAX;
  built(spec);
  spec.services[0].members.push_back({kMinBuckets});
  assert_true(is_refused(spec, "'web': 252 members need a table of at least 257 buckets"));
  spec.services[0].members.back().weight = 0;
  built(spec);
  spec.services[0].buckets = kMaxBuckets;
  built(spec);
}

void a_sample_is_every_flow_or_as_few_as_are_told_apart(void** /*state*/) {
  PlanSpec spec = good_spec();
  assert_int_equal(built(spec)->sample_shift, Handshakes::kSampleShift);
  for (const uint8_t shift : {uint8_t{0}, Handshakes::kSampleBits}) {
    spec.sample_shift = shift;
    assert_int_equal(built(spec)->sample_shift, shift);
  }
  spec.sample_shift = Handshakes::kSampleBits + 1;
  assert_true(is_refused(spec, "a sample of one of 2^9 flows; follow at least one of 2^8"));
}

void a_trial_is_in_one_of_its_steps(void** /*state*/) {
  PlanSpec spec = good_spec();
  assert_true(built(spec)->trial == Turns::Trial{});
  spec.trial = {.since = 7, .step = 2, .steps = 3};
  assert_true(built(spec)->trial == spec.trial);
  spec.trial.step = 3;
  assert_true(is_refused(spec, "step 3 of a trial of 3 steps; they are counted from 0"));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(as_many_backends_as_slots),
      cmocka_unit_test(full_slots_are_reused_at_once_but_safely),
      cmocka_unit_test(as_many_services_as_numbers),
      cmocka_unit_test(as_many_members_as_a_service_may_have),
      cmocka_unit_test(extremes_of_a_table),
      cmocka_unit_test(a_sample_is_every_flow_or_as_few_as_are_told_apart),
      cmocka_unit_test(a_trial_is_in_one_of_its_steps),
  };
  return cmocka_run_group_tests_name("exchange/build_limits", tests, nullptr, nullptr);
}
