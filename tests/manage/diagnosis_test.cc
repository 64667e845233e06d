// What is said of a flow is what a worker then does with its packets.
#include "firmware/manage/diagnosis.h"

#include <string>

#include "tests/cmocka.h"
#include "tests/packet/box.h"

namespace evenkeel {
namespace {

constexpr uint16_t kFlows = 400;

using Remembered = std::vector<std::optional<FlowMemory::Found>>;

int setup(void** state) {
  *state = new Box;
  return 0;
}
int teardown(void** state) {
  std::unique_ptr<Box>(static_cast<Box*>(*state));
  return 0;
}
Box& of(void** state) { return *static_cast<Box*>(*state); }

PlanSpec with_weights(uint32_t a, uint32_t b, uint32_t c) {
  PlanSpec spec = good_spec();
  spec.services[0].members[0].weight = a;
  spec.services[0].members[1].weight = b;
  spec.services[0].members[2].weight = c;
  return spec;
}

Diagnosis said_of(Box& box, const Plan& plan, const Client& client) {
  const Secret secret = secret_of(1);
  const FlowKey key = key_of(client);
  const Remembered remembered = {box.pipeline().recollect(memory_hash(secret, key), box.now)};
  return diagnose(plan, secret, key, remembered, box.tick());
}

// "four-2"
std::string backend_of_packet(Box& box, const Plan& plan, const Client& client, uint8_t flags) {
  const int64_t number = box.backend_for(plan, packet_from(client, flags));
  return number < 0 ? "" : "four-" + std::to_string(number);
}

// Of flows from before the move, from after it, and of new ones: said, then done.
void test_what_is_said_is_done(void** state) {
  Box& box = of(state);
  const PlanPointer first = built(with_weights(1, 1, 1));
  for (uint16_t i = 0; i < kFlows; ++i) {
    box.send(*first, packet_from({.port = static_cast<uint16_t>(1'000 + i)}, kTcpSyn));
  }
  box.pass(10);
  const PlanPointer second = built_after(first, with_weights(1, 1, 8), box.tick());
  for (uint16_t i = kFlows; i < 2 * kFlows; ++i) {
    box.send(*second, packet_from({.port = static_cast<uint16_t>(1'000 + i)}, kTcpSyn));
  }
  size_t remembered = 0;
  size_t moved = 0;
  for (uint16_t i = 0; i < 3 * kFlows; ++i) {
    const Client client{.port = static_cast<uint16_t>(1'000 + i)};
    const Diagnosis said = said_of(box, *second, client);
    assert_int_equal(static_cast<int>(said.reason), static_cast<int>(Reason::none));
    assert_string_equal(said.service.c_str(), "web");
    assert_int_equal(said.buckets, kMinBuckets);
    moved += said.previous.empty() ? 0 : 1;
    remembered += said.memory[0].backend.empty() ? 0 : 1;
    const std::string later = backend_of_packet(box, *second, client, kTcpAck);
    assert_string_equal(said.established.backend.c_str(), later.c_str());
    const std::string opened = backend_of_packet(box, *second, client, kTcpSyn);
    assert_string_equal(said.opening.backend.c_str(), opened.c_str());
    assert_true(!said.established.because.empty() && !said.opening.because.empty());
  }
  assert_in_range(moved, kFlows, 3 * kFlows - 1);
  assert_in_range(remembered, kFlows / 4, kFlows);  // those opened since the move, where it moved
}

void test_headers_are_those_sent(void** state) {
  Box& box = of(state);
  const PlanPointer plan = built(good_spec());
  const Diagnosis said = said_of(box, *plan, {.port = 4'242});
  const std::string number = said.established.backend.substr(5);
  const std::string outer =
      "172.16.0.1 > 10.0.0." + std::to_string(1 + std::stoi(number)) + ", protocol 4, ttl 64";
  const std::vector<HeaderText> expected = {
      {"ethernet", "02:00:00:00:00:01 > 02:00:00:00:00:02"},
      {"ipv4", outer},
      {"ipv4", "198.51.100.7 > 192.0.2.1, protocol 6, ttl 63"},
      {"tcp", "4242 > 80"}};
  assert_string_equal(said.mode.c_str(), "ipip");
  assert_true(said.headers == expected);
  assert_int_equal(said.overhead, 20);
}

void test_headers_of_other_modes(void** /*state*/) {
  struct {
    const char* description;
    Mode mode;
    const char* name;  // of a header
    const char* ends;
    size_t at;
  } const rows[] = {
      {"GRE names itself", Mode::gre, "gre", "", 2},
      {"GUE is in UDP, from a port that is the flow's", Mode::gue, "udp", " > 6080", 2},
      {"VXLAN is in UDP", Mode::vxlan, "udp", " > 4789", 2},
      {"Geneve is in UDP", Mode::geneve, "udp", " > 6081", 2},
      {"a neighbour gets the packet as it is", Mode::l2_direct, "ipv4",
       "198.51.100.7 > 192.0.2.1, protocol 6, ttl 63", 1},
  };
  for (const auto& row : rows) {
    PlanSpec spec = good_spec();
    for (BackendSpec& backend : spec.backends) {
      backend.forwarding.mode = row.mode;
      backend.forwarding.inner_source_mac = {2, 0, 0, 0, 0, 3};
      backend.forwarding.inner_destination_mac = {2, 0, 0, 0, 0, 4};
    }
    const PlanPointer plan = built(spec);
    const Diagnosis said = diagnose(*plan, secret_of(1), key_of({.port = 7'000}), {}, kNow);
    const HeaderText found = said.headers.size() > row.at ? said.headers[row.at] : HeaderText{};
    if (found.name != row.name || !found.text.ends_with(row.ends)) {
      fail_msg("%s: %s %s", row.description, found.name.c_str(), found.text.c_str());
    }
  }
}

void test_what_is_not_forwarded_has_a_reason(void** /*state*/) {
  PlanSpec spec = good_spec();
  spec.services[0].deny = {{.address = address_of("198.51.100.0"), .length = 120}};
  spec.services[1].closed = Reason::next_hop_unresolved;
  const PlanPointer plan = built(spec);
  struct {
    const char* description;
    Client client;
    Reason reason;
  } const rows[] = {
      {"a client that is denied", {}, Reason::denied},
      {"a service that is closed",
       {.vip = "192.0.2.2", .vip_port = 25},
       Reason::next_hop_unresolved},
      {"a port of no service", {.vip_port = 81}, Reason::no_service},
      {"another protocol", {.protocol = Protocol::udp}, Reason::no_service},
      {"a source that nobody has", {.address = "127.0.0.1"}, Reason::bad_address},
      {"a client that passes for the VIP", {.address = "192.0.2.1"}, Reason::bad_address},
  };
  for (const auto& row : rows) {
    const Diagnosis said = diagnose(*plan, secret_of(1), key_of(row.client), {}, kNow);
    if (said.reason != row.reason) {
      fail_msg("%s: found %s", row.description, to_string(said.reason));
    }
    assert_true(said.headers.empty() && said.established.backend.empty());
  }
}

// One of those that take no new flows lives: what goes on is said, and what is refused.
void test_what_is_said_of_a_closed_service_is_done(void** state) {
  Box& box = of(state);
  const PlanPointer first = built(with_weights(1, 1, 0));
  const PlanPointer second = built_after(first, with_weights(0, 1, 0), box.tick());
  PlanSpec spec = with_weights(0, 0, 0);
  spec.services[0].closed = Reason::next_hop_unresolved;
  spec.services[1].members[0].weight = 0;
  spec.backends[1].is_alive = false;
  const PlanPointer closed = built_after(second, spec, box.tick() + 1);
  size_t staying = 0;
  for (uint16_t i = 0; i < kFlows; ++i) {
    const Client client{.port = static_cast<uint16_t>(1'000 + i)};
    const Diagnosis said = said_of(box, *closed, client);
    assert_int_equal(said.reason, Reason::none);
    assert_int_equal(said.opening.reason, Reason::next_hop_unresolved);
    assert_true(said.opening.backend.empty());
    const std::string later = backend_of_packet(box, *closed, client, kTcpAck);
    assert_string_equal(said.established.backend.c_str(), later.c_str());
    assert_int_equal(said.established.reason,
                     later.empty() ? Reason::next_hop_unresolved : Reason::none);
    assert_int_equal(said.headers.empty(), later.empty());
    assert_string_equal(backend_of_packet(box, *closed, client, kTcpSyn).c_str(), "");
    staying += later.empty() ? 0 : 1;
  }
  assert_in_range(staying, kFlows / 4, kFlows - 1);
}

void test_echo_requests_are_answered(void** /*state*/) {
  const PlanPointer plan = built(good_spec());
  struct {
    const char* description;
    Client client;
    Reason reason;
  } const rows[] = {
      {"a VIP of IPv4", {.protocol = Protocol::icmp}, Reason::none},
      {"another address", {.vip = "192.0.2.99", .protocol = Protocol::icmp}, Reason::no_service},
      {"a source that nobody has",
       {.address = "127.0.0.1", .protocol = Protocol::icmp},
       Reason::bad_address},
  };
  for (const auto& row : rows) {
    const Diagnosis said = diagnose(*plan, secret_of(1), key_of(row.client), {}, kNow);
    const bool is_answered = row.reason == Reason::none;
    if (said.reason != row.reason || said.is_answered != is_answered) {
      fail_msg("%s: found %s", row.description, to_string(said.reason));
    }
    assert_true(said.service.empty() && said.established.backend.empty());
    assert_int_equal(said.headers.empty(), !is_answered);
    if (!is_answered) continue;
    assert_string_equal(said.headers[1].text.c_str(),
                        "192.0.2.1 > 198.51.100.7, protocol 1, ttl 64");
    assert_true(said.headers[2] == (HeaderText{"icmp", "echo reply, identifier 40000"}));
  }
}

// One that stands still must not pass for one that remembers nothing.
void test_a_worker_that_does_not_answer(void** /*state*/) {
  const PlanPointer plan = built(good_spec());
  const Remembered remembered = {std::nullopt, FlowMemory::Found{}};
  const Diagnosis said = diagnose(*plan, secret_of(1), key_of({}), remembered, kNow);
  assert_int_equal(said.memory.size(), 2);
  assert_false(said.memory[0].has_answered);
  assert_true(said.memory[1].has_answered && said.memory[1].backend.empty());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_what_is_said_is_done, setup, teardown),
      cmocka_unit_test_setup_teardown(test_what_is_said_of_a_closed_service_is_done, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(test_headers_are_those_sent, setup, teardown),
      cmocka_unit_test(test_headers_of_other_modes),
      cmocka_unit_test(test_what_is_not_forwarded_has_a_reason),
      cmocka_unit_test(test_echo_requests_are_answered),
      cmocka_unit_test(test_a_worker_that_does_not_answer),
  };
  return cmocka_run_group_tests_name("manage/diagnosis", tests, nullptr, nullptr);
}
