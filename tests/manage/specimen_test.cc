// A specimen is a packet of its flow, to the parser that workers use, and reads as what it is.
#include "firmware/manage/specimen.h"

#include "tests/cmocka.h"
#include "tests/packet/box.h"

namespace evenkeel {
namespace {

void test_is_of_its_flow(void** /*state*/) {
  for (const bool is_v4 : {true, false}) {
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp, Protocol::sctp}) {
      for (const bool is_opening : {true, false}) {
        const FlowKey key = key_of({.address = is_v4 ? "198.51.100.7" : "2001:db8:1::7",
                                    .vip = is_v4 ? "192.0.2.1" : "2001:db8::1",
                                    .protocol = protocol});
        Specimen specimen(key, is_opening);
        Parsed parsed;
        assert_int_equal(static_cast<int>(parse_slow(specimen.frame(), parsed)),
                         static_cast<int>(Reason::none));
        assert_true(parsed.key == key);
        assert_int_equal((parsed.signals & kOpening) != 0, is_opening && protocol != Protocol::udp);
        assert_int_equal(parsed.l3_offset + parsed.l3_length, specimen.frame().length);
      }
    }
  }
}

void test_reads_as_what_it_is(void** /*state*/) {
  struct {
    const char* description;
    Client client;
    const char* ip;
    HeaderText ports;
  } const rows[] = {
      {"TCP, IPv4", {}, "198.51.100.7 > 192.0.2.1, protocol 6, ttl 64", {"tcp", "40000 > 80"}},
      {"UDP, IPv6",
       {.address = "2001:db8:1::7", .vip = "2001:db8::1", .protocol = Protocol::udp},
       "2001:db8:1::7 > 2001:db8::1, protocol 17, ttl 64",
       {"udp", "40000 > 80"}},
      {"SCTP, IPv4",
       {.protocol = Protocol::sctp},
       "198.51.100.7 > 192.0.2.1, protocol 132, ttl 64",
       {"sctp", "40000 > 80"}},
  };
  for (const auto& row : rows) {
    const std::vector<HeaderText> lines = Specimen(key_of(row.client), true).headers();
    if (lines.size() != 3 || lines[1].text != row.ip || lines[2] != row.ports) {
      fail_msg("%s: %s", row.description, lines.back().text.c_str());
    }
  }
}

void test_an_echo_request(void** /*state*/) {
  for (const bool is_v4 : {true, false}) {
    const FlowKey key = key_of({.address = is_v4 ? "198.51.100.7" : "2001:db8:1::7",
                                .vip = is_v4 ? "192.0.2.1" : "2001:db8::1",
                                .port = 4'711,
                                .protocol = is_v4 ? Protocol::icmp : Protocol::icmpv6});
    Specimen specimen(key, true);
    Parsed parsed;
    assert_int_equal(static_cast<int>(parse_slow(specimen.frame(), parsed)),
                     static_cast<int>(Reason::none));
    assert_true(parsed.kind == Kind::echo);
    assert_true(specimen.headers().back() == (HeaderText{"icmp", "echo request, identifier 4711"}));
  }
}

void test_says_tag_and_mark(void** /*state*/) {
  Specimen specimen(key_of({}), true);
  Frame& frame = specimen.frame();
  frame.data -= sizeof(VlanTag);
  frame.length += sizeof(VlanTag);
  std::memmove(frame.data, frame.data + sizeof(VlanTag), 2 * sizeof(Mac));
  store(frame.data + 2 * sizeof(Mac),
        VlanTag{.control = static_cast<uint16_t>(EtherType::vlan), .type = 0x6007});
  frame.data[sizeof(EthernetHeader) + sizeof(VlanTag) + 1] = 46 << 2;
  const std::vector<HeaderText> lines = specimen.headers();
  assert_int_equal(lines.size(), 4);
  assert_true(lines[1] == (HeaderText{"vlan", "7"}));
  assert_true(lines[2].text.ends_with("dscp 46"));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_is_of_its_flow),
      cmocka_unit_test(test_reads_as_what_it_is),
      cmocka_unit_test(test_an_echo_request),
      cmocka_unit_test(test_says_tag_and_mark),
  };
  return cmocka_run_group_tests_name("manage/specimen", tests, nullptr, nullptr);
}
