// Services that take nobody new, while one lives who is drained: its flows go on, and nothing else.
#include <algorithm>
#include <vector>

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

// four-0 is drained, four-1 takes the new flows, and then is lost: nobody takes new ones.
struct Closing {
  PlanPointer drained;
  PlanPointer closed;
};

Closing close_but_for_a_drained_one(const PlanPointer& first, Affinity affinity, Tick now) {
  const PlanPointer drained = built_after(first, with_weights({0, 1, 0}, affinity), now);
  PlanSpec spec = with_weights({0, 0, 0}, affinity);
  spec.services[0].closed = Reason::next_hop_unresolved;
  spec.services[1].members[0].weight = 0;
  for (const size_t lost : {1u, 2u}) {
    spec.backends[lost].is_alive = false;
    spec.backends[lost].forwarding.destination_mac = {};
  }
  return {.drained = drained, .closed = built_after(drained, spec, now + 1)};
}

// Those of four-0, which is drained, go on, and nobody else does.
Whereabouts only_of_the_drained_one(const Whereabouts& all) {
  Whereabouts result = all;
  for (int64_t& backend : result) backend = backend == 0 ? 0 : -1;
  return result;
}

void flows_of_a_drained_backend_outlive_the_others(void** state) {
  Box& box = of(state);
  const PlanPointer first = built(with_weights({1, 1, 0}));
  const Whereabouts old = send_all(box, *first, kTcpSyn);
  const auto [drained, closed] =
      close_but_for_a_drained_one(first, Affinity::connection, box.tick() + 1);
  box.pass(1);
  for (const int64_t backend : send_all(box, *drained, kTcpSyn, kFlows, 2 * kFlows)) {
    assert_int_equal(backend, 1);
  }
  // A bucket's previous backend gets what its dead one had, as ever.
  const Whereabouts young =
      only_of_the_drained_one(send_all(box, *first, kTcpAck, kFlows, 2 * kFlows));
  box.pass(1);
  const size_t remembered = box.memory().remembered(box.tick());
  const uint64_t forwarded = box.counts().forwarded_packets;
  const Whereabouts expected = only_of_the_drained_one(old);
  const auto staying = std::ranges::count(expected, 0);
  const auto alive = static_cast<uint64_t>(staying + std::ranges::count(young, 0));
  assert_in_range(staying, kFlows / 4, kFlows - 1);
  for (int round = 0; round < 3; ++round) {
    assert_int_equal(differing(send_all(box, *closed, kTcpAck), expected), 0);
    const Whereabouts now = send_all(box, *closed, kTcpAck, kFlows, 2 * kFlows);
    assert_int_equal(differing(now, young), 0);
    for (const int64_t backend : send_all(box, *closed, kTcpSyn, 2 * kFlows, 3 * kFlows)) {
      assert_int_equal(backend, -1);
    }
  }
  assert_int_equal(box.counts().forwarded_packets - forwarded, 3 * alive);
  assert_int_equal(box.counts().drops[static_cast<size_t>(Reason::next_hop_unresolved)],
                   3 * (3 * kFlows - alive));
  // Whom nobody takes is not remembered, and the window stays open for those who go on.
  assert_int_equal(box.memory().remembered(box.tick()), remembered);
  const Bytes error = too_big_about(numbered(0));
  assert_int_equal(box.backend_for(*closed, error), expected[0]);
  // When the others are back, all are where they were.
  const PlanPointer open = built_after(closed, with_weights({0, 1, 0}), box.tick() + 1);
  box.pass(1);
  assert_int_equal(differing(send_all(box, *open, kTcpAck), old), 0);
}

// Drained at the very moment at which the others are lost: it has all of the table still.
void a_last_one_that_is_drained_takes_nothing_new(void** state) {
  Box& box = of(state);
  const PlanPointer first = built(with_weights({1, 0, 0}));
  const auto closed_plan = [&](Affinity affinity) {
    PlanSpec spec = with_weights({0, 0, 0}, affinity);
    spec.services[0].closed = Reason::next_hop_unresolved;
    const PlanPointer before = built(with_weights({1, 0, 0}, affinity));
    return built_after(before, spec, box.tick() + 1);
  };
  const PlanPointer tcp = closed_plan(Affinity::connection);
  assert_int_equal(box.backend_for(*tcp, packet_from(numbered(0), kTcpSyn)), -1);
  assert_int_equal(box.backend_for(*tcp, packet_from(numbered(0), kTcpAck)), 0);
  assert_int_equal(box.backend_for(*tcp, packet_from(numbered(0), kTcpSyn | kTcpAck)), 0);
  const PlanPointer stateless = closed_plan(Affinity::stateless);
  const Bytes datagram = packet_from(numbered(0, Protocol::udp));
  assert_int_equal(box.send(*stateless, datagram).reason, Reason::next_hop_unresolved);
}

void sticky_flows_of_a_drained_backend_outlive_the_others(void** state) {
  Box& box = of(state);
  const PlanPointer first = built(with_weights({1, 1, 0}, Affinity::sticky));
  const Whereabouts old = send_all(box, *first, 0, 0, kFlows, Protocol::udp);
  const auto [drained, closed] =
      close_but_for_a_drained_one(first, Affinity::sticky, box.tick() + 1);
  box.pass(2);
  const Whereabouts expected = only_of_the_drained_one(old);
  for (int round = 0; round < 2; ++round) {
    const Whereabouts now = send_all(box, *closed, 0, 0, kFlows, Protocol::udp);
    assert_int_equal(differing(now, expected), 0);
    for (const int64_t backend : send_all(box, *closed, 0, kFlows, 2 * kFlows, Protocol::udp)) {
      assert_int_equal(backend, -1);
    }
  }
  assert_int_equal(box.memory().remembered(box.tick()), kFlows);
}

// In a burst with packets of services that are open, in any order.
void ipv6_flows_of_a_drained_backend_outlive_the_others(void** state) {
  Box& box = of(state);
  const PlanPointer first = built(good_spec());
  PlanSpec spec = good_spec();
  spec.services[2].members[0].weight = 0;
  const PlanPointer drained = built_after(first, spec, box.tick() + 1);
  spec.services[2].closed = Reason::next_hop_unresolved;
  spec.services[2].members[1].weight = 0;
  spec.backends[5].is_alive = false;
  spec.backends[5].forwarding.destination_mac = {};
  const PlanPointer closed = built_after(drained, spec, box.tick() + 2);
  for (uint16_t i = 0; i < 10; ++i) {
    std::vector<Bytes> packets;
    for (uint16_t j = 0; j < kBurst / 2; ++j) {
      packets.push_back(packet_from({.address = "2001:db8:c::7",
                                     .vip = "2001:db8::1",
                                     .port = static_cast<uint16_t>(1'000 + 100 * i + j)}));
      packets.push_back(packet_from(numbered(j)));
    }
    const std::vector<Sent> before = box.burst(*first, packets);
    const std::vector<Sent> after = box.burst(*closed, packets);
    for (size_t j = 0; j < packets.size(); ++j) {
      const auto outer = load<Ipv4Header>(before[j].bytes.data() + kEthernet);
      const bool goes_on = outer.destination.value() != 0x0a00'0001 + 5;
      assert_int_equal(after[j].reason, goes_on ? Reason::none : Reason::next_hop_unresolved);
      if (goes_on) assert_true(after[j].bytes == before[j].bytes);
    }
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(flows_of_a_drained_backend_outlive_the_others, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(a_last_one_that_is_drained_takes_nothing_new, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(sticky_flows_of_a_drained_backend_outlive_the_others, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(ipv6_flows_of_a_drained_backend_outlive_the_others, setup,
                                      teardown),
  };
  return cmocka_run_group_tests_name("packet/pipeline_closed", tests, nullptr, nullptr);
}
