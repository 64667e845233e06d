// Buckets that change hands from one plan to the next, and settle.
#include <array>
#include <set>
#include <string>

#include "firmware/exchange/build.h"
#include "firmware/exchange/verify.h"
#include "tests/cmocka.h"
#include "tests/exchange/specs.h"

namespace evenkeel {
namespace {

PlanPointer built_when_quiet(const PlanPointer& before, const PlanSpec& spec, Tick now,
                             Tick quiet_for) {
  return built(spec,
               {.plan = before.get(),
                .settled = now - 1,
                .window = kWindow,
                .quiet_for = [=](uint16_t, uint32_t) { return quiet_for; }},
               now);
}

uint16_t current(const Plan& plan, const char* service, size_t bucket) {
  return record_of(plan, service).table->buckets[bucket];
}
// kNoBackend: has not moved.
uint16_t previous(const Plan& plan, const char* service, size_t bucket) {
  const ServiceRecord& record = record_of(plan, service);
  return record.moves == nullptr ? kNoBackend : record.moves->previous[bucket];
}

PlanSpec with_weights(std::array<uint32_t, 3> weights) {
  PlanSpec spec = good_spec();
  for (size_t i = 0; i < 3; ++i) spec.services[0].members[i].weight = weights[i];
  return spec;
}

void moved_buckets_remember_where_they_were(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  const PlanPointer second = built_after(first, with_weights({1, 1, 4}), kNow + 1);
  size_t moved = 0;
  for (size_t i = 0; i < kMinBuckets; ++i) {
    const bool is_moved = current(*first, "web", i) != current(*second, "web", i);
    assert_int_equal(previous(*second, "web", i),
                     is_moved ? current(*first, "web", i) : kNoBackend);
    moved += is_moved ? 1 : 0;
  }
  // From a third to two thirds of all buckets, and little more than that.
  assert_in_range(moved, 83, 83 + 12);
  const Service& service = second->services[number_of(*second, "web")];
  assert_ptr_equal(service.previous, record_of(*second, "web").moves->previous.data());
  assert_int_equal(service.previous_buckets, kMinBuckets);
  assert_null(record_of(*second, "mail").moves.get());
}

void the_window_ends_when_nothing_deviates(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  const PlanSpec changed = with_weights({1, 1, 4});
  const PlanPointer second = built_after(first, changed, kNow);
  const struct {
    const char* description;
    Tick now;
    Tick quiet_for;
    bool is_over;
  } cases[] = {
      {"at once", kNow, ~Tick{0}, false},
      {"after a window", kNow + kWindow, ~Tick{0}, false},
      {"a tick later", kNow + kWindow + 1, ~Tick{0}, true},
      {"quiet for a window", kNow + 9 * kWindow, kWindow, false},
      {"quiet for a tick more", kNow + 9 * kWindow, kWindow + 1, true},
      {"not quiet", kNow + 9 * kWindow, 0, false},
  };
  for (const auto& row : cases) {
    const PlanPointer third = built_when_quiet(second, changed, row.now, row.quiet_for);
    if ((record_of(*third, "web").moves == nullptr) != row.is_over) fail_msg("%s", row.description);
    assert_ptr_equal(record_of(*third, "web").table.get(), record_of(*second, "web").table.get());
  }
}

// Only the groups that are quiet settle; the service is asked for by its own number.
void a_busy_group_stays_moved_alone(void** /*state*/) {
  PlanSpec changed = good_spec();
  std::swap(changed.services[0], changed.services[2]);  // so that its number is not 0
  const PlanPointer first = built(changed);
  changed.services[2].members[2].weight = 4;
  const PlanPointer second = built_after(first, changed, kNow);
  size_t bucket = 0;
  while (previous(*second, "web", bucket) == kNoBackend) ++bucket;
  const auto busy =
      static_cast<uint32_t>((bucket * kBucketGroups + kBucketGroups / 2) / kMinBuckets);
  const uint16_t number = number_of(*second, "web");
  assert_int_equal(number, 2);
  const PlanPointer third = built(changed,
                                  {.plan = second.get(),
                                   .settled = kNow + 1,
                                   .window = kWindow,
                                   .quiet_for =
                                       [&](uint16_t service, uint32_t group) {
                                         return service == number && group == busy ? 5 : ~Tick{0};
                                       }},
                                  kNow + 2 * kWindow);
  for (size_t i = 0; i < kMinBuckets; ++i) {
    assert_int_equal(previous(*third, "web", i),
                     i == bucket ? previous(*second, "web", i) : kNoBackend);
  }
}

void a_second_move_keeps_the_first_previous(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  const PlanPointer second = built_after(first, with_weights({1, 1, 4}), kNow + 1);
  const PlanPointer third = built_after(second, with_weights({4, 1, 1}), kNow + 2);
  for (size_t i = 0; i < kMinBuckets; ++i) {
    const uint16_t then = current(*first, "web", i);
    const bool ever_moved = then != current(*second, "web", i) ||
                            current(*second, "web", i) != current(*third, "web", i);
    assert_int_equal(previous(*third, "web", i), ever_moved ? then : kNoBackend);
  }
  // Back again: those that began between the moves may be elsewhere, so the buckets stay moved.
  const PlanPointer fourth = built_after(third, good_spec(), kNow + 3);
  for (size_t i = 0; i < kMinBuckets; ++i) {
    assert_int_equal(current(*fourth, "web", i), current(*first, "web", i));
    assert_int_equal(previous(*fourth, "web", i), previous(*third, "web", i));
  }
}

void a_drained_backend_keeps_its_flows(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  const PlanPointer second = built_after(first, with_weights({1, 1, 0}), kNow + 1);
  const uint16_t drained = slot_of(*second, "four-2");
  assert_true(second->lives[drained].is_alive);
  for (size_t i = 0; i < kMinBuckets; ++i) {
    assert_int_not_equal(current(*second, "web", i), drained);
    if (current(*first, "web", i) == drained) {
      assert_int_equal(previous(*second, "web", i), drained);
    }
  }
}

void a_failed_backend_keeps_nothing_but_its_slot(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  PlanSpec spec = with_weights({1, 1, 0});
  spec.backends[2].is_alive = false;
  const PlanPointer second = built_after(first, spec, kNow + 1);
  const uint16_t failed = slot_of(*second, "four-2");
  assert_int_equal(failed, slot_of(*first, "four-2"));
  assert_int_equal(second->home_of(failed, true, kNow + 1, 0), kNoBackend);

  // Healthy again within the window: its flows are still its own.
  const PlanPointer third = built_after(second, good_spec(), kNow + 2);
  assert_int_not_equal(third->home_of(failed, true, kNow + 2, 2), kNoBackend);
  for (size_t i = 0; i < kMinBuckets; ++i) {
    assert_int_equal(current(*third, "web", i), current(*first, "web", i));
  }
}

// Its flows cannot stay, so its buckets are steady at once; those of others stay as they were.
void a_removed_backend_leaves_no_trace(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  PlanSpec spec = good_spec();
  spec.services[0].members.pop_back();
  std::swap(spec.backends[2], spec.backends[5]);
  spec.backends.pop_back();
  spec.services[2].members = {{4}, {2}};
  const PlanPointer second = built_after(first, spec, kNow + 1);
  const uint16_t gone = slot_of(*first, "four-2");
  for (size_t i = 0; i < kMinBuckets; ++i) {
    assert_int_not_equal(current(*second, "web", i), gone);
    assert_int_not_equal(previous(*second, "web", i), gone);
    if (current(*first, "web", i) == gone) {
      assert_int_equal(previous(*second, "web", i), kNoBackend);
    }
  }
}

// Of a bucket that has moved before, flows may be remembered on backends that live.
void a_previous_backend_that_is_removed_gives_way_to_the_current_one(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  const PlanPointer second = built_after(first, with_weights({1, 1, 0}), kNow + 1);
  PlanSpec spec = good_spec();
  spec.services[0].members.pop_back();
  std::swap(spec.backends[2], spec.backends[5]);
  spec.backends.pop_back();
  spec.services[2].members = {{4}, {2}};
  const PlanPointer third = built_after(second, spec, kNow + 2);
  const uint16_t gone = slot_of(*first, "four-2");
  for (size_t i = 0; i < kMinBuckets; ++i) {
    assert_int_not_equal(previous(*third, "web", i), gone);
    if (previous(*second, "web", i) == gone) {
      assert_int_equal(previous(*third, "web", i), current(*third, "web", i));
    }
  }
}

void another_address_is_another_backend(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  PlanSpec spec = good_spec();
  spec.backends[2].forwarding.destination = address_of("10.9.9.9");
  const PlanPointer second = built_after(first, spec, kNow + 1);
  assert_int_not_equal(slot_of(*first, "four-2"), slot_of(*second, "four-2"));
  for (size_t i = 0; i < kMinBuckets; ++i) {
    // The buckets lie where the name puts them.
    assert_int_equal(current(*first, "web", i) == slot_of(*first, "four-2"),
                     current(*second, "web", i) == slot_of(*second, "four-2"));
    assert_int_equal(previous(*second, "web", i), kNoBackend);
  }
}

void a_table_of_another_size_moves_as_a_whole(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  PlanSpec spec = good_spec();
  spec.services[0].buckets = 65'537;
  const PlanPointer second = built_after(first, spec, kNow);
  const Service& service = second->services[number_of(*second, "web")];
  assert_int_equal(service.buckets, 65'537);
  assert_int_equal(service.previous_buckets, kMinBuckets);
  for (size_t i = 0; i < kMinBuckets; ++i) {
    assert_int_equal(service.previous[i], current(*first, "web", i));
  }
  const PlanPointer third = built_when_quiet(second, spec, kNow + 2 * kWindow, ~Tick{0});
  assert_null(third->services[number_of(*third, "web")].previous);

  // And again while the first move is open, to a third size and back.
  spec.services[0].buckets = 1'009;
  const PlanPointer fourth = built_after(second, spec, kNow + 1);
  const PlanPointer fifth = built_after(fourth, good_spec(), kNow + 2);
  for (size_t i = 0; i < kMinBuckets; ++i) {
    assert_int_equal(previous(*fourth, "web", i), current(*first, "web", i));
    assert_int_equal(previous(*fifth, "web", i), current(*first, "web", i));
    assert_int_equal(current(*fifth, "web", i), current(*first, "web", i));
  }
}

// VIPs of the other family, under the same name: no packet of them can go to where the former
// service's went.
void a_service_that_changes_family_leaves_its_backends(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  const PlanPointer second = built_after(first, with_weights({1, 1, 4}), kNow + 1);
  PlanSpec spec = good_spec();
  spec.services[0] = service_of("web", "2001:db8::2", 80, {{4}, {5}});
  const PlanPointer third = built_after(second, spec, kNow + 2);
  assert_int_equal(number_of(*third, "web"), number_of(*first, "web"));
  for (size_t i = 0; i < kMinBuckets; ++i) {
    const uint16_t slot = previous(*third, "web", i);
    if (slot != kNoBackend) assert_false(third->lives[slot].inner_is_v4);
  }
}

void a_move_of_one_service_is_none_of_another(void** /*state*/) {
  const PlanPointer first = built(good_spec());
  PlanSpec spec = good_spec();
  spec.services.erase(spec.services.begin());
  const PlanPointer second = built_after(first, spec, kNow + 1);
  // Another one under the number of the first, then the first again.
  spec.services.insert(spec.services.begin(), service_of("ftp", "192.0.2.8", 21, {{3}}));
  const PlanPointer third = built_after(second, spec, kNow + 2);
  assert_int_equal(number_of(*third, "ftp"), number_of(*first, "web"));
  spec.services.push_back(good_spec().services[0]);
  const PlanPointer fourth = built_after(third, spec, kNow + 3);
  for (const char* const name : {"ftp", "web", "mail", "web6"}) {
    assert_null(record_of(*fourth, name).moves.get());
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(moved_buckets_remember_where_they_were),
      cmocka_unit_test(the_window_ends_when_nothing_deviates),
      cmocka_unit_test(a_busy_group_stays_moved_alone),
      cmocka_unit_test(a_second_move_keeps_the_first_previous),
      cmocka_unit_test(a_drained_backend_keeps_its_flows),
      cmocka_unit_test(a_failed_backend_keeps_nothing_but_its_slot),
      cmocka_unit_test(a_removed_backend_leaves_no_trace),
      cmocka_unit_test(a_previous_backend_that_is_removed_gives_way_to_the_current_one),
      cmocka_unit_test(another_address_is_another_backend),
      cmocka_unit_test(a_table_of_another_size_moves_as_a_whole),
      cmocka_unit_test(a_service_that_changes_family_leaves_its_backends),
      cmocka_unit_test(a_move_of_one_service_is_none_of_another),
  };
  return cmocka_run_group_tests_name("exchange/build_moves", tests, nullptr, nullptr);
}
