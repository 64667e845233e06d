// Of which flows a service that steers by source is judged: one of each source in a while.
#include <string>

#include "tests/cmocka.h"
#include "tests/exchange/counts.h"
#include "tests/packet/box.h"

namespace evenkeel {
namespace {

// It is a source's turn again, and who was lost before is forgotten.
constexpr Tick kLater = Turns::kApart + 10;

constexpr uint16_t kFlows = 300;

// All of "web" go to one backend, every flow is sampled, and it has a second VIP.
PlanSpec spec_over(HashOver over, bool is_tried = false) {
  PlanSpec spec = good_spec();
  spec.services[0].members = {{0}};
  spec.services[0].hash_over = over;
  spec.services[0].points.push_back(point_of("192.0.2.7", 80, 80));
  spec.sample_shift = 0;
  if (is_tried) {
    spec.backends.push_back(backend_of(0));
    spec.backends.back().arm = 1;
    spec.services[0].trial = {.members = {{6}}, .share = 5'000};
  }
  return spec;
}

// New flows of one client, from ports in turn.
void open_flows(Box& box, const Plan& plan, Client client, uint16_t count = kFlows) {
  for (uint16_t i = 0; i < count; ++i) {
    client.port = static_cast<uint16_t>(1'024 + i);
    assert_int_equal(box.send(plan, packet_from(client, kTcpSyn)).reason, Reason::none);
  }
}

uint64_t opened(const Box& box, const Plan& plan) { return box.counts(plan, "four-0").opened; }

void of_one_source_one_flow_is_followed(void**) {
  const struct {
    const char* description;
    HashOver over;
    uint64_t followed, with_other_vip, with_other_source;
  } cases[] = {
      {"by flow", HashOver::five_tuple, kFlows, 2 * kFlows, 3 * kFlows},
      {"by source", HashOver::source, 1, 1, 2},
      {"by source and destination", HashOver::source_destination, 1, 2, 3},
  };
  for (const auto& row : cases) {
    print_message("  %s\n", row.description);
    Box box(kHandshakesDefault);
    const PlanPointer plan = built(spec_over(row.over));
    open_flows(box, *plan, {});
    assert_int_equal(opened(box, *plan), row.followed);
    open_flows(box, *plan, {.vip = "192.0.2.7"});
    assert_int_equal(opened(box, *plan), row.with_other_vip);
    open_flows(box, *plan, {.address = "198.51.100.8"});
    assert_int_equal(opened(box, *plan), row.with_other_source);
    assert_int_equal(box.counts(*plan, "four-0").new_flows, 3 * kFlows);
    box.pass(kLater);
    open_flows(box, *plan, {});
    assert_int_equal(opened(box, *plan),
                     row.with_other_source + (row.over == HashOver::five_tuple ? kFlows : 1));
  }
}

// What a client of the other services does says nothing of its turn here.
void services_have_turns_of_their_own(void**) {
  Box box(kHandshakesDefault);
  PlanSpec spec = spec_over(HashOver::source);
  spec.services[1].hash_over = HashOver::source;
  spec.services[1].members = {{3}};
  const PlanPointer plan = built(spec);
  open_flows(box, *plan, {});
  open_flows(box, *plan, {.vip = "192.0.2.2", .vip_port = 25});
  assert_int_equal(opened(box, *plan), 1);
  assert_int_equal(box.counts(*plan, "four-3").opened, 1);
}

// Its answers, its silence, and its SYNs that are sent again.
void a_followed_flow_is_followed_to_its_end(void**) {
  Box box;
  const PlanPointer plan = built(spec_over(HashOver::source));
  const Client good;
  box.send(*plan, packet_from(good, kTcpSyn));
  open_flows(box, *plan, good);
  box.send(*plan, packet_from(good, kTcpAck, 0));
  assert_int_equal(box.counts(*plan, "four-0").completed, 1);
  const Client bad = {.address = "198.51.100.8"};
  box.send(*plan, packet_from(bad, kTcpSyn));
  for (const Tick after : {1u, 2u, 4u, 8u, 16u}) {
    box.pass(after);
    box.send(*plan, packet_from(bad, kTcpSyn));
  }
  const BackendCounts counts = box.counts(*plan, "four-0");
  assert_int_equal(counts.opened, 2);
  assert_int_equal(counts.retried, 5);
  assert_int_equal(counts.good, 1);
  assert_int_equal(counts.bad, 1);
}

// A NIC spreads one source's flows over all of them.
void workers_share_the_turns(void**) {
  Turns turns = std::move(Turns::make().value());
  Box first(kHandshakesDefault, &turns);
  Box second(kHandshakesDefault, &turns);
  const PlanPointer plan = built(spec_over(HashOver::source));
  open_flows(first, *plan, {});
  open_flows(second, *plan, {});
  open_flows(second, *plan, {.address = "198.51.100.8"});
  open_flows(first, *plan, {.address = "198.51.100.8"});
  assert_int_equal(opened(first, *plan), 1);
  assert_int_equal(opened(second, *plan), 1);
}

void in_ipv6_too(void**) {
  Box box(kHandshakesDefault);
  PlanSpec spec = spec_over(HashOver::five_tuple);
  spec.services[2].members = {{4}};
  spec.services[2].hash_over = HashOver::source;
  const PlanPointer plan = built(spec);
  open_flows(box, *plan, {.address = "2001:db8:1::7", .vip = "2001:db8::1"});
  assert_int_equal(box.counts(*plan, "six-4").opened, 1);
}

// Each of many clients in one of the steps, whichever arm it is in; and once.
void steps_of_a_trial_take_turns(void**) {
  constexpr uint32_t kClients = 240;
  constexpr uint8_t kSteps = 3;
  Box box(kHandshakesDefault);
  uint64_t before = 0;
  for (const Tick later : {Tick{0}, 3 * Turns::kApart}) {
    box.pass(later);
    for (uint8_t step = 0; step < kSteps; ++step) {
      PlanSpec spec = spec_over(HashOver::source, true);
      spec.trial = {.since = kNow, .step = step, .steps = kSteps};
      const PlanPointer plan = built(spec);
      for (uint32_t i = 0; i < kClients; ++i) {
        const std::string address = "203.0.113." + std::to_string(i);
        open_flows(box, *plan, {.address = address.c_str()}, 4);
      }
      uint64_t all = 0;
      for (uint16_t slot = 0; slot < 8; ++slot) all += box.evidence().backend(slot).opened;
      const uint64_t part = later == 0 ? kClients / kSteps : 0;
      assert_in_range(all - before, part * 7 / 10, part * 13 / 10);
      before = all;
    }
  }
  assert_in_range(before, kClients - 5, kClients);
}

// Of a service that is not on trial itself.
void a_trial_is_nothing_to_other_services(void**) {
  Box box(kHandshakesDefault);
  PlanSpec spec = spec_over(HashOver::source);
  spec.trial = {.since = kNow, .step = 7, .steps = 8};
  const PlanPointer plan = built(spec);
  for (uint64_t turn = 1; turn < 9; ++turn) {
    open_flows(box, *plan, {}, 3);
    assert_int_equal(opened(box, *plan), turn);
    box.pass(kLater);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(of_one_source_one_flow_is_followed),
      cmocka_unit_test(services_have_turns_of_their_own),
      cmocka_unit_test(a_followed_flow_is_followed_to_its_end),
      cmocka_unit_test(workers_share_the_turns),
      cmocka_unit_test(in_ipv6_too),
      cmocka_unit_test(steps_of_a_trial_take_turns),
      cmocka_unit_test(a_trial_is_nothing_to_other_services),
  };
  return cmocka_run_group_tests_name("packet/pipeline_turns", tests, nullptr, nullptr);
}
