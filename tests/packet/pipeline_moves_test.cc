// Flows while buckets change hands: each stays on its backend for as long as that lives, and no
// new one goes where it should not.
#include <string>

#include "firmware/packet/pipeline.h"
#include "tests/cmocka.h"
#include "tests/packet/box.h"
#include "tests/packet/whereabouts.h"

namespace evenkeel {
namespace {

int setup(void** state) {
  *state = new Box;
  return 0;
}
int teardown(void** state) {
  std::unique_ptr<Box>(static_cast<Box*>(*state));
  return 0;
}
Box& of(void** state) { return *static_cast<Box*>(*state); }

void flows_keep_their_backend_over_two_moves(void** state) {
  Box& box = of(state);
  const PlanPointer first = built(with_weights({1, 1, 1}));
  const Whereabouts old = send_all(box, *first, kTcpSyn);
  assert_int_equal(box.memory().remembered(box.tick()), 0);  // nothing is kept in a steady state

  box.pass(10);
  const PlanPointer second = built_after(first, with_weights({1, 1, 8}), box.tick());
  assert_int_equal(differing(send_all(box, *second, kTcpAck), old), 0);
  assert_int_equal(box.memory().remembered(box.tick()), 0);  // nor of what began before
  const Whereabouts middle = send_all(box, *second, kTcpSyn, kFlows, 2 * kFlows);
  const Whereabouts would_be_old = send_all(box, *first, kTcpAck, kFlows, 2 * kFlows);
  assert_in_range(differing(middle, would_be_old), kFlows / 3, kFlows / 2 + 60);

  box.pass(10);
  const PlanPointer third = built_after(second, with_weights({8, 1, 1}), box.tick());
  const Whereabouts young = send_all(box, *third, kTcpSyn, 2 * kFlows, 3 * kFlows);
  for (int round = 0; round < 3; ++round) {
    box.pass(20);
    assert_int_equal(differing(send_all(box, *third, kTcpAck), old), 0);
    assert_int_equal(differing(send_all(box, *third, kTcpAck, kFlows, 2 * kFlows), middle), 0);
    assert_int_equal(differing(send_all(box, *third, kTcpAck, 2 * kFlows, 3 * kFlows), young), 0);
  }
  // New flows go where a box would send them that knows the new settings only.
  const PlanPointer fresh = built(with_weights({8, 1, 1}));
  assert_int_equal(differing(young, send_all(box, *fresh, kTcpSyn, 2 * kFlows, 3 * kFlows)), 0);
  assert_int_equal(box.counts().evictions + box.counts().refused_insertions, 0);
}

void a_drained_backend_gets_old_flows_only(void** state) {
  Box& box = of(state);
  const PlanPointer first = built(with_weights({1, 1, 1}));
  const Whereabouts old = send_all(box, *first, kTcpSyn);
  box.pass(1);
  const PlanPointer second = built_after(first, with_weights({1, 1, 0}), box.tick());
  assert_int_equal(differing(send_all(box, *second, kTcpAck), old), 0);
  for (const int64_t backend : send_all(box, *second, kTcpSyn, kFlows, 2 * kFlows)) {
    assert_in_range(backend, 0, 1);
  }
}

// Health: what is dead gets nothing at all, and who was sent elsewhere stays there.
void flows_of_a_dead_backend_go_elsewhere_for_good(void** state) {
  Box& box = of(state);
  const PlanPointer first = built(with_weights({1, 1, 1}));
  const Whereabouts old = send_all(box, *first, kTcpSyn);
  box.pass(1);
  PlanSpec spec = with_weights({1, 1, 0});
  spec.backends[2].is_alive = false;
  const PlanPointer second = built_after(first, spec, box.tick());
  const Whereabouts now = send_all(box, *second, kTcpAck);
  for (size_t i = 0; i < now.size(); ++i) {
    assert_in_range(now[i], 0, 1);
    if (old[i] != 2) assert_int_equal(now[i], old[i]);
  }
  box.pass(1);
  const PlanPointer third = built_after(second, with_weights({1, 1, 1}), box.tick());
  assert_int_equal(differing(send_all(box, *third, kTcpAck), now), 0);
}

void a_remembered_backend_that_dies_gives_its_flows_to_the_current_one(void** state) {
  Box& box = of(state);
  const PlanPointer first = built(with_weights({1, 1, 0}));
  const PlanPointer second = built_after(first, with_weights({0, 0, 1}), box.tick());
  for (const int64_t backend : send_all(box, *second, kTcpSyn)) assert_int_equal(backend, 2);
  box.pass(1);
  PlanSpec spec = with_weights({1, 1, 0});
  spec.backends[2].is_alive = false;
  const PlanPointer third = built_after(second, spec, box.tick());
  const PlanPointer fresh = built(with_weights({1, 1, 0}));
  const Whereabouts now = send_all(box, *third, kTcpAck);
  assert_int_equal(differing(now, send_all(box, *fresh, kTcpAck)), 0);
  assert_int_equal(differing(send_all(box, *third, kTcpAck), now), 0);
}

// The last backend of a service goes and its slot becomes another service's: nothing of the first
// service may follow.
void a_reused_slot_never_gets_another_ones_flows(void** state) {
  Box& box = of(state);
  const PlanPointer first = built(with_weights({1, 1, 0}));
  const PlanPointer second = built_after(first, with_weights({0, 0, 1}), box.tick());
  const uint16_t slot = slot_of(*second, "four-2");
  for (const int64_t backend : send_all(box, *second, kTcpSyn)) assert_int_equal(backend, 2);
  send_all(box, *second, kTcpAck);  // remembered for as long as can be

  box.pass(1);
  PlanSpec spec = with_weights({1, 1});
  spec.services[0].members.pop_back();
  spec.backends[2] = backend_of(7);
  spec.services[1].members = {{2}};
  const auto after = [&](const PlanPointer& before, const PlanSpec& next) {
    box.pass(1);
    // A slot rests for no longer than when slots are short, but the buckets stay moved.
    return built(next,
                 {.plan = before.get(),
                  .settled = box.tick() - 1,
                  .window = 0,
                  .quiet_for = [](uint16_t, uint32_t) { return Tick{0}; }},
                 box.tick());
  };
  PlanSpec without = spec;
  without.services[1].members = {{3}};
  without.backends[2] = backend_of(8);
  const PlanPointer third = after(second, without);  // now the slot rests
  const PlanPointer fourth = after(third, spec);
  assert_int_equal(slot_of(*fourth, "four-7"), slot);
  // Half of them are silent until the slot has its new owner.
  for (const int64_t backend : send_all(box, *third, kTcpAck, 0, kFlows / 2)) {
    assert_in_range(backend, 0, 1);
  }
  for (const int64_t backend : send_all(box, *fourth, kTcpAck)) assert_in_range(backend, 0, 1);
  const Client mail = {.vip = "192.0.2.2", .vip_port = 25};
  assert_int_equal(box.backend_for(*fourth, packet_from(mail, kTcpSyn)), 7);
}

// A number that another service had, and a name that another family had.
void a_reused_number_never_gets_another_services_flows(void** state) {
  Box& box = of(state);
  const PlanPointer first = built(with_weights({1, 1, 1}));
  PlanSpec spec = good_spec();
  spec.services[0] = service_of("www", "192.0.2.1", 80, {{3}});
  const PlanPointer second = built_after(first, spec, box.tick());
  assert_int_equal(number_of(*second, "www"), number_of(*first, "web"));
  for (const int64_t backend : send_all(box, *second, kTcpAck)) assert_int_equal(backend, 3);

  spec.services[0] = service_of("www", "2001:db8::2", 80, {{4}});
  const PlanPointer third = built_after(second, spec, box.tick());
  spec.services[0] = service_of("www6", "2001:db8::3", 80, {{5}});
  const PlanPointer fourth = built_after(third, spec, box.tick());
  for (uint16_t i = 0; i < kFlows; ++i) {
    Client client = numbered(i);
    client.address = "2001:db8:c::7";
    client.vip = "2001:db8::2";
    assert_int_equal(box.backend_for(*third, packet_from(client)), 4);
    client.vip = "2001:db8::3";
    assert_int_equal(box.backend_for(*fourth, packet_from(client)), 5);
  }
}

void icmp_errors_follow_the_flow_and_leave_no_trace(void** state) {
  Box& box = of(state);
  const PlanPointer first = built(with_weights({1, 1, 1}));
  const Whereabouts old = send_all(box, *first, kTcpSyn);
  box.pass(1);
  const PlanPointer second = built_after(first, with_weights({1, 1, 8}), box.tick());
  const Whereabouts young = send_all(box, *second, kTcpSyn, kFlows, 2 * kFlows);
  box.pass(1);
  PlanSpec spec = with_weights({8, 1, 0});
  const PlanPointer third = built_after(second, spec, box.tick());
  const size_t remembered = box.memory().remembered(box.tick());
  for (uint16_t i = 0; i < 2 * kFlows; ++i) {
    const int64_t backend = box.backend_for(*third, too_big_about(numbered(i)));
    assert_int_equal(backend, i < kFlows ? old[i] : young[i - kFlows]);
    const FlowMemory::Found found = box.memory().find(box.flow_hash(numbered(i)), box.tick());
    if (found.backend == kNoBackend) continue;
    assert_int_equal(found.state, FlowState::unfinished);
    assert_int_equal(found.age, 1);
  }
  // Also where a packet of the client would be remembered anew.
  spec.backends[2].is_alive = false;
  const PlanPointer fourth = built_after(third, spec, box.tick());
  for (uint16_t i = 0; i < 2 * kFlows; ++i) {
    assert_in_range(box.backend_for(*fourth, too_big_about(numbered(i))), 0, 1);
  }
  assert_int_equal(box.memory().remembered(box.tick()), remembered);
  assert_int_equal(box.counts(*fourth, "four-0").new_flows +
                       box.counts(*fourth, "four-1").new_flows +
                       box.counts(*fourth, "four-2").new_flows,
                   2 * kFlows);
}

void sticky_flows_stay_and_stateless_ones_follow_the_bucket(void** state) {
  Box& box = of(state);
  const auto send = [&](const PlanPointer& plan, uint16_t first, uint16_t last) {
    return send_all(box, *plan, 0, first, last, Protocol::udp);
  };
  for (const Affinity affinity : {Affinity::sticky, Affinity::stateless}) {
    const bool is_sticky = affinity == Affinity::sticky;
    const PlanPointer first = built(with_weights({1, 1, 1}, affinity), {}, box.tick());
    const Whereabouts old = send(first, 0, kFlows);
    assert_int_equal(box.memory().remembered(box.tick()), is_sticky ? kFlows : 0);
    box.pass(1);
    // Drained, as for maintenance.
    const PlanPointer second = built_after(first, with_weights({1, 1, 0}, affinity), box.tick());
    const PlanPointer fresh = built(with_weights({1, 1, 0}, affinity), {}, box.tick());
    assert_int_equal(differing(send(second, 0, kFlows), is_sticky ? old : send(fresh, 0, kFlows)),
                     0);
    for (const int64_t backend : send(second, kFlows, 2 * kFlows)) assert_in_range(backend, 0, 1);
    box.pass(1'000);  // forgotten, and the next affinity's turn
    box.idle(*second, 2'000);
  }
}

// Of what has no handshake, whoever is silent for a while has not given up.
void sticky_flows_stay_over_pauses(void** state) {
  Box& box = of(state);
  const auto send = [&](const PlanPointer& plan) {
    return send_all(box, *plan, 0, 0, kFlows, Protocol::udp);
  };
  const PlanPointer first = built(with_weights({1, 1, 1}, Affinity::sticky), {}, box.tick());
  const Whereabouts old = send(first);
  box.pass(60);
  const PlanPointer second =
      built_after(first, with_weights({1, 1, 8}, Affinity::sticky), box.tick());
  assert_int_equal(differing(send(second), old), 0);
  box.pass(60);
  const PlanPointer third =
      built_after(second, with_weights({8, 1, 1}, Affinity::sticky), box.tick());
  assert_int_equal(differing(send(third), old), 0);
  box.pass(900);
  assert_int_equal(differing(send(third), old), 0);
}

// The first that is seen of a connection need not be its opening.
void connections_taken_over_stay_over_pauses(void** state) {
  Box& box = of(state);
  const PlanPointer first = built(with_weights({0, 0, 1}), {}, box.tick());
  send_all(box, *first, kTcpAck);
  PlanSpec spec = with_weights({1, 1, 0});
  spec.backends[2].is_alive = false;
  const PlanPointer second = built_after(first, spec, box.tick());
  const Whereabouts now = send_all(box, *second, kTcpAck);
  box.pass(60);
  assert_int_equal(box.memory().remembered(box.tick()), kFlows);
  assert_int_equal(differing(send_all(box, *second, kTcpAck), now), 0);
}

void a_dead_sticky_backend_gives_its_flows_away(void** state) {
  Box& box = of(state);
  const PlanPointer first = built(with_weights({0, 0, 1}, Affinity::sticky));
  for (const int64_t backend : send_all(box, *first, 0, 0, kFlows, Protocol::udp)) {
    assert_int_equal(backend, 2);
  }
  PlanSpec spec = with_weights({1, 1, 0}, Affinity::sticky);
  spec.backends[2].is_alive = false;
  const PlanPointer second = built_after(first, spec, box.tick());
  const Whereabouts now = send_all(box, *second, 0, 0, kFlows, Protocol::udp);
  for (const int64_t backend : now) assert_in_range(backend, 0, 1);
  const PlanPointer third =
      built_after(second, with_weights({0, 0, 1}, Affinity::sticky), box.tick());
  assert_int_equal(differing(send_all(box, *third, 0, 0, kFlows, Protocol::udp), now), 0);
}

// The window must stay open for them, and only for them.
void deviating_flows_are_noted(void** state) {
  Box& box = of(state);
  const PlanPointer first = built(with_weights({1, 1, 1}));
  const Whereabouts old = send_all(box, *first, kTcpSyn);
  const auto quiet_groups = [&](const Plan& plan) {
    size_t count = 0;
    for (size_t group = 0; group < kBucketGroups; ++group) {
      const Tick quiet = box.evidence().quiet_for(number_of(plan, "web"), group, box.tick());
      count += quiet == Evidence::kNeverDeviated ? 1 : 0;
    }
    return count;
  };
  assert_int_equal(quiet_groups(*first), kBucketGroups);
  box.pass(1);
  const PlanPointer second = built_after(first, with_weights({1, 1, 8}), box.tick());
  send_all(box, *second, kTcpSyn, kFlows, 2 * kFlows);
  assert_int_equal(quiet_groups(*second), kBucketGroups);  // new flows are where they belong
  const Whereabouts fresh = send_all(box, *built(with_weights({1, 1, 8})), kTcpAck);
  send_all(box, *second, kTcpAck);
  const size_t deviating = differing(fresh, old);
  assert_in_range(kBucketGroups - quiet_groups(*second), deviating * 2 / 3, deviating);
  for (uint16_t i = 0; i < kFlows; ++i) {
    const size_t group = group_of(box.flow_hash(numbered(i)));
    if (fresh[i] != old[i]) {
      assert_int_equal(box.evidence().quiet_for(number_of(*second, "web"), group, box.tick()), 0);
    }
  }
}

// As many new flows as memory has no room for: established ones are not cut off, and what was
// given up is counted.
void a_flood_does_not_displace_what_is_established(void** state) {
  Box& box = of(state);
  const PlanPointer first = built(with_weights({1, 0, 0}));
  const PlanPointer second = built_after(first, with_weights({0, 1, 0}), box.tick());
  const Whereabouts kept = send_all(box, *second, kTcpSyn);
  send_all(box, *second, kTcpAck);
  box.pass(1);
  const PlanPointer third = built_after(second, with_weights({0, 0, 1}), box.tick());
  std::vector<Bytes> burst;
  for (uint32_t i = 0; i < 30'000; ++i) {
    Client client = {.address = "203.0.113.77"};
    client.port = static_cast<uint16_t>(1 + i);
    burst.push_back(packet_from(client, kTcpSyn));
    if (burst.size() < kBurst) continue;
    box.burst(*third, burst);
    burst.clear();
  }
  assert_true(box.counts().evictions > 20'000);
  assert_in_range(box.memory().remembered(box.tick()), kFlows, box.memory().capacity());
  assert_int_equal(differing(send_all(box, *third, kTcpAck), kept), 0);
}

void a_closed_flow_is_forgotten_soon(void** state) {
  Box& box = of(state);
  const PlanPointer first = built(with_weights({1, 0, 0}));
  const PlanPointer second = built_after(first, with_weights({0, 1, 0}), box.tick());
  const Client client = numbered(1);
  for (const uint8_t end : {uint8_t{kTcpFin | kTcpAck}, kTcpRst}) {
    box.send(*second, packet_from(client, kTcpSyn));
    box.send(*second, packet_from(client, kTcpAck));
    box.send(*second, packet_from(client, end));
    // The last acknowledgement does not open it again.
    box.send(*second, packet_from(client, kTcpAck));
    box.pass(30);
    assert_int_equal(box.memory().remembered(box.tick()), 1);
    box.pass(1);
    assert_int_equal(box.memory().remembered(box.tick()), 0);
  }
}

// Stamps wrap after 2^14 seconds: by then the worker has cleared what is old.
void what_is_forgotten_stays_forgotten(void** state) {
  Box& box = of(state);
  const PlanPointer first = built(with_weights({1, 0, 0}));
  const PlanPointer second = built_after(first, with_weights({0, 1, 0}), box.tick());
  send_all(box, *second, kTcpSyn);
  assert_int_equal(box.memory().remembered(box.tick()), kFlows);
  const Tick end = box.tick() + kFlowStampRange;
  while (box.tick() < end) {
    box.pass(64);
    box.idle(*second, 8);
  }
  assert_int_equal(box.memory().remembered(box.tick()), 0);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(flows_keep_their_backend_over_two_moves, setup, teardown),
      cmocka_unit_test_setup_teardown(a_drained_backend_gets_old_flows_only, setup, teardown),
      cmocka_unit_test_setup_teardown(flows_of_a_dead_backend_go_elsewhere_for_good, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(
          a_remembered_backend_that_dies_gives_its_flows_to_the_current_one, setup, teardown),
      cmocka_unit_test_setup_teardown(a_reused_slot_never_gets_another_ones_flows, setup, teardown),
      cmocka_unit_test_setup_teardown(a_reused_number_never_gets_another_services_flows, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(icmp_errors_follow_the_flow_and_leave_no_trace, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(sticky_flows_stay_and_stateless_ones_follow_the_bucket, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(sticky_flows_stay_over_pauses, setup, teardown),
      cmocka_unit_test_setup_teardown(connections_taken_over_stay_over_pauses, setup, teardown),
      cmocka_unit_test_setup_teardown(a_dead_sticky_backend_gives_its_flows_away, setup, teardown),
      cmocka_unit_test_setup_teardown(deviating_flows_are_noted, setup, teardown),
      cmocka_unit_test_setup_teardown(a_flood_does_not_displace_what_is_established, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(a_closed_flow_is_forgotten_soon, setup, teardown),
      cmocka_unit_test_setup_teardown(what_is_forgotten_stays_forgotten, setup, teardown),
  };
  return cmocka_run_group_tests_name("packet/pipeline_moves", tests, nullptr, nullptr);
}
