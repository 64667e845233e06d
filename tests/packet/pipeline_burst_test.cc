// A burst is its packets one after the other: however they are put together, every packet leaves as
// it does alone, and the same is counted and remembered. What is done to eight at once must not
// show.
#include <random>
#include <string>

#include "firmware/packet/pipeline.h"
#include "tests/cmocka.h"
#include "tests/packet/box.h"

namespace evenkeel {
namespace {

struct State {
  Box alone;
  Box together;
};

int setup(void** state) {
  *state = new State;
  return 0;
}
int teardown(void** state) {
  std::unique_ptr<State>(static_cast<State*>(*state));
  return 0;
}
State& of(void** state) { return *static_cast<State*>(*state); }

// Backends of each service are of different modes, so that one eight meets them all.
PlanSpec spec_of_many_modes() {
  PlanSpec spec = good_spec();
  spec.backends[1].forwarding.mode = Mode::gre;
  spec.backends[1].forwarding.source_entropy_bits = 12;
  spec.backends[1].forwarding.mtu = 200;
  spec.backends[2].forwarding.mode = Mode::gue;
  spec.backends[2].forwarding.vlan = 7;
  spec.backends[3].forwarding.mode = Mode::l3_direct;
  spec.backends[3].forwarding.dscp = 21;
  spec.backends[4].forwarding.mode = Mode::nat;
  spec.backends[4].forwarding.destination = address_of("2001:db8:b::1");
  spec.backends[4].forwarding.destination_port = 8'080;
  spec.backends[5].forwarding.mode = Mode::l2_direct;
  spec.services[0].members.push_back({3});
  for (uint32_t i = 6; i < 9; ++i) {
    spec.backends.push_back(backend_of(i, false));
    spec.services[2].members.push_back({i});
    if (i == 8) continue;
    spec.backends[i].forwarding.destination = address_of("fd00::9");
    spec.backends[i].forwarding.tunnel_source = address_of("fd00::1:0:0:0");
  }
  spec.backends[6].forwarding.source_entropy_bits = 32;
  spec.backends[7].forwarding.mode = Mode::gre;
  spec.backends[7].forwarding.vlan = 7;
  spec.backends[7].forwarding.mtu = 1'400;
  for (const char* const vip : {"192.0.2.1", "192.0.2.2"}) {
    const bool is_first = spec.services.size() == 3;
    spec.services.push_back(service_of(is_first ? "dns" : "log", vip, 53, {{0}, {1}, {2}}));
    spec.services.back().points[0].protocol = static_cast<uint8_t>(Protocol::udp);
    spec.services.back().affinity = is_first ? Affinity::sticky : Affinity::stateless;
    spec.services.back().hash_over = is_first ? HashOver::source : HashOver::source_destination;
  }
  spec.services.push_back(service_of("range", "192.0.2.3", 1'000, {{0}, {2}}));
  spec.services.back().points[0].last_port = 1'999;
  spec.services.push_back(service_of("mail6", "2001:db8::2", 25, {{6}, {7}}));
  return spec;
}

std::vector<PlanPointer> plans() {
  PlanSpec spec = spec_of_many_modes();
  std::vector<PlanPointer> result = {built(spec)};
  for (ServiceSpec& service : spec.services) service.members.back().weight = 5;
  result.push_back(built_after(result.back(), spec, kNow + 10));
  spec.services[0].members[1].weight = 0;
  spec.services[3].members[1].weight = 0;
  spec.services[4].members[1].weight = 0;
  spec.services[1].members[0].weight = 0;
  spec.backends[1].is_alive = false;
  result.push_back(built_after(result.back(), spec, kNow + 20));
  return result;
}

Client random_client_v6(std::mt19937& random) {
  const auto port = static_cast<uint16_t>(20'000 + random() % 400);
  const bool is_mail = random() % 4 == 0;
  return {.address = "2001:db8:c::7",
          .vip = is_mail ? "2001:db8::2" : "2001:db8::1",
          .port = port,
          .vip_port = static_cast<uint16_t>(is_mail ? 25 : 80)};
}

Bytes random_packet(std::mt19937& random, bool only_ipv6) {
  const auto below = [&](uint32_t range) { return static_cast<uint16_t>(random() % range); };
  constexpr uint8_t kFlags[] = {kTcpSyn, kTcpAck,           kTcpAck,           kTcpAck,
                                kTcpRst, kTcpFin | kTcpAck, kTcpSyn | kTcpAck, 0};
  Client client = {.port = static_cast<uint16_t>(20'000 + below(400))};
  const uint16_t kind = below(24);
  if (kind < 4) client = {.vip = "192.0.2.2", .port = client.port, .vip_port = 25};
  if (kind == 6 || kind == 7) {
    client = {.vip = kind == 6 ? "192.0.2.1" : "192.0.2.2",
              .port = client.port,
              .vip_port = 53,
              .protocol = Protocol::udp};
  }
  if (kind == 4 || kind == 5 || only_ipv6) client = random_client_v6(random);
  if (kind == 8 && !only_ipv6)
    client = {.vip = "192.0.2.3", .port = client.port, .vip_port = 1'500};
  if (kind == 9) client.vip_port = 81;
  if (kind == 10) return too_big_about(client);
  if (kind == 11) return echo_from(client);
  const uint16_t large = only_ipv6 ? 1'290 : 180;
  Bytes packet = packet_from(client, kFlags[below(8)], below(10) == 0 ? large : below(20));
  if (kind == 12) packet.resize(below(60));
  if (kind == 13) packet[below(only_ipv6 ? 74 : 54)] ^= static_cast<uint8_t>(1u << below(8));
  const bool is_v4 = packet.size() > kEthernet + sizeof(Ipv4Header) && packet[12] == 8;
  if (is_v4 && kind > 13 && below(8) == 0) {
    packet[kEthernet + offsetof(Ipv4Header, ttl)] = static_cast<uint8_t>(below(3));
    packet[kEthernet + offsetof(Ipv4Header, traffic_class)] = static_cast<uint8_t>(random());
    packet[kEthernet + offsetof(Ipv4Header, fragment)] = 0;
    mend_ipv4_checksum(packet.data() + kEthernet);
  }
  if (only_ipv6 && kind > 13 && below(4) == 0) {
    packet[kEthernet + offsetof(Ipv6Header, hop_limit)] = static_cast<uint8_t>(below(3));
    packet[kEthernet + 1] = static_cast<uint8_t>(random());
  }
  return packet;
}

void expect_same(const BackendCounts& one, const BackendCounts& other) {
  assert_int_equal(one.packets, other.packets);
  assert_int_equal(one.bytes, other.bytes);
  assert_int_equal(one.new_flows, other.new_flows);
  assert_int_equal(one.opened, other.opened);
  assert_int_equal(one.retried, other.retried);
  assert_int_equal(one.completed, other.completed);
  assert_int_equal(one.lost, other.lost);
  assert_int_equal(one.reset, other.reset);
}

void expect_same(const Box& one, const Box& other, const Plan& plan) {
  for (size_t slot = 0; slot < plan.backend_records.size(); ++slot) {
    expect_same(one.evidence().backend(static_cast<uint16_t>(slot)),
                other.evidence().backend(static_cast<uint16_t>(slot)));
  }
  assert_true(one.counts().drops == other.counts().drops);
  assert_int_equal(one.counts().received_packets, other.counts().received_packets);
  assert_int_equal(one.counts().received_bytes, other.counts().received_bytes);
  assert_int_equal(one.counts().forwarded_packets, other.counts().forwarded_packets);
  assert_int_equal(one.counts().forwarded_bytes, other.counts().forwarded_bytes);
  assert_int_equal(one.memory().remembered(one.tick()), other.memory().remembered(other.tick()));
  for (size_t number = 0; number < plan.services.size(); ++number) {
    for (size_t group = 0; group < kBucketGroups; ++group) {
      const auto quiet = [&](const Box& box) {
        return box.evidence().quiet_for(static_cast<uint16_t>(number), group, box.tick());
      };
      assert_int_equal(quiet(one), quiet(other));
    }
  }
}

void send_both_ways(State& boxes, const Plan& plan, std::mt19937& random, size_t length) {
  std::vector<Bytes> packets;
  const auto ipv6_eights = random();  // a bit each
  for (size_t i = 0; i < length; ++i) {
    packets.push_back(random_packet(random, (ipv6_eights >> i / 8 & 1) != 0));
  }
  const std::vector<Sent> together = boxes.together.burst(plan, packets);
  for (size_t i = 0; i < length; ++i) {
    const Sent alone = boxes.alone.burst(plan, {packets[i]}).front();
    if (alone.reason != together[i].reason || alone.bytes != together[i].bytes) {
      fail_msg("packet %zu of %zu: %s alone, %s together", i, length, to_string(alone.reason),
               to_string(together[i].reason));
    }
  }
}

void a_burst_is_its_packets(void** state) {
  State& boxes = of(state);
  std::mt19937 random(1);
  for (const PlanPointer& plan : plans()) {
    for (size_t round = 0; round < 20; ++round) {
      for (size_t length = 0; length <= kBurst; ++length) {
        send_both_ways(boxes, *plan, random, length);
      }
      // Less than the deadline of handshakes, which only idle loops would tell apart.
      boxes.alone.now += 100'000;
      boxes.together.now += 100'000;
    }
    expect_same(boxes.alone, boxes.together, *plan);
    boxes.alone.pass(10);
    boxes.together.pass(10);
    boxes.alone.idle(*plan);
    boxes.together.idle(*plan);
  }
  assert_true(boxes.alone.counts().forwarded_packets > 20'000);
  for (const Reason reason : {Reason::too_big, Reason::ttl_expired, Reason::no_service,
                              Reason::truncated, Reason::bad_checksum}) {
    assert_true(boxes.alone.counts().drops[static_cast<size_t>(reason)] > 10);
  }
}

// A flow's first packets in one burst, in every place of it.
void a_flow_may_begin_and_go_on_in_one_burst(void** state) {
  State& boxes = of(state);
  const std::vector<PlanPointer> all = plans();
  for (size_t first = 0; first + 2 < kBurst; ++first) {
    std::vector<Bytes> packets(kBurst, packet_from({}));
    const Client client = boxes.alone.sampled({.port = static_cast<uint16_t>(1'000 * (first + 1))});
    packets[first] = packet_from(client, kTcpSyn);
    packets[first + 1] = packet_from(client, kTcpAck);
    packets[first + 2] = packet_from(client, kTcpAck);
    boxes.together.burst(*all[1], packets);
    for (const Bytes& packet : packets) boxes.alone.send(*all[1], packet);
    const FlowMemory& memory = boxes.together.memory();
    const FlowMemory::Found found =
        memory.find(boxes.together.flow_hash(client), boxes.together.tick());
    if (found.backend != kNoBackend) assert_int_equal(found.state, FlowState::finished);
  }
  expect_same(boxes.alone, boxes.together, *all[1]);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_burst_is_its_packets, setup, teardown),
      cmocka_unit_test_setup_teardown(a_flow_may_begin_and_go_on_in_one_burst, setup, teardown),
  };
  return cmocka_run_group_tests_name("packet/pipeline_burst", tests, nullptr, nullptr);
}
