// Packets in, what they tell of backends out: of followed flows, of sources, and of replies.
#include "tests/cmocka.h"
#include "tests/exchange/counts.h"
#include "tests/packet/box.h"

namespace evenkeel {
namespace {

const Client kClient4;

int setup(void** state) {
  *state = new Box;
  return 0;
}
int teardown(void** state) {
  std::unique_ptr<Box>(static_cast<Box*>(*state));
  return 0;
}
Box& of(void** state) { return *static_cast<Box*>(*state); }

// A TCP packet with this number acknowledged, and padded as Ethernet does it.
Bytes segment(const Client& client, uint8_t flags, uint32_t acknowledgement = 0, size_t payload = 0,
              uint16_t window = 0xffff) {
  Bytes bytes = packet_from(client, flags, payload);
  const size_t l4 = bytes.size() - payload - sizeof(TcpHeader);
  store(bytes.data() + l4 + offsetof(TcpHeader, acknowledgement), Big32(acknowledgement));
  store(bytes.data() + l4 + offsetof(TcpHeader, window), Big16(window));
  mend_transport(bytes, l4 + offsetof(TcpHeader, checksum));
  if (bytes.size() < 60) bytes.resize(60);
  return bytes;
}

// All of a service go to one backend, in this mode, and every flow is followed.
PlanSpec spec_by(Mode mode, const char* destination, uint8_t shift = 0) {
  PlanSpec spec = good_spec();
  ForwardingSpec& forwarding = spec.backends[0].forwarding;
  forwarding.mode = mode;
  forwarding.destination = address_of(destination);
  forwarding.translation_prefix = address_of("64:ff9b::");
  forwarding.dscp = 1;
  forwarding.inner_source_mac = {2, 0, 0, 0, 0, 5};
  forwarding.inner_destination_mac = {2, 0, 0, 0, 0, 6};
  if (!forwarding.destination.is_v4()) forwarding.tunnel_source = address_of("2001:db8:9::9");
  spec.services[0].members = {{0}};
  spec.sample_shift = shift;
  return spec;
}

void expect_flow_counts(const BackendCounts& counts, BackendCounts expected) {
  expected.packets = counts.packets;
  expected.bytes = counts.bytes;
  expected.new_flows = counts.new_flows;
  expect_counts(counts, expected);
}

// --- Handshakes and responses --------------------------------------------------------------------

struct Way {
  const char* description;
  Mode mode;
  const char* destination;
};

const Way kWays[] = {
    {"L2 direct", Mode::l2_direct, "10.0.0.1"}, {"L3 direct", Mode::l3_direct, "10.0.0.1"},
    {"NAT44", Mode::nat, "10.0.0.1"},           {"NAT46", Mode::nat, "2001:db8:b::1"},
    {"4 in 4", Mode::ipip, "10.0.0.1"},         {"4 in 6", Mode::ipip, "2001:db8:b::1"},
    {"VXLAN", Mode::vxlan, "10.0.0.1"},         {"Geneve", Mode::geneve, "2001:db8:b::1"},
};

// What the packet says is read where it is by then, whatever was put before it; whether the packets
// come alone or eight at a time.
void a_response_is_seen_in_every_mode(void** state) {
  for (const Way& way : kWays) {
    for (const size_t clients : {1u, 8u, 13u}) {
      print_message("  %s, %zu clients\n", way.description, clients);
      teardown(state);
      *state = new Box(kHandshakesDefault);
      Box& box = of(state);
      const PlanPointer plan = built(spec_by(way.mode, way.destination));
      const auto all = [&](uint8_t flags, uint32_t number, size_t payload) {
        std::vector<Bytes> packets;
        for (size_t i = 0; i < clients; ++i) {
          Client client = kClient4;
          client.port = static_cast<uint16_t>(client.port + i);
          packets.push_back(segment(client, flags, number, payload));
        }
        for (const Sent& sent : box.burst(*plan, packets)) {
          assert_int_equal(sent.reason, Reason::none);
        }
        box.now += 100;
      };
      all(kTcpSyn, 0, 0);
      all(kTcpAck, 0xffff'ffff, 0);
      all(kTcpAck, 0xffff'ffff, 30);
      all(kTcpAck, 0xffff'ffff, 0);
      all(kTcpAck, 200, 0);
      all(kTcpAck | kTcpFin, 200, 0);
      expect_flow_counts(box.counts(*plan, "four-0"), {.opened = clients,
                                                       .completed = clients,
                                                       .asked = clients,
                                                       .answered = clients,
                                                       .good = clients});
      const uint16_t slot = slot_of(*plan, "four-0");
      const Evidence& evidence = box.evidence();
      assert_int_equal(evidence.handshake_times(slot).counts[latency_bucket(100)], clients);
      assert_int_equal(evidence.response_times(slot).counts[latency_bucket(200)], clients);
    }
  }
}

// In the order in which they came.
void a_flow_may_pass_in_one_burst(void** state) {
  Box& box = of(state);
  const PlanPointer plan = built(spec_by(Mode::ipip, "10.0.0.1"));
  box.burst(*plan, {segment(kClient4, kTcpSyn), segment(kClient4, kTcpAck, 5),
                    segment(kClient4, kTcpAck, 5, 9), segment(kClient4, kTcpAck, 5, 9),
                    segment(kClient4, kTcpAck | kTcpFin, 5), segment(kClient4, kTcpAck, 70),
                    segment(kClient4, kTcpSyn), segment(kClient4, kTcpRst),
                    segment(kClient4, kTcpSyn), segment(kClient4, kTcpSyn)});
  expect_flow_counts(box.counts(*plan, "four-0"), {.opened = 3,
                                                   .retried = 1,
                                                   .completed = 1,
                                                   .reset = 1,
                                                   .retried_flows = 1,
                                                   .asked = 1,
                                                   .answered = 1,
                                                   .good = 1,
                                                   .bad = 1});
}

struct Told {
  const char* description;
  std::vector<Bytes> packets;  // after the SYN
  BackendCounts counts;
};

std::vector<Told> tales() {
  constexpr uint8_t kFinAck = kTcpFin | kTcpAck;
  const BackendCounts asked = {.opened = 1, .completed = 1, .asked = 1};
  const BackendCounts unanswered = {
      .opened = 1, .completed = 1, .asked = 1, .unanswered = 1, .bad = 1};
  Bytes options = packet_from(kClient4, kTcpAck, 12);
  options[kEthernet + sizeof(Ipv4Header) + offsetof(TcpHeader, data_offset)] = 0x80;
  return {
      {"ICMP errors say nothing of the client", {too_big_about(kClient4)}, {.opened = 1}},
      {"padding is no payload", {segment(kClient4, kTcpAck, 5)}, {.opened = 1, .completed = 1}},
      {"nor are options", {options}, {.opened = 1, .completed = 1}},
      {"one byte is", {segment(kClient4, kTcpAck, 5, 1)}, asked},
      {"a request and a RST",
       {segment(kClient4, kTcpAck, 5, 1), segment(kClient4, kTcpRst, 0)},
       unanswered},
      {"a RST's number counts only if it acknowledges",
       {segment(kClient4, kTcpAck, 5, 1), segment(kClient4, kTcpRst, 900)},
       unanswered},
      {"a request and the server's FIN",
       {segment(kClient4, kTcpAck, 5, 1), segment(kClient4, kFinAck, 6)},
       unanswered},
      {"no request",
       {segment(kClient4, kTcpAck, 5), segment(kClient4, kFinAck, 5)},
       {.opened = 1, .completed = 1, .good = 1}},
      {"the second half of a handshake from elsewhere",
       {segment(kClient4, kTcpSyn | kTcpAck, 5)},
       {.opened = 1, .completed = 1}},
  };
}

void what_clients_tell(void** state) {
  const PlanPointer plan = built(spec_by(Mode::ipip, "10.0.0.1"));
  for (const Told& told : tales()) {
    print_message("  %s\n", told.description);
    teardown(state);
    *state = new Box;
    Box& box = of(state);
    box.send(*plan, segment(kClient4, kTcpSyn));
    for (const Bytes& packet : told.packets) box.send(*plan, packet);
    expect_flow_counts(box.counts(*plan, "four-0"), told.counts);
  }
}

// There is no acknowledgement to be followed.
void sctp_is_followed_up_to_its_handshake(void** state) {
  Box& box = of(state);
  PlanSpec spec = spec_by(Mode::ipip, "10.0.0.1");
  spec.services[0].points = {point_of("192.0.2.1", 80, 80, Protocol::sctp)};
  const PlanPointer plan = built(spec);
  Client client = kClient4;
  client.protocol = Protocol::sctp;
  Bytes init = packet_from(client);
  init[init.size() - 6] = 1;  // the first chunk's type
  Bytes data = packet_from(client);
  data[data.size() - 6] = 0;
  box.burst(*plan, {init, data, data});
  expect_flow_counts(box.counts(*plan, "four-0"), {.opened = 1, .completed = 1, .good = 1});
}

void deadlines_pass_while_nothing_comes(void** state) {
  Box& box = of(state);
  const PlanPointer plan = built(spec_by(Mode::ipip, "10.0.0.1"));
  Client asking = kClient4;
  asking.port = 50'000;
  box.burst(*plan, {segment(kClient4, kTcpSyn), segment(asking, kTcpSyn),
                    segment(asking, kTcpAck, 5, 10)});
  box.now += Handshakes::kDefaultDeadline - 1;
  box.idle(*plan, 2);
  expect_flow_counts(box.counts(*plan, "four-0"), {.opened = 2, .completed = 1, .asked = 1});
  box.now += 100'000;
  box.idle(*plan);
  expect_flow_counts(
      box.counts(*plan, "four-0"),
      {.opened = 2, .completed = 1, .lost = 1, .asked = 1, .unanswered = 1, .bad = 2});
}

// --- The sample ----------------------------------------------------------------------------------

void other_flows_are_not_followed(void** state) {
  teardown(state);
  *state = new Box(kHandshakesDefault);
  Box& box = of(state);
  PlanSpec spec = good_spec();
  spec.services[0].members = {{0}};
  const PlanPointer plan = built(spec);
  uint64_t sampled = 0;
  for (uint16_t port = 1; port <= 2'000; ++port) {
    Client client = kClient4;
    client.port = port;
    sampled += Handshakes::is_sampled(box.flow_hash(client)) ? 1 : 0;
    box.send(*plan, packet_from(client, kTcpSyn));
    box.send(*plan, packet_from(client, kTcpAck));
  }
  assert_int_equal(box.counts(*plan, "four-0").opened, sampled);
  assert_int_equal(box.counts(*plan, "four-0").completed, sampled);
  assert_int_equal(box.counts(*plan, "four-0").new_flows, 2'000);
  assert_in_range(sampled, 80, 170);  // one in sixteen
}

// One of a plan's 2^shift, and those that began under the plan before are not lost.
void the_plan_says_how_many_are_followed(void** state) {
  Box& box = of(state);
  const PlanPointer every = built(spec_by(Mode::ipip, "10.0.0.1"));
  const PlanPointer few =
      built_after(every, spec_by(Mode::ipip, "10.0.0.1", Handshakes::kSampleBits), box.tick() + 1);
  Client client = kClient4;
  while (Handshakes::is_sampled(box.flow_hash(client), 1)) ++client.port;
  Client next = client;
  ++next.port;
  while (Handshakes::is_sampled(box.flow_hash(next), 1)) ++next.port;
  box.send(*every, segment(client, kTcpSyn));
  box.send(*few, segment(next, kTcpSyn));
  box.send(*few, segment(next, kTcpAck, 5, 10));
  box.send(*few, segment(client, kTcpAck, 5, 10));
  box.send(*few, segment(client, kTcpAck, 90));
  const BackendCounts answered = {
      .opened = 1, .completed = 1, .asked = 1, .answered = 1, .good = 1};
  expect_flow_counts(box.counts(*few, "four-0"), answered);
  box.pass(10);
  box.send(*few, segment(client, kTcpSyn));
  expect_flow_counts(box.counts(*few, "four-0"), answered);
  box.send(*every, segment(client, kTcpSyn));
  assert_int_equal(box.counts(*every, "four-0").opened, 2);
}

// --- Sources -------------------------------------------------------------------------------------

void sources_are_told(void** state) {
  Box& box = of(state);
  const PlanPointer plan = built(good_spec());
  box.now = 160 * kMicrosecondsPerTick;
  for (uint32_t i = 0; i < 300; ++i) {
    const std::string address = "203.0." + std::to_string(i / 200) + "." + std::to_string(i % 200);
    box.send(*plan, packet_from({.address = address.c_str()}, kTcpSyn));
    box.burst(*plan, std::vector<Bytes>(kBurst, packet_from(kClient4)));
  }
  const auto counts = box.evidence().sources().read(number_of(*plan, "web"), 10);
  assert_true(counts.has_value());
  assert_in_range(static_cast<uint64_t>(counts->distinct()), 250, 350);
  assert_true(counts->heavy[0].source == address_of(kClient4.address));
}

// A sample of one packet a burst, of every place in turn.
void every_place_of_a_burst_is_sampled(void** state) {
  Box& box = of(state);
  const PlanPointer plan = built(good_spec());
  box.now = 160 * kMicrosecondsPerTick;
  std::vector<Bytes> burst;
  for (size_t i = 0; i < kBurst; ++i) {
    const std::string address = "203.0.113." + std::to_string(i + 1);
    burst.push_back(packet_from({.address = address.c_str()}));
  }
  for (size_t i = 0; i < 3 * kBurst; ++i) box.burst(*plan, burst);
  const auto counts = box.evidence().sources().read(number_of(*plan, "web"), 10);
  assert_true(counts.has_value());
  assert_in_range(static_cast<uint64_t>(counts->distinct()), kBurst - 3, kBurst + 2);
}

// What the box drops itself says nothing about a backend.
void a_dropped_opening_is_no_flow(void** state) {
  Box& box = of(state);
  PlanSpec spec = good_spec();
  spec.services[0].members = {{0}};
  const PlanPointer plan = built(spec);
  Bytes packet = packet_from(box.sampled({}), kTcpSyn);
  packet[kEthernet + offsetof(Ipv4Header, ttl)] = 1;
  mend_ipv4_checksum(packet.data() + kEthernet);
  assert_int_equal(box.send(*plan, packet).reason, Reason::ttl_expired);
  assert_int_equal(box.counts(*plan, "four-0").new_flows, 0);
  assert_int_equal(box.counts(*plan, "four-0").opened, 0);
}

// --- Replies -------------------------------------------------------------------------------------

// "web" and "mail" share the server 10.0.0.1, on ports of their own.
PlanSpec nat_spec() {
  PlanSpec spec = good_spec();
  for (size_t i = 0; i < 4; ++i) {
    ForwardingSpec& forwarding = spec.backends[i].forwarding;
    forwarding.mode = Mode::nat;
    forwarding.destination_port = i == 3 ? 2'525 : 8'080;
    forwarding.destination = address_of(i == 1 ? "10.0.0.2" : i == 2 ? "10.0.0.3" : "10.0.0.1");
  }
  spec.services[0].members = {{0}, {1}, {2}};
  spec.services[1].members = {{3}};
  spec.ways = {{{address_of("198.51.100.0"), 96 + 24},
                {.resolved = true,
                 .source_mac = {2, 0, 0, 0, 0, 1},
                 .destination_mac = {2, 0, 0, 0, 0, 3}}}};
  return spec;
}

// The server that a client's packets go to, as the client of its replies.
Client server_of(Box& box, const Plan& plan, const Client& client) {
  const Sent sent = box.send(plan, segment(client, kTcpAck));
  CHECK(sent.reason == Reason::none);
  const auto ip = load<Ipv4Header>(sent.bytes.data() + kEthernet);
  const auto tcp = load<TcpHeader>(sent.bytes.data() + kEthernet + sizeof ip);
  static constexpr std::array kServers = {"10.0.0.1", "10.0.0.2", "10.0.0.3"};
  return {.address = kServers.at(ip.destination.value() - 0x0a00'0001),
          .vip = client.address,
          .port = tcp.destination_port.value(),
          .vip_port = client.port};
}

BackendCounts troubles_of(const Box& box, const Plan& plan, const char* backend) {
  const BackendCounts counts = box.counts(plan, backend);
  return {.server_resets = counts.server_resets, .zero_windows = counts.zero_windows};
}

void troubles_count_for_the_backend_of_the_flow(void** state) {
  const struct {
    const char* description;
    uint8_t flags;
    uint16_t window;
    BackendCounts counts;
  } cases[] = {
      {"all is well", kTcpAck, 1, {}},
      {"a handshake", kTcpSyn | kTcpAck, 0xffff, {}},
      {"closed", kTcpFin | kTcpAck, 100, {}},
      {"reset", kTcpRst | kTcpAck, 100, {.server_resets = 1}},
      {"reset, which says no window", kTcpRst, 0, {.server_resets = 1}},
      {"full", kTcpAck, 0, {.zero_windows = 1}},
  };
  const char* const names[] = {"four-0", "four-1", "four-2", "four-3"};
  for (const auto& example : cases) {
    print_message("  %s\n", example.description);
    teardown(state);
    *state = new Box;
    Box& box = of(state);
    const PlanPointer plan = built(nat_spec());
    std::array<BackendCounts, 4> expected{};
    for (uint16_t i = 0; i < 40; ++i) {
      Client client = kClient4;
      client.port = static_cast<uint16_t>(client.port + i);
      if (i % 4 == 3) client.vip = "192.0.2.2";
      if (i % 4 == 3) client.vip_port = 25;
      const Client server = server_of(box, *plan, client);
      const Sent sent = box.send(*plan, segment(server, example.flags, 5, 0, example.window));
      assert_int_equal(sent.reason, Reason::none);
      const auto ip = load<Ipv4Header>(sent.bytes.data() + kEthernet);
      assert_true(Address::v4(ip.source) == address_of(client.vip));
      expected[i % 4 == 3 ? 3 : static_cast<size_t>(server.address[7] - '1')] += example.counts;
    }
    for (size_t i = 0; i < 4; ++i) {
      expect_counts(troubles_of(box, *plan, names[i]), expected[i]);
    }
  }
}

// While its bucket has moved, a flow's replies come from where its packets go.
void troubles_of_moved_flows_count_where_they_are(void** state) {
  Box& box = of(state);
  PlanSpec spec = nat_spec();
  spec.services[0].members = {{0}};
  const PlanPointer before = built(spec);
  spec.services[0].members = {{0, 0}, {1, 1}};
  const PlanPointer plan = built_after(before, spec, box.tick() + 1);
  box.pass(2);
  Client fresh = kClient4;
  ++fresh.port;
  box.send(*plan, segment(fresh, kTcpSyn));
  const Client old_server = server_of(box, *plan, kClient4);
  const Client new_server = server_of(box, *plan, fresh);
  assert_string_equal(old_server.address, "10.0.0.1");
  assert_string_equal(new_server.address, "10.0.0.2");
  box.burst(*plan, {segment(old_server, kTcpRst), segment(new_server, kTcpAck, 1, 0, 0)});
  expect_counts(troubles_of(box, *plan, "four-0"), {.server_resets = 1});
  expect_counts(troubles_of(box, *plan, "four-1"), {.zero_windows = 1});
}

// A reply of a server to which the flow does not belong, or of a service that is closed, is passed
// on as ever, and says nothing of anybody.
void troubles_of_nobodys_flows_are_not_counted(void** state) {
  Box& box = of(state);
  PlanSpec spec = nat_spec();
  const PlanPointer plan = built(spec);
  Client server = server_of(box, *plan, kClient4);
  server.address = server.address == std::string("10.0.0.2") ? "10.0.0.3" : "10.0.0.2";
  assert_int_equal(box.send(*plan, segment(server, kTcpRst)).reason, Reason::none);
  spec.services[0].closed = Reason::no_backend;
  const PlanPointer closed = built_after(plan, spec, box.tick() + 1);
  assert_int_equal(box.send(*closed, segment(server, kTcpRst)).reason, Reason::none);
  for (uint16_t slot = 0; slot < 6; ++slot) {
    assert_int_equal(box.evidence().backend(slot).server_resets, 0);
  }
}

// What the box does not pass on has harmed nobody.
void troubles_of_dropped_replies_are_not_counted(void** state) {
  Box& box = of(state);
  PlanSpec spec = nat_spec();
  spec.ways.clear();
  const PlanPointer plan = built(spec);
  const Client server = server_of(box, *plan, kClient4);
  assert_int_equal(box.send(*plan, segment(server, kTcpRst)).reason, Reason::next_hop_unresolved);
  for (uint16_t slot = 0; slot < 6; ++slot) {
    assert_int_equal(box.evidence().backend(slot).server_resets, 0);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_response_is_seen_in_every_mode, setup, teardown),
      cmocka_unit_test_setup_teardown(a_flow_may_pass_in_one_burst, setup, teardown),
      cmocka_unit_test_setup_teardown(what_clients_tell, setup, teardown),
      cmocka_unit_test_setup_teardown(sctp_is_followed_up_to_its_handshake, setup, teardown),
      cmocka_unit_test_setup_teardown(deadlines_pass_while_nothing_comes, setup, teardown),
      cmocka_unit_test_setup_teardown(other_flows_are_not_followed, setup, teardown),
      cmocka_unit_test_setup_teardown(the_plan_says_how_many_are_followed, setup, teardown),
      cmocka_unit_test_setup_teardown(sources_are_told, setup, teardown),
      cmocka_unit_test_setup_teardown(every_place_of_a_burst_is_sampled, setup, teardown),
      cmocka_unit_test_setup_teardown(a_dropped_opening_is_no_flow, setup, teardown),
      cmocka_unit_test_setup_teardown(troubles_count_for_the_backend_of_the_flow, setup, teardown),
      cmocka_unit_test_setup_teardown(troubles_of_moved_flows_count_where_they_are, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(troubles_of_nobodys_flows_are_not_counted, setup, teardown),
      cmocka_unit_test_setup_teardown(troubles_of_dropped_replies_are_not_counted, setup, teardown),
  };
  return cmocka_run_group_tests_name("packet/pipeline_evidence", tests, nullptr, nullptr);
}
