// What goes into a worker's ports, and what comes out of them.
#include "firmware/packet/worker.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "tests/cmocka.h"
#include "tests/packet/desk.h"

namespace evenkeel {
namespace {

Desk& desk_of(void** state) { return **static_cast<std::unique_ptr<Desk>*>(*state); }

int open_desk(void** state) {
  *state = new std::unique_ptr<Desk>(new Desk("worker"));
  return 0;
}
int close_desk(void** state) {
  delete static_cast<std::unique_ptr<Desk>*>(*state);
  return 0;
}

Bytes arp() {
  Bytes bytes;
  append(bytes, EthernetHeader{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {2, 0, 0, 0, 0, 9}, 0x0806});
  bytes.resize(60);
  return bytes;
}

// Who looks for others with the address that it would like has none yet (RFC 4862).
Bytes solicitation() {
  Bytes bytes;
  append(bytes, EthernetHeader{{0x33, 0x33, 0xff, 0, 0, 1}, {2, 0, 0, 0, 0, 9}, 0x86dd});
  append_ip(bytes, address_of("::"), address_of("ff02::1:ff00:1"), Protocol::icmpv6, 24);
  append(bytes, IcmpHeader{135, 0, 0, 0});
  append(bytes, address_of("2001:db8::1"));
  return bytes;
}

// An IPv4 UDP packet of the client in two or more pieces, of `size` bytes of payload each.
std::vector<Bytes> fragments_of(const Client& client, size_t pieces, size_t size, uint16_t id) {
  const FlowKey key = key_of(client);
  Bytes whole;
  append(whole, UdpHeader{.source_port = client.port,
                          .destination_port = client.vip_port,
                          .length = static_cast<uint16_t>(pieces * size),
                          .checksum = 0});
  whole.resize(pieces * size);
  std::vector<Bytes> all;
  for (size_t i = 0; i < pieces; ++i) {
    Bytes bytes = ethernet_of(key.source);
    append_ip(bytes, key.source, key.destination, Protocol::udp, size);
    auto* const ip = bytes.data() + kEthernet;
    const auto offset = static_cast<uint16_t>(i * size / 8);
    store(ip + offsetof(Ipv4Header, fragment),
          Big16(static_cast<uint16_t>(offset | (i + 1 < pieces ? kMoreFragments : 0))));
    store(ip + offsetof(Ipv4Header, id), Big16(id));
    mend_ipv4_checksum(ip);
    bytes.insert(bytes.end(), whole.begin() + static_cast<ptrdiff_t>(i * size),
                 whole.begin() + static_cast<ptrdiff_t>((i + 1) * size));
    all.push_back(bytes);
  }
  return all;
}

// The same of an IPv6 client whose packet has destination options behind the fragment header, so
// that only its first fragment says UDP. `size` is at least that of the options and UDP's header.
std::vector<Bytes> optioned_fragments_of(const Client& client, size_t pieces, size_t size,
                                         uint32_t id) {
  const FlowKey key = key_of(client);
  constexpr std::array<uint8_t, 8> kOptions = {17, 0, 1, 4, 0, 0, 0, 0};
  Bytes whole;
  append(whole, kOptions);
  append(whole, UdpHeader{.source_port = client.port,
                          .destination_port = client.vip_port,
                          .length = static_cast<uint16_t>(pieces * size - kOptions.size()),
                          .checksum = 1});
  whole.resize(pieces * size);
  std::vector<Bytes> all;
  for (size_t i = 0; i < pieces; ++i) {
    Bytes bytes = ethernet_of(key.source);
    append_ip(bytes, key.source, key.destination, Protocol::fragment, sizeof(Ipv6Fragment) + size);
    const auto offset = static_cast<uint16_t>(i * size | (i + 1 < pieces ? 1 : 0));
    append(bytes, Ipv6Fragment{static_cast<uint8_t>(Protocol::destination_options), 0, offset, id});
    bytes.insert(bytes.end(), whole.begin() + static_cast<ptrdiff_t>(i * size),
                 whole.begin() + static_cast<ptrdiff_t>((i + 1) * size));
    all.push_back(bytes);
  }
  return all;
}

PlanSpec spec_with_dns() {
  PlanSpec spec = spec_of_two_ports();
  spec.services[1].points = {point_of("192.0.2.2", 53, 53, Protocol::udp)};
  spec.services[1].affinity = Affinity::stateless;
  spec.services[2].points.push_back(point_of("2001:db8::1", 53, 53, Protocol::udp));
  return spec;
}

Address outer_destination(const Bytes& frame) {
  return Address::v4(load<Ipv4Header>(frame.data() + kEthernet).destination);
}

void a_packet_leaves_by_its_backends_port(void** state) {
  BusyDesk desk(desk_of(state), spec_of_two_ports());
  const Bytes packet = packet_from({});
  const std::vector<Bytes> left = desk.pass(packet, 0, 1);
  assert_int_equal(left.size(), 1);
  assert_int_equal(left[0].size(), packet.size() + sizeof(Ipv4Header));
  assert_memory_equal(left[0].data() + kEthernet + 2 * sizeof(Ipv4Header),
                      packet.data() + kEthernet + sizeof(Ipv4Header),
                      packet.size() - kEthernet - sizeof(Ipv4Header));
  assert_true(desk.left(0).empty());
  assert_true(desk.adds_up());
}

void bursts_stay_in_order(void** state) {
  BusyDesk desk(desk_of(state), spec_of_two_ports());
  for (uint16_t i = 0; i < 100; ++i) desk.arrive(packet_from({.port = uint16_t(40'000 + i)}));
  assert_int_equal(desk.step(), kBurst);
  assert_int_equal(desk.step(), 100 - kBurst);
  const std::vector<Bytes> left = desk.left(1);
  assert_int_equal(left.size(), 100);
  for (uint16_t i = 0; i < 100; ++i) {
    const auto ports = load<Big16>(left[i].data() + kEthernet + 2 * sizeof(Ipv4Header));
    assert_int_equal(ports.value(), 40'000 + i);
  }
  assert_true(desk.adds_up());
}

void an_echo_is_answered_where_it_came_from(void** state) {
  BusyDesk desk(desk_of(state), spec_of_two_ports());
  assert_int_equal(desk.pass(echo_from({}), 0, 0).size(), 1);
  assert_int_equal(desk.pass(echo_from({}), 1, 1).size(), 1);
  assert_true(desk.adds_up());
}

void who_gets_what_is_not_forwarded(void** state) {
  Bytes foreign = packet_from({.vip = "203.0.113.7"});
  Bytes others = packet_from({});
  others[5] = 0x77;
  Bytes to_all = packet_from({});
  std::fill_n(to_all.begin(), sizeof(Mac), uint8_t{0xff});
  Bytes damaged = packet_from({});
  damaged[kEthernet + offsetof(Ipv4Header, checksum)] ^= 1;
  const struct {
    const char* description;
    Bytes packet;
    uint64_t to_kernel;
    Reason dropped;
  } rows[] = {
      {"ARP", arp(), 1, Reason::none},
      {"for no service", foreign, 1, Reason::none},
      {"for a service, to another machine", others, 0, Reason::not_ours},
      {"for a service, to all", to_all, 1, Reason::none},
      {"of an address that is not there yet", solicitation(), 1, Reason::none},
      {"damaged", damaged, 0, Reason::bad_checksum},
      {"of one byte", Bytes{1}, 0, Reason::truncated},
  };
  for (const auto& row : rows) {
    BusyDesk desk(desk_of(state), spec_of_two_ports());
    assert_true(desk.pass(row.packet, 0, 1).empty());
    assert_int_equal(desk.given_to_kernel(), row.to_kernel);
    if (row.dropped != Reason::none) assert_int_equal(desk.drops(row.dropped), 1);
    assert_true(desk.adds_up());
  }
}

void a_flood_for_the_kernel_is_cut(void** state) {
  BusyDesk desk(desk_of(state), spec_of_two_ports());
  constexpr uint64_t kFlood = 3 * BusyDesk::kKernelRate;
  size_t given = 0;
  for (uint64_t i = 0; i < kFlood; ++i) {
    desk.arrive(arp());
    desk.step();
    given += desk.given_to_kernel();
  }
  assert_in_range(given, BusyDesk::kKernelRate, 2 * BusyDesk::kKernelRate);
  assert_int_equal(desk.drops(Reason::kernel_limited), kFlood - given);
  assert_true(desk.adds_up());
}

// Ports of VIPs that nobody serves are what the whole world can send to.
void strays_to_a_vip_take_nothing_from_the_box(void** state) {
  BusyDesk desk(desk_of(state), spec_of_two_ports());
  size_t given = 0;
  for (uint64_t i = 0; i < 3 * BusyDesk::kKernelRate; ++i) {
    desk.arrive(packet_from({.vip_port = 9}));
    desk.step();
    given += desk.given_to_kernel();
  }
  assert_in_range(given, BusyDesk::kKernelRate, 2 * BusyDesk::kKernelRate);
  desk.arrive(packet_from({.vip = "203.0.113.7", .vip_port = 22}));
  desk.step();
  assert_int_equal(desk.given_to_kernel(), 1);
  assert_true(desk.adds_up());
}

void a_kernel_that_does_not_fetch_is_counted(void** state) {
  BusyDesk desk(desk_of(state), spec_of_two_ports());
  for (int i = 0; i < 40; ++i) desk.arrive(arp());
  desk.step();
  assert_int_equal(desk.given_to_kernel(), 31);
  assert_int_equal(desk.drops(Reason::kernel_full), 9);
  assert_true(desk.adds_up());
}

void what_the_kernel_sends_leaves_unchanged(void** state) {
  BusyDesk desk(desk_of(state), spec_of_two_ports());
  assert_true(desk.kernel_sends(arp(), 1));
  desk.step();
  const std::vector<Bytes> left = desk.left(1);
  assert_int_equal(left.size(), 1);
  assert_true(left[0] == arp());
  assert_int_equal(desk.liveness().ports[1].from_kernel.read(), 1);
  assert_true(desk.adds_up());
}

void a_chained_packet_is_dropped(void** state) {
  BusyDesk desk(desk_of(state), spec_of_two_ports());
  const Bytes bytes = packet_from({});
  rte_mbuf* const first = desk.mbuf_of(bytes);
  assert_int_equal(rte_pktmbuf_chain(first, desk.mbuf_of(bytes)), 0);
  assert_true(desk.desk().pool != nullptr);
  desk.arrive_as_it_is(first);
  desk.step();
  assert_true(desk.left(1).empty());
  assert_int_equal(desk.drops(Reason::truncated), 1);
  assert_true(desk.adds_up());
}

// --- Fragments -----------------------------------------------------------------------------------

void fragments_go_where_their_first_one_goes(void** state) {
  BusyDesk desk(desk_of(state), spec_with_dns());
  std::mt19937 random(1);
  for (uint16_t id = 1; id <= 50; ++id) {
    const Client client = {.vip = "192.0.2.2",
                           .port = static_cast<uint16_t>(30'000 + id),
                           .vip_port = 53,
                           .protocol = Protocol::udp};
    std::vector<Bytes> pieces = fragments_of(client, 4, 64, id);
    std::shuffle(pieces.begin(), pieces.end(), random);
    for (const Bytes& piece : pieces) desk.arrive(piece);
    desk.step();
    desk.let_in();
    const std::vector<Bytes> left = desk.left(1);
    assert_int_equal(left.size(), 4);
    for (const Bytes& frame : left) {
      assert_true(outer_destination(frame) == outer_destination(left[0]));
    }
    assert_int_equal(desk.liveness().held.read(), 0);
  }
  assert_true(desk.adds_up());
}

void fragments_go_where_their_first_one_goes_whatever_they_say(void** state) {
  const struct {
    const char* description;
    std::array<size_t, 4> order;
  } rows[] = {{"as they were sent", {0, 1, 2, 3}},
              {"the first one last", {3, 2, 1, 0}},
              {"the first one among them", {2, 0, 3, 1}}};
  BusyDesk desk(desk_of(state), spec_with_dns());
  uint32_t id = 0;
  for (const auto& row : rows) {
    const Client client = {.address = "2001:db8:c::7",
                           .vip = "2001:db8::1",
                           .port = 40'000,
                           .vip_port = 53,
                           .protocol = Protocol::udp};
    const std::vector<Bytes> pieces = optioned_fragments_of(client, 4, 64, ++id);
    for (const size_t i : row.order) desk.arrive(pieces[i]);
    desk.step();
    desk.let_in();
    const std::vector<Bytes> left = desk.left(1);
    if (left.size() != 4) fail_msg("%s: %zu of 4 left", row.description, left.size());
    for (const Bytes& frame : left) {
      assert_true(outer_destination(frame) == outer_destination(left[0]));
    }
    assert_int_equal(desk.liveness().held.read(), 0);
  }
  assert_true(desk.adds_up());
}

void fragments_without_a_first_one_wait_and_are_dropped(void** state) {
  BusyDesk desk(desk_of(state), spec_with_dns());
  const Client client = {.vip = "192.0.2.2", .vip_port = 53, .protocol = Protocol::udp};
  for (uint16_t id = 0; id < 100; ++id) desk.arrive(fragments_of(client, 2, 64, id)[1]);
  desk.step();
  desk.step();
  assert_int_equal(desk.liveness().held.read(), WaitingRoom::kRoom);
  assert_int_equal(desk.drops(Reason::fragment_later), 100 - WaitingRoom::kRoom);
  assert_true(desk.adds_up());
  const TscClock clock;
  const Microseconds over = clock.now() + 2 * WaitingRoom::kPatience;
  while (clock.now() < over) desk.step();
  assert_int_equal(desk.liveness().held.read(), 0);
  assert_int_equal(desk.drops(Reason::fragment_later), 100);
  assert_true(desk.adds_up());
}

void fragments_for_the_box_itself_are_the_kernels(void** state) {
  BusyDesk desk(desk_of(state), spec_with_dns());
  const Client client = {.vip = "203.0.113.7", .vip_port = 53, .protocol = Protocol::udp};
  for (const Bytes& piece : fragments_of(client, 3, 64, 7)) desk.arrive(piece);
  desk.step();
  assert_int_equal(desk.given_to_kernel(), 3);
  assert_true(desk.adds_up());
}

// --- Too big -------------------------------------------------------------------------------------

void too_big_is_told_to_who_wants_to_know(void** state) {
  BusyDesk desk(desk_of(state), spec_of_two_ports());
  const Bytes big = packet_from({}, kTcpAck, 1'500 - sizeof(Ipv4Header) - sizeof(TcpHeader));
  desk.arrive(big);
  desk.step();
  assert_true(desk.left(1).empty());
  const std::vector<Bytes> answers = desk.left(0);
  assert_int_equal(answers.size(), 1);
  const auto icmp = load<IcmpHeader>(answers[0].data() + kEthernet + sizeof(Ipv4Header));
  assert_int_equal(icmp.type, kIcmpUnreachable);
  assert_int_equal(icmp.rest.value(), 1'500 - sizeof(Ipv4Header));
  assert_int_equal(desk.drops(Reason::too_big), 1);
  assert_int_equal(desk.liveness().answers.read(), 1);
  assert_true(desk.adds_up());
}

Bytes too_big_from(const Client& client) {
  const size_t headers =
      address_of(client.address).is_v4() ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
  return packet_from(client, kTcpAck, 1'500 - headers - sizeof(TcpHeader));
}

// One sender may be told again while its second lasts, and all that it sends in the next one.
void too_big_is_told_to_everybody(void** state) {
  BusyDesk desk(desk_of(state), spec_of_two_ports());
  constexpr size_t kFlood = 2'048;
  uint64_t told = 0;
  for (size_t sent = 0; sent < kFlood; sent += kBurst) {
    for (size_t i = 0; i < kBurst; ++i) {
      desk.arrive(too_big_from({.port = static_cast<uint16_t>(10'000 + sent + i)}));
    }
    desk.step();
    told += desk.left(0).size();
  }
  assert_in_range(told, 2, 50);
  assert_int_equal(desk.liveness().untold.read(), kFlood - told);
  for (const char* address : {"198.51.100.8", "198.51.100.9"}) {
    assert_int_equal(desk.pass(too_big_from({.address = address}), 0, 0).size(), 1);
  }
  assert_int_equal(desk.drops(Reason::too_big), kFlood + 2);
  assert_int_equal(desk.liveness().answers.read(), told + 2);
  assert_true(desk.adds_up());
}

// New clients that upload, more in a moment than a worker used to answer in a second.
void many_senders_are_told(void** state) {
  BusyDesk desk(desk_of(state), spec_of_two_ports());
  constexpr size_t kSenders = 1'024;
  uint64_t told = 0;
  for (size_t sent = 0; sent < kSenders; sent += kBurst) {
    for (size_t i = 0; i < kBurst; ++i) {
      const std::string address =
          "10.1." + std::to_string(sent / kBurst) + "." + std::to_string(i + 1);
      desk.arrive(too_big_from({.address = address.c_str()}));
    }
    desk.step();
    told += desk.left(0).size();
  }
  assert_int_equal(told, kSenders);
  assert_int_equal(desk.liveness().untold.read(), 0);
}

// What nobody may be told of (RFC 4443 2.4) takes nothing from what is told.
void later_fragments_do_not_keep_others_from_being_told(void** state) {
  BusyDesk desk(desk_of(state), spec_with_dns());
  const Client client = {
      .address = "2001:db8:c::7", .vip = "2001:db8::1", .vip_port = 53, .protocol = Protocol::udp};
  const std::vector<Bytes> pieces = optioned_fragments_of(client, 2, 1'448, 1);
  assert_int_equal(desk.pass(pieces[0], 0, 0).size(), 1);
  constexpr size_t kFragments = 200;
  for (size_t i = 0; i < kFragments; ++i) assert_true(desk.pass(pieces[1], 0, 0).empty());
  assert_int_equal(desk.drops(Reason::too_big), 1 + kFragments);
  const Client other = {.address = client.address, .vip = client.vip};
  assert_int_equal(desk.pass(too_big_from(other), 0, 0).size(), 1);
  assert_int_equal(desk.liveness().untold.read(), 0);
  assert_true(desk.adds_up());
}

// --- Queues and buffers --------------------------------------------------------------------------

void a_full_queue_keeps_few_and_counts_the_rest(void** state) {
  BusyDesk desk(desk_of(state), good_spec(), 16);  // all leave by port 0, whose ring has 15 places
  constexpr size_t kSent = 10 * kBurst;
  for (size_t i = 0; i < kSent / kBurst; ++i) {
    for (size_t k = 0; k < kBurst; ++k) desk.arrive(packet_from({}));
    desk.step();
  }
  const uint64_t lost = desk.liveness().ports[0].transmit_full.read();
  assert_int_equal(lost, kSent - 15 - Outbox::kRoom);
  size_t left = desk.left(0).size();
  while (desk.step(), true) {  // it drains as soon as there is room
    const size_t more = desk.left(0).size();
    if (more == 0) break;
    left += more;
  }
  assert_int_equal(left + lost, kSent);
}

void a_queue_that_stays_full_is_given_up(void** state) {
  BusyDesk desk(desk_of(state), good_spec(), 16);
  for (size_t k = 0; k < kBurst; ++k) desk.arrive(packet_from({}));
  for (uint32_t i = 0; i <= Outbox::kPatience; ++i) desk.step();
  assert_int_equal(desk.liveness().ports[0].transmit_full.read(), kBurst - 15);
}

void without_buffers_answers_are_not_made(void** state) {
  BusyDesk desk(desk_of(state), spec_of_two_ports());
  const Bytes big = packet_from({}, kTcpAck, 1'500 - sizeof(Ipv4Header) - sizeof(TcpHeader));
  rte_mbuf* const packet = desk.mbuf_of(big);
  std::vector<rte_mbuf*> all;
  while (rte_mbuf* taken = rte_pktmbuf_alloc(desk.desk().pool->get())) all.push_back(taken);
  desk.arrive_as_it_is(packet);
  desk.step();
  const uint64_t missing = desk.liveness().no_buffer.read();
  rte_pktmbuf_free_bulk(all.data(), static_cast<unsigned>(all.size()));
  assert_int_equal(missing, 1);
  assert_true(desk.left(0).empty());
  assert_int_equal(desk.pass(big, 0, 0).size(), 1);  // healed
  assert_true(desk.adds_up());
}

// --- Anything ------------------------------------------------------------------------------------

void whatever_comes_adds_up(void** state) {
  BusyDesk desk(desk_of(state), spec_with_dns());
  std::mt19937 random(7);
  const Client dns = {.vip = "192.0.2.2", .vip_port = 53, .protocol = Protocol::udp};
  const std::vector<Bytes> seeds = {packet_from({}),
                                    packet_from({.address = "2001:db8:1::9", .vip = "2001:db8::1"}),
                                    packet_from(dns),
                                    echo_from({}),
                                    too_big_about({}),
                                    arp(),
                                    fragments_of(dns, 2, 64, 1)[0],
                                    fragments_of(dns, 2, 64, 1)[1]};
  for (size_t round = 0; round < 20'000; ++round) {
    for (size_t i = random() % kBurst; i > 0; --i) {
      Bytes packet = seeds[random() % seeds.size()];
      for (size_t k = random() % 4; k > 0; --k) {
        packet[random() % packet.size()] = static_cast<uint8_t>(random());
      }
      if (random() % 8 == 0) packet.resize(1 + random() % packet.size());
      desk.arrive(packet, random() % 2);
    }
    desk.step();
    desk.left(0);
    desk.left(1);
    desk.given_to_kernel();
  }
  assert_true(desk.adds_up());
  assert_true(desk.evidence().worker().forwarded_packets > 50'000);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_packet_leaves_by_its_backends_port),
      cmocka_unit_test(bursts_stay_in_order),
      cmocka_unit_test(an_echo_is_answered_where_it_came_from),
      cmocka_unit_test(who_gets_what_is_not_forwarded),
      cmocka_unit_test(a_flood_for_the_kernel_is_cut),
      cmocka_unit_test(strays_to_a_vip_take_nothing_from_the_box),
      cmocka_unit_test(a_kernel_that_does_not_fetch_is_counted),
      cmocka_unit_test(what_the_kernel_sends_leaves_unchanged),
      cmocka_unit_test(a_chained_packet_is_dropped),
      cmocka_unit_test(fragments_go_where_their_first_one_goes),
      cmocka_unit_test(fragments_go_where_their_first_one_goes_whatever_they_say),
      cmocka_unit_test(fragments_without_a_first_one_wait_and_are_dropped),
      cmocka_unit_test(fragments_for_the_box_itself_are_the_kernels),
      cmocka_unit_test(too_big_is_told_to_who_wants_to_know),
      cmocka_unit_test(too_big_is_told_to_everybody),
      cmocka_unit_test(many_senders_are_told),
      cmocka_unit_test(later_fragments_do_not_keep_others_from_being_told),
      cmocka_unit_test(a_full_queue_keeps_few_and_counts_the_rest),
      cmocka_unit_test(a_queue_that_stays_full_is_given_up),
      cmocka_unit_test(without_buffers_answers_are_not_made),
      cmocka_unit_test(whatever_comes_adds_up),
  };
  return cmocka_run_group_tests_name("packet/worker", tests, open_desk, close_desk);
}
