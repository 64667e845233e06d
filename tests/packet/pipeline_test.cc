#include "firmware/packet/pipeline.h"

#include <numeric>
#include <string>

#include "tests/base/death.h"
#include "tests/cmocka.h"
#include "tests/packet/box.h"

namespace evenkeel {
namespace {

const Client kClient4;
const Client kClient6 = {.address = "2001:db8:c::7", .vip = "2001:db8::1"};

int setup(void** state) {
  *state = new Box;
  return 0;
}
int teardown(void** state) {
  std::unique_ptr<Box>(static_cast<Box*>(*state));
  return 0;
}
Box& of(void** state) { return *static_cast<Box*>(*state); }

// --- Every mode ----------------------------------------------------------------------------------

struct Way {
  const char* description;
  Mode mode;
  bool inner_is_v4;
  const char* destination;
};

const Way kWays[] = {
    {"L2 direct, IPv4", Mode::l2_direct, true, "10.0.0.1"},
    {"L2 direct, IPv6", Mode::l2_direct, false, "2001:db8:b::1"},
    {"L3 direct, IPv4", Mode::l3_direct, true, "10.0.0.1"},
    {"L3 direct, IPv6", Mode::l3_direct, false, "2001:db8:b::1"},
    {"NAT44", Mode::nat, true, "10.0.0.1"},
    {"NAT66", Mode::nat, false, "2001:db8:b::1"},
    {"4 in 4", Mode::ipip, true, "10.0.0.1"},
    {"6 in 4", Mode::ipip, false, "10.0.0.1"},
    {"4 in 6", Mode::ipip, true, "2001:db8:b::1"},
    {"6 in 6", Mode::ipip, false, "2001:db8:b::1"},
    {"GRE, 4 in 4", Mode::gre, true, "10.0.0.1"},
    {"GRE, 6 in 6", Mode::gre, false, "2001:db8:b::1"},
    {"GUE, 4 in 4", Mode::gue, true, "10.0.0.1"},
    {"GUE, 6 in 4", Mode::gue, false, "10.0.0.1"},
    {"VXLAN, 4 in 4", Mode::vxlan, true, "10.0.0.1"},
    {"VXLAN, 6 in 6", Mode::vxlan, false, "2001:db8:b::1"},
    {"Geneve, 4 in 6", Mode::geneve, true, "2001:db8:b::1"},
    {"Geneve, 6 in 4", Mode::geneve, false, "10.0.0.1"},
};

BackendSpec backend_by(const Way& way) {
  BackendSpec backend = backend_of(0, way.inner_is_v4);
  ForwardingSpec& forwarding = backend.forwarding;
  forwarding.mode = way.mode;
  forwarding.destination = address_of(way.destination);
  forwarding.tunnel_source =
      address_of(forwarding.destination.is_v4() ? "172.16.0.1" : "2001:db8:a::1");
  forwarding.inner_source_mac = {2, 0, 0, 0, 1, 1};
  forwarding.inner_destination_mac = {2, 0, 0, 0, 1, 2};
  forwarding.dscp = 21;
  if (way.mode == Mode::nat) forwarding.destination_port = 8'080;
  return backend;
}

// The IP packet one hop later; of L3 direct and NAT, addressed anew, and marked or with another
// port.
Bytes expected_inner(const Way& way, const Bytes& packet) {
  Bytes inner(packet.begin() + kEthernet, packet.end());
  const Address destination = address_of(way.destination);
  const bool is_marked = way.mode == Mode::l3_direct;
  const bool is_rewritten = is_marked || way.mode == Mode::nat;
  if (way.inner_is_v4) {
    --inner[offsetof(Ipv4Header, ttl)];
    if (is_rewritten) {
      if (is_marked) inner[offsetof(Ipv4Header, traffic_class)] = 21 << 2;
      store(inner.data() + offsetof(Ipv4Header, destination), destination.as_v4());
    }
    mend_ipv4_checksum(inner.data());
  } else {
    --inner[offsetof(Ipv6Header, hop_limit)];
    if (is_marked) {
      inner[0] |= 21 << 2 >> 4;
      inner[1] |= (21 << 2 & 15) << 4;
    }
    if (is_rewritten) {
      store(inner.data() + offsetof(Ipv6Header, destination), destination);
    }
  }
  if (is_rewritten) {
    Bytes framed(kEthernet);
    framed.insert(framed.end(), inner.begin(), inner.end());
    const size_t l4 = kEthernet + (way.inner_is_v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header));
    const bool is_tcp = inner[way.inner_is_v4 ? offsetof(Ipv4Header, protocol)
                                              : offsetof(Ipv6Header, next_header)] == 6;
    if (!is_marked) store(framed.data() + l4 + offsetof(TcpHeader, destination_port), Big16(8'080));
    mend_transport(framed,
                   l4 + (is_tcp ? offsetof(TcpHeader, checksum) : offsetof(UdpHeader, checksum)));
    inner.assign(framed.begin() + kEthernet, framed.end());
  }
  return inner;
}

void every_mode_delivers_the_packet_intact(void** state) {
  Box& box = of(state);
  for (const Way& way : kWays) {
    const Client& base = way.inner_is_v4 ? kClient4 : kClient6;
    PlanSpec spec;
    spec.backends = {backend_by(way)};
    spec.services = {service_of("web", base.vip, 80, {{0}})};
    spec.services[0].points.push_back(point_of(base.vip, 80, 80, Protocol::udp));
    const PlanPointer plan = built(spec);
    const Forwarding& forwarding = plan->forwardings[0];
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
      for (const size_t payload : {size_t{6}, size_t{0}, size_t{1'200}}) {
        Client client = base;
        client.protocol = protocol;
        const Bytes packet = packet_from(client, kTcpAck, payload);
        const Sent sent = box.send(*plan, packet);
        if (sent.reason != Reason::none) {
          fail_msg("%s: %s", way.description, to_string(sent.reason));
        }
        const Bytes inner(sent.bytes.begin() + forwarding.header_length, sent.bytes.end());
        if (inner != expected_inner(way, packet)) fail_msg("%s", way.description);
        assert_memory_equal(sent.bytes.data(), spec.backends[0].forwarding.destination_mac.data(),
                            6);
        if (forwarding.overhead == 0) continue;
        const uint8_t* const outer =
            sent.bytes.data() + forwarding.header_length - forwarding.overhead;
        const Address to = outer[0] >> 4 == 4 ? Address::v4(load<Ipv4Header>(outer).destination)
                                              : Address::v6(outer + 24);
        assert_true(to == address_of(way.destination));
      }
    }
  }
}

// --- What is counted -----------------------------------------------------------------------------

uint64_t drops_of(const WorkerCounts& counts) {
  return std::accumulate(counts.drops.begin(), counts.drops.end(), uint64_t{0});
}

void expect_sums(const WorkerCounts& counts, uint64_t received) {
  assert_int_equal(counts.received_packets, received);
  assert_int_equal(counts.received_packets, counts.forwarded_packets + drops_of(counts));
  assert_int_equal(counts.drops[0], 0);
}

Client at(const char* vip, uint16_t vip_port) {
  Client client;
  client.vip = vip;
  client.vip_port = vip_port;
  return client;
}

Bytes patched(Bytes bytes, size_t offset, uint8_t value) {
  bytes[offset] = value;
  if (bytes[12] == 8) mend_ipv4_checksum(bytes.data() + kEthernet);
  return bytes;
}

struct Arrival {
  const char* description;
  Bytes packet;
  Reason reason;
};

std::vector<Arrival> arrivals() {
  const Bytes good = packet_from(kClient4);
  Bytes damaged = good;
  damaged[kEthernet + 10] ^= 1;
  Bytes arp = good;
  arp[13] = 6;
  return {
      {"good", good, Reason::none},
      {"good IPv6", packet_from(kClient6), Reason::none},
      {"another service", packet_from(at("192.0.2.2", 25)), Reason::none},
      {"other port", packet_from(at("192.0.2.1", 81)), Reason::no_service},
      {"other VIP", packet_from(at("192.0.2.77", 80)), Reason::no_service},
      {"other protocol", packet_from({.protocol = Protocol::udp}), Reason::no_service},
      {"no IP", arp, Reason::not_ip},
      {"nothing", {}, Reason::truncated},
      {"cut short", Bytes(good.begin(), good.end() - 10), Reason::truncated},
      {"damaged", damaged, Reason::bad_checksum},
      {"last hop", patched(good, kEthernet + offsetof(Ipv4Header, ttl), 1), Reason::ttl_expired},
      {"later fragment of what nobody has seen",
       patched(patched(good, kEthernet + offsetof(Ipv4Header, fragment) + 1, 9),
               kEthernet + offsetof(Ipv4Header, id), 0x77),
       Reason::fragment_later},
      {"first fragment",
       patched(packet_from(kClient4, kTcpAck, 4), kEthernet + offsetof(Ipv4Header, fragment), 0x20),
       Reason::none},
      {"no port", packet_from(at("192.0.2.1", 0)), Reason::zero_port},
      {"unknown transport", patched(good, kEthernet + offsetof(Ipv4Header, protocol), 50),
       Reason::unsupported_protocol},
      {"martian", packet_from({.address = "127.0.0.1"}), Reason::bad_address},
      {"echo", echo_from(kClient4), Reason::none},
      {"echo to IPv6", echo_from(kClient6), Reason::none},
      {"echo to nobody", echo_from(at("192.0.2.77", 0)), Reason::no_service},
      {"ICMP error", too_big_about(kClient4), Reason::none},
      {"ICMP error about no service", too_big_about(at("192.0.2.1", 81)), Reason::no_service},
      {"too big", packet_from(kClient4, kTcpAck, 1'441), Reason::too_big},
      {"largest", packet_from(kClient4, kTcpAck, 1'440), Reason::none},
      {"SYN and FIN", packet_from(kClient4, kTcpSyn | kTcpFin), Reason::bad_header},
  };
}

// In bursts of every length, and so in every place of one.
void every_packet_is_forwarded_or_dropped_for_its_reason(void** state) {
  Box& box = of(state);
  const PlanPointer plan = built(good_spec());
  const std::vector<Arrival> all = arrivals();
  WorkerCounts expected;
  size_t next = 0;
  for (size_t length = 0; length <= kBurst; ++length) {
    std::vector<Bytes> packets;
    std::vector<const Arrival*> rows;
    for (size_t i = 0; i < length; ++i) {
      rows.push_back(&all[next++ % all.size()]);
      packets.push_back(rows.back()->packet);
      ++expected.received_packets;
      expected.received_bytes += packets.back().size();
    }
    const std::vector<Sent> sent = box.burst(*plan, packets);
    for (size_t i = 0; i < length; ++i) {
      if (sent[i].reason != rows[i]->reason) {
        fail_msg("%s: %s", rows[i]->description, to_string(sent[i].reason));
      }
      if (sent[i].reason == Reason::none) {
        ++expected.forwarded_packets;
        expected.forwarded_bytes += sent[i].bytes.size();
      } else {
        ++expected.drops[static_cast<size_t>(sent[i].reason)];
      }
    }
  }
  const WorkerCounts counts = box.counts();
  expect_sums(counts, expected.received_packets);
  assert_int_equal(counts.received_bytes, expected.received_bytes);
  assert_int_equal(counts.forwarded_packets, expected.forwarded_packets);
  assert_int_equal(counts.forwarded_bytes, expected.forwarded_bytes);
  assert_true(counts.drops == expected.drops);
}

void a_burst_of_nothing_but_refuse(void** state) {
  Box& box = of(state);
  const PlanPointer plan = built(good_spec());
  for (const Sent& sent : box.burst(*plan, std::vector<Bytes>(kBurst))) {
    assert_int_equal(sent.reason, Reason::truncated);
  }
  const PlanPointer empty = built({});
  for (const Sent& sent : box.burst(*empty, std::vector<Bytes>(kBurst, packet_from(kClient4)))) {
    assert_int_equal(sent.reason, Reason::no_service);
  }
  expect_sums(box.counts(), 2 * kBurst);
  assert_int_equal(box.counts().forwarded_packets, 0);
  assert_int_equal(box.counts().forwarded_bytes, 0);
}

void a_backend_is_counted_by_what_it_gets(void** state) {
  Box& box = of(state);
  PlanSpec spec = good_spec();
  spec.services[0].members = {{0}};
  spec.services[1].members = {{1}};
  const PlanPointer plan = built(spec);
  std::vector<Bytes> packets;
  for (int i = 0; i < 4; ++i) packets.push_back(packet_from(kClient4, kTcpSyn));
  for (int i = 0; i < 9; ++i) packets.push_back(packet_from(kClient4, kTcpAck, 100));
  for (int i = 0; i < 5; ++i) packets.push_back(packet_from(at("192.0.2.2", 25)));
  packets.push_back(packet_from(kClient4, kTcpAck, 1'441));
  packets.push_back(too_big_about(kClient4));
  packets.push_back(echo_from(kClient4));
  box.burst(*plan, packets);
  const BackendCounts web = box.counts(*plan, "four-0");
  assert_int_equal(web.packets, 4 + 9 + 1);
  assert_int_equal(web.bytes, 4 * 46 + 9 * 140 + 56);
  assert_int_equal(web.new_flows, 4);
  const BackendCounts mail = box.counts(*plan, "four-1");
  assert_int_equal(mail.packets, 5);
  assert_int_equal(mail.bytes, 5 * 46);
  assert_int_equal(mail.new_flows, 0);
  assert_int_equal(box.counts(*plan, "four-2").packets, 0);
  expect_sums(box.counts(), packets.size());
}

void a_burst_that_is_too_long_is_a_bug(void** state) {
  Box& box = of(state);
  const PlanPointer plan = built(good_spec());
  std::array<Frame, kBurst + 1> frames{};
  std::array<Reason, kBurst + 1> reasons{};
  assert_true(dies_saying("kBurst", [&] { box.pipeline().run(*plan, frames, box.now, reasons); }));
}

// --- Echo ----------------------------------------------------------------------------------------

void echo_requests_for_a_vip_are_answered(void** state) {
  Box& box = of(state);
  const PlanPointer plan = built(good_spec());
  for (const Client& client : {kClient4, kClient6}) {
    const Bytes request = echo_from(client);
    const Sent sent = box.send(*plan, request);
    assert_int_equal(sent.reason, Reason::none);
    assert_int_equal(sent.bytes.size(), request.size());
    assert_memory_equal(sent.bytes.data(), request.data() + 6, 6);
    assert_memory_equal(sent.bytes.data() + 6, request.data(), 6);
    const uint8_t* const ip = sent.bytes.data() + kEthernet;
    const bool is_v4 = key_of(client).source.is_v4();
    const Address from = is_v4 ? Address::v4(load<Ipv4Header>(ip).source) : Address::v6(ip + 8);
    const Address to = is_v4 ? Address::v4(load<Ipv4Header>(ip).destination) : Address::v6(ip + 24);
    assert_true(from == address_of(client.vip) && to == address_of(client.address));
    const uint8_t* const icmp = ip + (is_v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header));
    assert_int_equal(icmp[0], is_v4 ? kIcmpEchoReply : kIcmpv6EchoReply);
    assert_memory_equal(icmp + 4, "\0\1\0\2ping", 8);
    assert_int_equal(plain_transport_sum(ip), 0xffff);
  }
  expect_sums(box.counts(), 2);
  for (uint16_t slot = 0; slot < 6; ++slot) {
    assert_int_equal(box.evidence().backend(slot).packets, 0);
  }
}

// Anybody can send them.
void icmp_errors_keep_no_window_open(void** state) {
  Box& box = of(state);
  const PlanPointer before = built(good_spec());
  PlanSpec spec = good_spec();
  spec.services[0].members[0].weight = 0;
  const PlanPointer plan = built_after(before, spec, box.tick());
  for (uint16_t i = 0; i < 500; ++i) {
    Client client;
    client.port = static_cast<uint16_t>(1000 + i);
    box.send(*plan, too_big_about(client));
  }
  for (size_t group = 0; group < kBucketGroups; ++group) {
    assert_true(box.evidence().quiet_for(number_of(*plan, "web"), group, box.tick()) ==
                Evidence::kNeverDeviated);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(every_mode_delivers_the_packet_intact, setup, teardown),
      cmocka_unit_test_setup_teardown(every_packet_is_forwarded_or_dropped_for_its_reason, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(a_burst_of_nothing_but_refuse, setup, teardown),
      cmocka_unit_test_setup_teardown(a_backend_is_counted_by_what_it_gets, setup, teardown),
      cmocka_unit_test_setup_teardown(a_burst_that_is_too_long_is_a_bug, setup, teardown),
      cmocka_unit_test_setup_teardown(echo_requests_for_a_vip_are_answered, setup, teardown),
      cmocka_unit_test_setup_teardown(icmp_errors_keep_no_window_open, setup, teardown),
  };
  return cmocka_run_group_tests_name("packet/pipeline", tests, nullptr, nullptr);
}
