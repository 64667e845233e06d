// What stands before a service: that it is closed, whom it takes, how often, and with which MSS;
// and replies of servers in mode nat, which no service takes.
#include <cstring>

#include "firmware/packet/pipeline.h"
#include "tests/cmocka.h"
#include "tests/packet/box.h"

namespace evenkeel {
namespace {

constexpr uint32_t kLimit = 5;

int make_box(void** state) {
  *state = new Box;
  return 0;
}
int end_box(void** state) {
  delete static_cast<Box*>(*state);
  return 0;
}
Box& of(void** state) { return *static_cast<Box*>(*state); }

// "web" has what a test gives it.
PlanSpec spec_with(void (*guard)(ServiceSpec&)) {
  PlanSpec spec = good_spec();
  guard(spec.services[0]);
  return spec;
}

void a_closed_service_says_why(void** state) {
  Box& box = of(state);
  PlanSpec spec = spec_with([](ServiceSpec& web) { web.closed = Reason::next_hop_unresolved; });
  for (MemberSpec& member : spec.services[0].members) member.weight = 0;
  const PlanPointer plan = built(spec);
  assert_int_equal(box.send(*plan, packet_from({})).reason, Reason::next_hop_unresolved);
  assert_int_equal(box.send(*plan, too_big_about({})).reason, Reason::next_hop_unresolved);
  assert_int_equal(box.send(*plan, echo_from({})).reason, Reason::none);  // the box is there
  assert_int_equal(box.send(*plan, packet_from({.vip = "192.0.2.2", .vip_port = 25})).reason,
                   Reason::none);
}

void lists_of_clients(void** state) {
  Box& box = of(state);
  const PlanPointer plan = built(spec_with([](ServiceSpec& web) {
    web.allow = {{address_of("198.51.100.0"), 96 + 24}};
    web.deny = {{address_of("198.51.100.128"), 96 + 25}};
  }));
  const struct {
    const char* client;
    Reason reason;
  } rows[] = {
      {"198.51.100.7", Reason::none},
      {"198.51.100.200", Reason::denied},
      {"203.0.113.7", Reason::denied},
  };
  for (const auto& row : rows) {
    for (const uint8_t flags : {kTcpSyn, kTcpAck}) {
      const Bytes packet = packet_from({.address = row.client}, flags);
      assert_int_equal(box.send(*plan, packet).reason, row.reason);
    }
  }
}

void new_flows_of_a_client_are_limited_by_the_second(void** state) {
  Box& box = of(state);
  const PlanPointer plan =
      built(spec_with([](ServiceSpec& web) { web.new_flows_per_source = kLimit; }));
  for (int second = 0; second < 3; ++second) {
    for (uint16_t i = 0; i < 2 * kLimit; ++i) {
      const Client client = {.port = static_cast<uint16_t>(1'000 + i)};
      assert_int_equal(box.send(*plan, packet_from(client, kTcpSyn)).reason,
                       i < kLimit ? Reason::none : Reason::over_limit);
    }
    const Client other = {.address = "198.51.100.8"};
    assert_int_equal(box.send(*plan, packet_from(other, kTcpSyn)).reason, Reason::none);
    assert_int_equal(box.send(*plan, packet_from({}, kTcpAck)).reason, Reason::none);  // open
    box.pass(1);
  }
}

// A SYN that announces an MSS of 1460.
Bytes syn_with_mss() {
  Bytes bytes = packet_from({}, kTcpSyn, 4);
  const size_t l4 = kEthernet + sizeof(Ipv4Header);
  bytes[l4 + offsetof(TcpHeader, data_offset)] = 0x60;
  const Bytes option = {2, 4, 1'460 >> 8, 1'460 & 0xff};
  std::copy(option.begin(), option.end(), bytes.begin() + l4 + sizeof(TcpHeader));
  mend_transport(bytes, l4 + offsetof(TcpHeader, checksum));
  return bytes;
}

void the_mss_is_clamped(void** state) {
  Box& box = of(state);
  const PlanPointer plan = built(spec_with([](ServiceSpec& web) { web.mss = 1'400; }));
  const Sent sent = box.send(*plan, syn_with_mss());
  assert_int_equal(sent.reason, Reason::none);
  const uint8_t* const inner = sent.bytes.data() + kEthernet + sizeof(Ipv4Header);
  const auto mss = load<Big16>(inner + sizeof(Ipv4Header) + sizeof(TcpHeader) + 2);
  assert_int_equal(mss.value(), 1'400);
  assert_int_equal(plain_transport_sum(inner), 0xffff);
}

void a_reply_goes_back_by_its_vip(void** state) {
  Box& box = of(state);
  PlanSpec spec = good_spec();
  spec.backends[0].forwarding.mode = Mode::nat;
  spec.backends[0].forwarding.destination = address_of("10.0.0.1");
  spec.backends[0].forwarding.destination_port = 8080;
  spec.services = {service_of("nat", "192.0.2.1", 80, {{0}})};
  spec.ways = {{.to = {address_of("0.0.0.0"), 96},
                .way = {.resolved = true,
                        .port = 3,
                        .source_mac = {2, 0, 0, 0, 0, 1},
                        .destination_mac = {2, 0, 0, 0, 0, 7}}}};
  const PlanPointer plan = built(spec);
  const Client server = {
      .address = "10.0.0.1", .vip = "198.51.100.7", .port = 8080, .vip_port = 40'000};
  const Sent sent = box.send(*plan, packet_from(server));
  assert_int_equal(sent.reason, Reason::none);
  const auto ip = load<Ipv4Header>(sent.bytes.data() + kEthernet);
  assert_true(Address::v4(ip.source) == address_of("192.0.2.1"));
  assert_int_equal(box.counts().forwarded_packets, 1);
  const Client stranger = {.address = "10.0.0.1", .vip = "198.51.100.7", .port = 22};
  assert_int_equal(box.send(*plan, packet_from(stranger)).reason, Reason::no_service);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_closed_service_says_why, make_box, end_box),
      cmocka_unit_test_setup_teardown(lists_of_clients, make_box, end_box),
      cmocka_unit_test_setup_teardown(new_flows_of_a_client_are_limited_by_the_second, make_box,
                                      end_box),
      cmocka_unit_test_setup_teardown(the_mss_is_clamped, make_box, end_box),
      cmocka_unit_test_setup_teardown(a_reply_goes_back_by_its_vip, make_box, end_box),
  };
  return cmocka_run_group_tests_name("packet/pipeline_guard", tests, nullptr, nullptr);
}
