#include "firmware/packet/returns.h"

#include <cstring>
#include <string>

#include "firmware/wire/translate.h"
#include "tests/cmocka.h"
#include "tests/packet/box.h"

namespace evenkeel {
namespace {

constexpr uint16_t kUntouched = 7;  // what ret_mtu was before

Way way_by(uint8_t last, uint16_t vlan = 0, uint16_t mtu = 1'500) {
  return {.resolved = true,
          .is_own = false,
          .port = last,
          .vlan = vlan,
          .mtu = mtu,
          .source_mac = {2, 0, 0, 0, 0, 1},
          .destination_mac = {2, 0, 0, 0, 0, last}};
}

BackendSpec nat_backend(const char* name, const char* destination, uint16_t port, bool vip_is_v4) {
  BackendSpec backend = backend_of(0, vip_is_v4);
  backend.name = name;
  backend.forwarding.mode = Mode::nat;
  backend.forwarding.destination = address_of(destination);
  backend.forwarding.destination_port = port;
  backend.forwarding.translation_prefix = address_of("64:ff9b::");
  return backend;
}

// A service for each pair of families, "any" whose ports are kept, and ways of which one is lost.
PlanSpec spec_of_returns() {
  PlanSpec spec;
  spec.backends = {
      nat_backend("s44", "10.0.0.1", 8080, true), nat_backend("s46", "2001:db8:b::1", 8080, true),
      nat_backend("s64", "10.0.0.2", 8080, false), nat_backend("s66", "2001:db8:b::2", 8080, false),
      nat_backend("any", "10.0.0.3", 0, true)};
  spec.services = {
      service_of("44", "192.0.2.1", 80, {{0}}), service_of("46", "192.0.2.2", 80, {{1}}),
      service_of("64", "2001:db8:a::1", 80, {{2}}), service_of("66", "2001:db8:a::2", 80, {{3}}),
      service_of("any", "192.0.2.3", 80, {{4}})};
  spec.services[4].points = {point_of("192.0.2.3", 1, 65'535),
                             point_of("192.0.2.3", 1, 65'535, Protocol::udp),
                             point_of("192.0.2.3", 5'060, 5'060, Protocol::sctp)};
  spec.services[0].mss = 1'000;
  spec.services[1].mss = 1'000;
  spec.ways = {{{address_of("0.0.0.0"), 96}, way_by(10)},
               {{address_of("198.51.100.0"), 96 + 24}, way_by(11, 7)},
               {{address_of("203.0.113.0"), 96 + 24}, {}},
               {{address_of("203.0.113.128"), 96 + 25}, way_by(12, 0, 1'000)},
               {{address_of("192.0.2.254"), 128}, {.resolved = false, .is_own = true}},
               {{address_of("64:ff9b::"), 96}, way_by(13, 0, 1'400)},
               {{address_of("2001:db8:f::"), 48}, way_by(14)}};
  return spec;
}

struct Sending {
  Reason reason;
  uint16_t mtu;
  uint8_t port;
  Bytes bytes;
};

// `later`: as the fragment table does it, the ports of the first fragment are known.
Sending send(const Plan& plan, const Bytes& bytes, const Client* later = nullptr) {
  Packet packet;
  packet.length = static_cast<uint32_t>(bytes.size());
  std::memcpy(packet.bytes(), bytes.data(), bytes.size());
  Frame frame = packet.frame();
  Parsed parsed;
  CHECK(parse(frame, parsed) == Reason::none);
  if (later != nullptr) {
    parsed.key.source_port = later->port;
    parsed.key.destination_port = later->vip_port;
  }
  uint16_t mtu = kUntouched;
  const Reason reason = translate_reply(plan, frame, parsed, mtu);
  if (reason != Reason::none) {
    CHECK(frame.data == packet.bytes() && frame.length == bytes.size());
    CHECK(std::memcmp(packet.bytes(), bytes.data(), bytes.size()) == 0);
  }
  return {reason, mtu, frame.port, Bytes(frame.data, frame.data + frame.length)};
}

Parsed parsed_of(const Bytes& bytes) {
  Packet packet;
  packet.length = static_cast<uint32_t>(bytes.size());
  std::memcpy(packet.bytes(), bytes.data(), bytes.size());
  Parsed parsed;
  CHECK(parse(packet.frame(), parsed) == Reason::none);
  return parsed;
}

// A server is the client of these: `address` and `port` are its own.
struct Case {
  const char* description;
  Client server;
  Reason reason;
  const char* vip;  // and all that follows: as the client gets it
  uint16_t vip_port;
  const char* client;
  uint8_t port;
};

const Case kCases[] = {
    {"NAT44",
     {"10.0.0.1", "192.168.9.9", 8080, 40'000},
     Reason::none,
     "192.0.2.1",
     80,
     "192.168.9.9",
     10},
    {"NAT44, by another way, tagged",
     {"10.0.0.1", "198.51.100.7", 8080, 40'000},
     Reason::none,
     "192.0.2.1",
     80,
     "198.51.100.7",
     11},
    {"NAT44, a lost way",
     {"10.0.0.1", "203.0.113.7", 8080, 40'000},
     Reason::next_hop_unresolved,
     nullptr,
     0,
     nullptr,
     0},
    {"NAT44, to the box itself",
     {"10.0.0.1", "192.0.2.254", 8080, 40'000},
     Reason::no_service,
     nullptr,
     0,
     nullptr,
     0},
    {"NAT44, to its own VIP",
     {"10.0.0.1", "192.0.2.1", 8080, 40'000},
     Reason::no_service,
     nullptr,
     0,
     nullptr,
     0},
    {"NAT44, another port",
     {"10.0.0.1", "192.168.9.9", 80, 40'000},
     Reason::no_service,
     nullptr,
     0,
     nullptr,
     0},
    {"NAT44, another protocol",
     {"10.0.0.1", "192.168.9.9", 8080, 40'000, Protocol::udp},
     Reason::no_service,
     nullptr,
     0,
     nullptr,
     0},
    {"no server",
     {"10.0.0.9", "192.168.9.9", 8080, 40'000},
     Reason::no_service,
     nullptr,
     0,
     nullptr,
     0},
    {"a client's packet",
     {"192.168.9.9", "192.0.2.1", 40'000, 80},
     Reason::no_service,
     nullptr,
     0,
     nullptr,
     0},
    {"the port is kept",
     {"10.0.0.3", "192.168.9.9", 443, 40'000},
     Reason::none,
     "192.0.2.3",
     443,
     "192.168.9.9",
     10},
    {"the port is kept, UDP",
     {"10.0.0.3", "192.168.9.9", 53, 40'000, Protocol::udp},
     Reason::none,
     "192.0.2.3",
     53,
     "192.168.9.9",
     10},
    {"the port is kept, SCTP",
     {"10.0.0.3", "192.168.9.9", 5'060, 40'000, Protocol::sctp},
     Reason::none,
     "192.0.2.3",
     5'060,
     "192.168.9.9",
     10},
    {"NAT46",
     {"2001:db8:b::1", "64:ff9b::192.168.9.9", 8080, 40'000},
     Reason::none,
     "192.0.2.2",
     80,
     "192.168.9.9",
     10},
    {"NAT46, outside of the prefix",
     {"2001:db8:b::1", "2001:db8:f::7", 8080, 40'000},
     Reason::no_service,
     nullptr,
     0,
     nullptr,
     0},
    {"NAT46, nobody's address",
     {"2001:db8:b::1", "64:ff9b::127.0.0.1", 8080, 40'000},
     Reason::no_service,
     nullptr,
     0,
     nullptr,
     0},
    {"NAT46, a lost way",
     {"2001:db8:b::1", "64:ff9b::203.0.113.7", 8080, 40'000},
     Reason::next_hop_unresolved,
     nullptr,
     0,
     nullptr,
     0},
    {"NAT64",
     {"10.0.0.2", "192.168.9.9", 8080, 40'000},
     Reason::none,
     "2001:db8:a::1",
     80,
     "64:ff9b::192.168.9.9",
     13},
    {"NAT64, to the box itself",
     {"10.0.0.2", "192.0.2.254", 8080, 40'000},
     Reason::no_service,
     nullptr,
     0,
     nullptr,
     0},
    {"NAT66",
     {"2001:db8:b::2", "2001:db8:f::7", 8080, 40'000},
     Reason::none,
     "2001:db8:a::2",
     80,
     "2001:db8:f::7",
     14},
    {"NAT66, no way",
     {"2001:db8:b::2", "2001:db8:e::7", 8080, 40'000},
     Reason::next_hop_unresolved,
     nullptr,
     0,
     nullptr,
     0},
    {"NAT66, a client in the other services' prefix",
     {"2001:db8:b::2", "64:ff9b::192.168.9.9", 8080, 40'000},
     Reason::none,
     "2001:db8:a::2",
     80,
     "64:ff9b::192.168.9.9",
     13},
};

void expect_frame(const Sending& sent, const Case& row) {
  const Way way = way_by(row.port, row.port == 11 ? 7 : 0);
  assert_int_equal(sent.port, row.port);
  const auto ethernet = load<EthernetHeader>(sent.bytes.data());
  assert_true(ethernet.source == way.source_mac && ethernet.destination == way.destination_mac);
  if (way.vlan != 0) assert_int_equal(load<Big16>(sent.bytes.data() + 14).value(), way.vlan);
  const Parsed parsed = parsed_of(sent.bytes);
  assert_int_equal(parsed.l3_offset, way.vlan == 0 ? 14 : 18);
  if (row.server.protocol != Protocol::sctp) {
    assert_int_equal(plain_transport_sum(sent.bytes.data() + parsed.l3_offset), 0xffff);
  }
}

void replies_come_from_the_vip(void** /*state*/) {
  const PlanPointer plan = built(spec_of_returns());
  for (const Case& row : kCases) {
    const Bytes in = packet_from(row.server);
    const Sending sent = send(*plan, in);
    if (sent.reason != row.reason) fail_msg("%s: %s", row.description, to_string(sent.reason));
    assert_int_equal(sent.mtu, kUntouched);
    if (row.reason != Reason::none) continue;
    expect_frame(sent, row);
    const Parsed parsed = parsed_of(sent.bytes);
    const Client expected{row.vip, row.client, row.vip_port, row.server.vip_port,
                          row.server.protocol};
    if (!(parsed.key == key_of(expected))) fail_msg("%s", row.description);
    const Client client{row.client, row.vip, row.server.vip_port, row.vip_port,
                        row.server.protocol};
    if (!(flow_of_reply(*plan, parsed_of(in).key) == key_of(client)))
      fail_msg("%s", row.description);
    assert_int_equal(parsed.ttl, 63);
    assert_memory_equal(sent.bytes.data() + sent.bytes.size() - 6, in.data() + in.size() - 6, 6);
  }
}

// There and back: what a client sends comes to a server, whose answer comes to the client.
void a_round_trip_ends_where_it_began(void** /*state*/) {
  const PlanPointer plan = built(spec_of_returns());
  const Client clients[] = {
      {"198.51.100.7", "192.0.2.1", 40'000, 80},
      {"198.51.100.7", "192.0.2.2", 40'000, 80},
      {"64:ff9b::198.51.100.7", "2001:db8:a::1", 40'000, 80},
      {"2001:db8:f::7", "2001:db8:a::2", 40'000, 80},
      {"198.51.100.7", "192.0.2.3", 40'000, 443},
      {"198.51.100.7", "192.0.2.3", 40'000, 53, Protocol::udp},
  };
  const char* const servers[] = {"s44", "s46", "s64", "s66", "any", "any"};
  for (size_t i = 0; i < std::size(clients); ++i) {
    const Bytes there = packet_from(clients[i]);
    Packet packet;
    packet.length = static_cast<uint32_t>(there.size());
    std::memcpy(packet.bytes(), there.data(), there.size());
    Frame frame = packet.frame();
    const Parsed parsed = parsed_of(there);
    const Forwarding& forwarding = plan->forwardings[slot_of(*plan, servers[i])];
    assert_int_equal(translate_to_backend(forwarding, frame, parsed), Reason::none);
    const FlowKey key = parsed_of(Bytes(frame.data, frame.data + frame.length)).key;
    const std::string server = to_string(key.destination);
    const std::string client = to_string(key.source);
    const Sending back =
        send(*plan, packet_from({server.c_str(), client.c_str(), key.destination_port.value(),
                                 key.source_port.value(), clients[i].protocol}));
    assert_int_equal(back.reason, Reason::none);
    const FlowKey answer = parsed_of(back.bytes).key;
    assert_true(answer.source == parsed.key.destination);
    assert_true(answer.destination == parsed.key.source);
    assert_true(answer.source_port == parsed.key.destination_port);
    assert_true(answer.destination_port == parsed.key.source_port);
  }
}

// From the server itself and from a router before it: about what a client sent.
void errors_about_a_client_s_packet_reach_it(void** /*state*/) {
  const PlanPointer plan = built(spec_of_returns());
  for (const Case& row : kCases) {
    for (const bool from_server : {false, true}) {
      Bytes in = too_big_about(row.server);
      const Parsed before = parsed_of(in);
      if (from_server) {
        uint8_t* const ip = in.data() + kEthernet;
        const Address server = address_of(row.server.address);
        if (before.is_v4) {
          store(ip + offsetof(Ipv4Header, source), server.as_v4());
          mend_ipv4_checksum(ip);
        } else {
          store(ip + offsetof(Ipv6Header, source), server);
          mend_transport(in, before.l4_offset + offsetof(IcmpHeader, checksum));
        }
      }
      const Sending sent = send(*plan, in);
      if (sent.reason != row.reason) fail_msg("%s: %s", row.description, to_string(sent.reason));
      if (row.reason != Reason::none) continue;
      const Parsed parsed = parsed_of(sent.bytes);
      assert_int_equal(parsed.kind, Kind::icmp_error);
      const Client expected{row.vip, row.client, row.vip_port, row.server.vip_port,
                            row.server.protocol};
      if (!(parsed.key == key_of(expected))) fail_msg("%s", row.description);
      assert_int_equal(plain_transport_sum(sent.bytes.data() + parsed.l3_offset), 0xffff);
      const bool is_vip_s = from_server || parsed.is_v4 != before.is_v4;
      const Address vip = address_of(row.vip);
      const uint8_t* const ip = sent.bytes.data() + parsed.l3_offset;
      const Address sender = parsed.is_v4
                                 ? Address::v4(load<Big32>(ip + offsetof(Ipv4Header, source)))
                                 : Address::v6(ip + offsetof(Ipv6Header, source));
      assert_int_equal(sender == vip, is_vip_s);
    }
  }
}

// An IPv4 packet, cut: `offset` in units of 8 bytes.
Bytes fragment_of(const Client& server, uint16_t offset, bool more) {
  Bytes bytes = packet_from(server, kTcpAck, 44);  // 64 bytes of transport
  const auto field = static_cast<uint16_t>((more ? kMoreFragments : 0) | offset);
  store(bytes.data() + kEthernet + offsetof(Ipv4Header, fragment), Big16(field));
  mend_ipv4_checksum(bytes.data() + kEthernet);
  return bytes;
}

void fragments_follow_their_first_one(void** /*state*/) {
  const PlanPointer plan = built(spec_of_returns());
  for (const char* const address : {"10.0.0.1", "10.0.0.2"}) {
    const Client server{address, "192.168.9.9", 8080, 40'000};
    const Sending first = send(*plan, fragment_of(server, 0, true));
    assert_int_equal(first.reason, Reason::none);
    assert_int_equal(parsed_of(first.bytes).kind, Kind::fragment_first);
    assert_int_equal(parsed_of(first.bytes).key.source_port.value(), 80);
    const Bytes later = fragment_of(server, 9, false);
    assert_int_equal(send(*plan, later).reason, Reason::fragment_later);
    const Sending with_ports = send(*plan, later, &server);
    assert_int_equal(with_ports.reason, Reason::none);
    const Parsed parsed = parsed_of(with_ports.bytes);
    assert_int_equal(parsed.kind, Kind::fragment_later);
    assert_true(parsed.key.source == parsed_of(first.bytes).key.source);
    assert_true(parsed.key.destination == parsed_of(first.bytes).key.destination);
    assert_int_equal(parsed.fragment_id, parsed_of(first.bytes).fragment_id);
    assert_memory_equal(with_ports.bytes.data() + with_ports.bytes.size() - 64,
                        later.data() + later.size() - 64, 64);
  }
  const Client other{"10.0.0.9", "192.168.9.9", 8080, 40'000};
  assert_int_equal(send(*plan, fragment_of(other, 9, false)).reason, Reason::no_service);
  const Client other_port{"10.0.0.1", "192.168.9.9", 80, 40'000};
  assert_int_equal(send(*plan, fragment_of(other_port, 9, false), &other_port).reason,
                   Reason::no_service);
}

void an_echo_of_a_server_is_no_reply(void** /*state*/) {
  const PlanPointer plan = built(spec_of_returns());
  assert_int_equal(send(*plan, echo_from({"10.0.0.1", "192.168.9.9"})).reason, Reason::no_service);
}

// The least that does not fit, and what may be sent instead does.
void too_big_says_what_fits(void** /*state*/) {
  const PlanPointer plan = built(spec_of_returns());
  static constexpr struct {
    const char* description;
    Client server;
    uint16_t mtu;  // before the box
  } kTooBig[] = {
      {"NAT44", {"10.0.0.1", "203.0.113.200", 8080, 40'000}, 1'000},
      {"NAT46", {"2001:db8:b::1", "64:ff9b::203.0.113.200", 8080, 40'000}, 1'020},
      {"NAT64", {"10.0.0.2", "203.0.113.200", 8080, 40'000}, 1'380},
  };
  for (const auto& row : kTooBig) {
    const size_t headers = (address_of(row.server.address).is_v4() ? 20 : 40) + sizeof(TcpHeader);
    const Sending big = send(*plan, packet_from(row.server, kTcpAck, row.mtu + 1 - headers));
    assert_int_equal(big.reason, Reason::too_big);
    if (big.mtu != row.mtu) fail_msg("%s: %u", row.description, big.mtu);
    assert_int_equal(send(*plan, packet_from(row.server, kTcpAck, row.mtu - headers)).reason,
                     Reason::none);
  }
}

// A SYN with ACK that announces 1460.
Bytes syn_ack_of(const Client& server) {
  Bytes bytes = packet_from(server, kTcpSyn | kTcpAck, 4);
  const size_t tcp = bytes.size() - 4 - sizeof(TcpHeader);
  bytes[tcp + offsetof(TcpHeader, data_offset)] = 0x60;
  store(bytes.data() + tcp + sizeof(TcpHeader),
        std::array<uint8_t, 4>{2, 4, 1'460 >> 8, 1'460 & 0xff});
  mend_transport(bytes, tcp + offsetof(TcpHeader, checksum));
  return bytes;
}

void the_mss_of_a_syn_ack_is_lowered(void** /*state*/) {
  const PlanPointer plan = built(spec_of_returns());
  static constexpr struct {
    Client server;
    uint16_t mss;
  } kAnswers[] = {
      {{"10.0.0.1", "192.168.9.9", 8080, 40'000}, 1'000},
      {{"10.0.0.1", "198.51.100.7", 8080, 40'000}, 1'000},  // tagged
      {{"2001:db8:b::1", "64:ff9b::192.168.9.9", 8080, 40'000}, 1'000},
      {{"10.0.0.2", "192.168.9.9", 8080, 40'000}, 1'460},  // its service does not say
      {{"10.0.0.3", "192.168.9.9", 80, 40'000}, 1'460},
  };
  for (const auto& row : kAnswers) {
    const Sending sent = send(*plan, syn_ack_of(row.server));
    assert_int_equal(sent.reason, Reason::none);
    assert_int_equal(load<Big16>(sent.bytes.data() + sent.bytes.size() - 2).value(), row.mss);
    const Parsed parsed = parsed_of(sent.bytes);
    assert_int_equal(plain_transport_sum(sent.bytes.data() + parsed.l3_offset), 0xffff);
    const Bytes ack = packet_from(row.server, kTcpAck, 4);
    assert_int_equal(send(*plan, ack).bytes.back(), ack.back());
  }
}

void what_cannot_go_on_is_refused(void** /*state*/) {
  const PlanPointer plan = built(spec_of_returns());
  Bytes dying = packet_from({"10.0.0.1", "192.168.9.9", 8080, 40'000});
  dying[kEthernet + offsetof(Ipv4Header, ttl)] = 1;
  mend_ipv4_checksum(dying.data() + kEthernet);
  assert_int_equal(send(*plan, dying).reason, Reason::ttl_expired);
  const PlanPointer empty = built({});
  assert_int_equal(send(*empty, packet_from({"10.0.0.1", "192.168.9.9", 8080})).reason,
                   Reason::no_service);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(replies_come_from_the_vip),
      cmocka_unit_test(a_round_trip_ends_where_it_began),
      cmocka_unit_test(errors_about_a_client_s_packet_reach_it),
      cmocka_unit_test(fragments_follow_their_first_one),
      cmocka_unit_test(an_echo_of_a_server_is_no_reply),
      cmocka_unit_test(too_big_says_what_fits),
      cmocka_unit_test(the_mss_of_a_syn_ack_is_lowered),
      cmocka_unit_test(what_cannot_go_on_is_refused),
  };
  return cmocka_run_group_tests_name("packet/returns", tests, nullptr, nullptr);
}
