// Packets that do not fit the way to their backend, but may be cut: what arrives there, put
// together again, is what the client sent.
#include <algorithm>
#include <map>
#include <random>

#include "firmware/packet/worker.h"
#include "tests/cmocka.h"
#include "tests/packet/desk.h"

namespace evenkeel {
namespace {

Desk& desk_of(void** state) { return **static_cast<std::unique_ptr<Desk>*>(*state); }

int open_desk(void** state) {
  *state = new std::unique_ptr<Desk>(new Desk("worker_cut"));
  return 0;
}
int close_desk(void** state) {
  delete static_cast<std::unique_ptr<Desk>*>(*state);
  return 0;
}

constexpr Client kDns = {.vip = "192.0.2.2", .vip_port = 53, .protocol = Protocol::udp};
constexpr size_t kUdp = sizeof(Ipv4Header) + sizeof(UdpHeader);

// Lets be fragmented.
Bytes may_be_cut(Bytes bytes, uint16_t id = 0x1234, uint16_t fragment = 0) {
  uint8_t* const ip = bytes.data() + kEthernet;
  store(ip + offsetof(Ipv4Header, fragment), Big16(fragment));
  store(ip + offsetof(Ipv4Header, id), Big16(id));
  mend_ipv4_checksum(ip);
  return bytes;
}

Bytes datagram(size_t length, const Client& client = kDns) {
  return may_be_cut(packet_from(client, 0, length - kUdp));
}

void use_mode(ForwardingSpec& forwarding, Mode mode, const char* destination) {
  forwarding.mode = mode;
  if (mode == Mode::vxlan) {
    forwarding.inner_source_mac = {2, 0, 0, 0, 1, 1};
    forwarding.inner_destination_mac = {2, 0, 0, 0, 1, 2};
  }
  if (mode == Mode::nat) {
    forwarding.destination = address_of(destination);
    forwarding.translation_prefix = address_of("64:ff9b::");
    forwarding.destination_port = 5'353;
  }
}

// DNS has one backend.
PlanSpec spec_with(Mode mode, const char* destination = "10.0.0.1") {
  PlanSpec spec = spec_of_two_ports();
  use_mode(spec.backends[1].forwarding, mode, destination);
  spec.services[1].points = {point_of("192.0.2.2", 53, 53, Protocol::udp)};
  spec.services[1].members = {{1}};
  built(spec);
  return spec;
}

// What a receiver makes of fragments: the payload behind the IP header, that header, and nothing
// unless all is there once.
struct Together {
  Bytes header;
  std::map<size_t, Bytes> parts;
  size_t end = 0;

  void add(const Bytes& frame, size_t at) {
    const uint8_t* const ip = frame.data() + at;
    const bool is_v4 = ip[0] >> 4 == 4;
    size_t length = is_v4 ? (ip[0] & 15u) * 4 : sizeof(Ipv6Header);
    size_t offset = 0;
    bool more = false;
    const size_t total = frame.size() - at;
    if (is_v4) {
      const uint16_t field = load<Ipv4Header>(ip).fragment.value();
      CHECK(plain_sum(ip, length) == 0xffff && load<Ipv4Header>(ip).total_length.value() == total);
      offset = (field & kFragmentOffset) * size_t{8};
      more = (field & kMoreFragments) != 0;
    } else {
      CHECK(load<Ipv6Header>(ip).payload_length.value() == total - length);
      CHECK(load<Ipv6Header>(ip).next_header == static_cast<uint8_t>(Protocol::fragment));
      const uint16_t field = load<Ipv6Fragment>(ip + length).offset.value();
      length += sizeof(Ipv6Fragment);
      offset = field & 0xfff8u;
      more = (field & 1) != 0;
    }
    CHECK(parts.emplace(offset, Bytes(ip + length, ip + total)).second);
    if (offset == 0) header.assign(ip, ip + length);
    if (!more) end = offset + total - length;
  }

  Bytes payload() const {
    Bytes all;
    for (const auto& [offset, part] : parts) {
      if (offset != all.size()) return {};
      all.insert(all.end(), part.begin(), part.end());
    }
    return all.size() == end ? all : Bytes{};
  }
};

Bytes payload_of(const Bytes& frame, size_t header = sizeof(Ipv4Header)) {
  return {frame.begin() + static_cast<ptrdiff_t>(kEthernet + header), frame.end()};
}

void what_arrives_is_what_was_sent(void** state) {
  static constexpr struct {
    const char* description;
    Mode mode;
    size_t inner;  // of the inner IP header, in what arrives
    size_t overhead;
  } kRows[] = {
      {"IPIP", Mode::ipip, kEthernet + 20, 20},
      {"GRE", Mode::gre, kEthernet + 24, 24},
      {"VXLAN", Mode::vxlan, kEthernet + 20 + 8 + 8 + 14, 50},
  };
  for (const auto& row : kRows) {
    PlanSpec spec = spec_with(row.mode);
    for (const size_t length : {1'500 - row.overhead + 1, size_t{1'500}}) {
      BusyDesk desk(desk_of(state), spec);
      const Bytes sent = datagram(length);
      const std::vector<Bytes> left = desk.pass(sent, 0, 1);
      if (left.size() != 2) fail_msg("%s: %zu", row.description, left.size());
      Together together;
      for (const Bytes& frame : left) {
        assert_in_range(frame.size(), kEthernet + row.overhead + 20, kEthernet + 1'500);
        together.add(frame, row.inner);
      }
      assert_true(together.payload() == payload_of(sent));
      assert_true(desk.left(0).empty());  // nobody is told
      assert_int_equal(desk.liveness().split.read(), 1);
      assert_int_equal(desk.liveness().pieces.read(), 2);
      assert_int_equal(desk.drops(Reason::too_big), 0);
      assert_true(desk.adds_up());
    }
  }
}

void one_that_fits_exactly_stays_whole(void** state) {
  BusyDesk desk(desk_of(state), spec_with(Mode::ipip));
  assert_int_equal(desk.pass(datagram(1'480), 0, 1).size(), 1);
  assert_int_equal(desk.liveness().split.read(), 0);
  assert_true(desk.adds_up());
}

// Checksums hold when the packet is whole again.
void translated_pieces_make_a_translated_packet(void** state) {
  static constexpr struct {
    const char* description;
    const char* destination;
    uint16_t mtu;
    size_t length;
    size_t pieces;
  } kRows[] = {
      {"NAT44", "10.0.0.1", 1'000, 1'500, 2},
      {"NAT46", "2001:db8:b::1", 1'280, 1'500, 2},
      {"NAT46, a byte too long", "2001:db8:b::1", 1'280, 1'261, 2},
      {"NAT46 that a fragment header would make too long", "2001:db8:b::1", 1'280, 1'260, 1},
  };
  for (const auto& row : kRows) {
    PlanSpec spec = spec_with(Mode::nat, row.destination);
    spec.backends[1].forwarding.mtu = row.mtu;
    BusyDesk desk(desk_of(state), spec);
    const std::vector<Bytes> left = desk.pass(datagram(row.length), 0, 1);
    if (left.size() != row.pieces) fail_msg("%s: %zu", row.description, left.size());
    assert_int_equal(desk.liveness().split.read(), row.pieces == 1 ? 0 : 1);
    assert_true(desk.adds_up());
    if (row.pieces == 1) continue;
    Together together;
    for (const Bytes& frame : left) {
      assert_in_range(frame.size(), kEthernet + 20, kEthernet + row.mtu);
      together.add(frame, kEthernet);
    }
    Bytes whole = together.header;
    const bool is_v4 = whole[0] >> 4 == 4;
    whole.resize(is_v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header));
    const Bytes payload = together.payload();
    assert_int_equal(payload.size(), row.length - sizeof(Ipv4Header));
    const Big16 length(static_cast<uint16_t>(payload.size() + (is_v4 ? whole.size() : 0)));
    store(whole.data() + (is_v4 ? 2 : 4), length);
    if (!is_v4) whole[6] = 17;
    whole.insert(whole.end(), payload.begin(), payload.end());
    assert_int_equal(plain_transport_sum(whole.data()), 0xffff);
    assert_int_equal(load<Big16>(payload.data() + 2).value(), 5'353);
  }
}

void what_was_a_fragment_is_cut_too(void** state) {
  BusyDesk desk(desk_of(state), spec_with(Mode::ipip));
  const Bytes big = datagram(20 + 2'944);
  Together together;
  for (size_t offset = 0; offset < 2'944; offset += 1'472) {
    Bytes piece(big.begin(), big.begin() + kEthernet + 20);
    const auto start = big.begin() + static_cast<ptrdiff_t>(kEthernet + 20 + offset);
    piece.insert(piece.end(), start, start + 1'472);
    store(piece.data() + kEthernet + 2, Big16(1'492));
    const auto field = static_cast<uint16_t>(offset / 8 | (offset == 0 ? kMoreFragments : 0));
    const std::vector<Bytes> left = desk.pass(may_be_cut(piece, 77, field), 0, 1);
    assert_int_equal(left.size(), 2);
    for (const Bytes& frame : left) together.add(frame, kEthernet + 20);
  }
  assert_true(together.payload() == payload_of(big));
  assert_int_equal(desk.liveness().split.read(), 2);
  assert_true(desk.adds_up());
}

// The later fragment is held, let in when its first one comes, and is too big then.
void what_was_held_is_cut_too(void** state) {
  BusyDesk desk(desk_of(state), spec_with(Mode::ipip));
  Bytes later = may_be_cut(datagram(1'492), 78, 184);
  desk.arrive(later);
  desk.step();
  assert_int_equal(desk.liveness().held.read(), 1);
  const Bytes first = may_be_cut(datagram(1'492), 78, kMoreFragments);
  assert_int_equal(desk.pass(first, 0, 1).size(), 4);
  assert_int_equal(desk.liveness().held.read(), 0);
  assert_int_equal(desk.liveness().split.read(), 2);
  assert_true(desk.adds_up());
}

void tags_and_options_are_no_hindrance(void** state) {
  BusyDesk desk(desk_of(state), spec_with(Mode::ipip));
  Bytes sent = datagram(1'480);
  const std::array<uint8_t, 8> options = {7, 3, 4, 1, 0x82, 4, 1, 2};
  sent.insert(sent.begin() + kEthernet + 20, options.begin(), options.end());
  sent[kEthernet] = 0x47;
  store(sent.data() + kEthernet + 2, Big16(1'488));
  mend_ipv4_checksum(sent.data() + kEthernet);
  const std::array<uint8_t, 4> tag = {0x81, 0, 0, 7};
  sent.insert(sent.begin() + 12, tag.begin(), tag.end());
  const std::vector<Bytes> left = desk.pass(sent, 0, 1);
  assert_int_equal(left.size(), 2);
  Together together;
  for (const Bytes& frame : left) together.add(frame, kEthernet + 20);
  assert_true(together.payload() == payload_of(sent, tag.size() + 28));
  assert_memory_equal(left[1].data() + kEthernet + 40, "\1\1\1\1\x82\4\1\2", 8);
  assert_true(desk.adds_up());
}

void a_burst_of_them_arrives(void** state) {
  BusyDesk desk(desk_of(state), spec_with(Mode::ipip));
  for (uint16_t i = 0; i < kBurst; ++i) desk.arrive(may_be_cut(datagram(1'500), i));
  assert_int_equal(desk.step(), kBurst);
  std::vector<Bytes> left = desk.left(1);
  desk.step();
  for (const Bytes& frame : desk.left(1)) left.push_back(frame);
  assert_int_equal(left.size(), 2 * kBurst);
  std::array<Together, kBurst> all;
  for (const Bytes& frame : left) {
    all.at(load<Ipv4Header>(frame.data() + kEthernet + 20).id.value()).add(frame, kEthernet + 20);
  }
  for (const Together& together : all) {
    assert_true(together.payload() == payload_of(datagram(1'500)));
  }
  assert_true(desk.adds_up());
}

void some_are_dropped(void** state) {
  static constexpr struct {
    const char* description;
    uint16_t mtu;
    size_t length;
    bool is_dropped;
  } kRows[] = {
      {"eight pieces", 20 + 20 + 96, 20 + 768, false},
      {"nine", 20 + 20 + 96, 20 + 769, true},
  };
  for (const auto& row : kRows) {
    PlanSpec spec = spec_with(Mode::ipip);
    spec.backends[1].forwarding.mtu = row.mtu;
    BusyDesk desk(desk_of(state), spec);
    const size_t left = desk.pass(datagram(row.length), 0, 1).size();
    if (left != (row.is_dropped ? 0 : kMaxPieces)) fail_msg("%s: %zu", row.description, left);
    assert_int_equal(desk.drops(Reason::too_big), row.is_dropped ? 1 : 0);
    assert_int_equal(desk.liveness().split.read(), row.is_dropped ? 0 : 1);
    assert_true(desk.left(0).empty());
    assert_true(desk.adds_up());
  }
}

void without_buffers_none_is_cut(void** state) {
  BusyDesk desk(desk_of(state), spec_with(Mode::ipip));
  const Bytes big = datagram(1'500);
  rte_mbuf* const packet = desk.mbuf_of(big);
  std::vector<rte_mbuf*> all;
  while (rte_mbuf* taken = rte_pktmbuf_alloc(desk.desk().pool->get())) all.push_back(taken);
  rte_pktmbuf_free(all.back());  // one piece's worth is not enough
  all.pop_back();
  desk.arrive_as_it_is(packet);
  desk.step();
  rte_pktmbuf_free_bulk(all.data(), static_cast<unsigned>(all.size()));
  assert_true(desk.left(1).empty());
  assert_int_equal(desk.liveness().no_buffer.read(), 1);
  assert_int_equal(desk.liveness().split.read(), 0);
  assert_int_equal(desk.drops(Reason::too_big), 1);
  assert_true(desk.adds_up());
  assert_int_equal(desk.pass(big, 0, 1).size(), 2);  // healed
  assert_true(desk.adds_up());
}

void whatever_comes_adds_up(void** state) {
  BusyDesk desk(desk_of(state), spec_with(Mode::ipip));
  std::mt19937 random(11);
  for (size_t round = 0; round < 3'000; ++round) {
    for (size_t i = random() % kBurst; i > 0; --i) {
      const auto id = static_cast<uint16_t>(random() % 16);
      const auto field = static_cast<uint16_t>(random() % 3 == 0 ? random() : 0);
      Bytes packet = may_be_cut(datagram(1'460 + random() % 41), id, field);
      for (size_t k = random() % 3; k > 0; --k) {
        packet[random() % 60] = static_cast<uint8_t>(random());
      }
      if (random() % 2 == 0) mend_ipv4_checksum(packet.data() + kEthernet);
      desk.arrive(packet, random() % 2);
    }
    desk.step();
    desk.left(0);
    desk.left(1);
    desk.given_to_kernel();
  }
  assert_true(desk.adds_up());
  assert_true(desk.liveness().split.read() > 3'000);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_arrives_is_what_was_sent),
      cmocka_unit_test(one_that_fits_exactly_stays_whole),
      cmocka_unit_test(translated_pieces_make_a_translated_packet),
      cmocka_unit_test(what_was_a_fragment_is_cut_too),
      cmocka_unit_test(what_was_held_is_cut_too),
      cmocka_unit_test(tags_and_options_are_no_hindrance),
      cmocka_unit_test(a_burst_of_them_arrives),
      cmocka_unit_test(some_are_dropped),
      cmocka_unit_test(without_buffers_none_is_cut),
      cmocka_unit_test(whatever_comes_adds_up),
  };
  return cmocka_run_group_tests_name("packet/worker_cut", tests, open_desk, close_desk);
}
