// What is answered, byte for byte as scapy builds it; how long an answer may be; and what is never
// answered.
#include "firmware/wire/icmp.h"

#include <cstring>

#include "firmware/wire/headers.h"
#include "tests/cmocka.h"
#include "tests/wire/packet.h"
#include "tests/wire/parse_accepted.h"

namespace evenkeel {
namespace {

struct EchoRow {
  const char* description;
  const char* request;
  const char* reply;
};

constexpr EchoRow kEchoes[] = {
    {"IPv4",
     "0200000000020200000000010800"
     "452e0020123440000301793fc6336407c0000201"
     "0800192c00010002"
     "70696e67",
     "0200000000010200000000020800"
     "452e00201234400040013c3fc0000201c6336407"
     "0000212c00010002"
     "70696e67"},
    {"IPv4, odd length, behind a VLAN, with padding",
     "0200000000020200000000018100"
     "a0070800"
     "4500001f1234000040017c6ec6336407c000020108002498000100026f6464"
     "0000000000000000"
     "0000000000000000000000",
     "0200000000010200000000028100"
     "a0070800"
     "4500001f1234000040017c6ec0000201c633640700002c98000100026f6464"
     "0000000000000000"
     "0000000000000000000000"},
    {"IPv4 options go",
     "0200000000020200000000010800"
     "460000241234000040017065c6336407c000020107030401"
     "0800192c00010002"
     "70696e67",
     "0200000000010200000000020800"
     "450000201234000040017c6dc0000201c6336407"
     "0000212c00010002"
     "70696e67"},
    {"IPv4, nothing but the header",
     "0200000000020200000000010800"
     "4500001c1234000040017c71c6336407c0000201"
     "0800f7fc00010002",
     "0200000000010200000000020800"
     "4500001c1234000040017c71c0000201c6336407"
     "0000fffc00010002"},
    {"IPv4, a reply of zeros, whose checksum is not",
     "0200000000020200000000010800"
     "4500001e1234000040017c6fc6336407c0000201"
     "0800f7ff00000000"
     "0000",
     "0200000000010200000000020800"
     "4500001e1234000040017c6fc0000201c6336407"
     "0000ffff00000000"
     "0000"},
    {"IPv6",
     "02000000000202000000000186dd"
     "62e12345000c3a0320010db8000c0000000000000000000720010db8000000000000000000000001"
     "8000455f0001000270696e67",
     "02000000000102000000000286dd"
     "62e12345000c3a4020010db800000000000000000000000120010db8000c00000000000000000007"
     "8100445f0001000270696e67"},
    {"IPv6 extension headers go, behind two VLANs",
     "02000000000202000000000188a8"
     "00098100"
     "000786dd"
     "600000000023004020010db8000c0000000000000000000720010db8000000000000000000000001"
     "3c00010400000000"
     "2c00010400000000"
     "3a000000abcdef01"
     "800050cc000100026f6464",
     "02000000000102000000000288a8"
     "00098100"
     "000786dd"
     "60000000000b3a4020010db800000000000000000000000120010db8000c00000000000000000007"
     "81004fcc000100026f6464"},
};

struct TooBigRow {
  const char* description;
  const char* offending;
  uint16_t mtu;
  const char* answer;
};

constexpr TooBigRow kTooBigs[] = {
    {"IPv4",
     "0200000000020200000000010800"
     "4500002c123440000906735cc6336407c0000201"
     "9c400050000000000000000050102000a49f0000"
     "30313233",
     1400,
     "0200000000010200000000020800"
     "45c000480000400040014db9c0000201c6336407"
     "0304e3de00000578"
     "4500002c123440000906735cc6336407c0000201"
     "9c400050000000000000000050102000a49f0000"
     "30313233"},
    {"IPv4 first fragment behind a VLAN",
     "0200000000020200000000018100"
     "00070800"
     "4500001c1234200040115c61c6336407c0000201"
     "9c400035006476d0",
     1400,
     "0200000000010200000000028100"
     "00070800"
     "45c000380000400040014dc9c0000201c6336407"
     "0304e3d900000578"
     "4500001c1234200040115c61c6336407c0000201"
     "9c400035006476d0"},
    {"IPv6",
     "02000000000202000000000186dd"
     "600000000018064020010db8000c0000000000000000000720010db8000000000000000000000001"
     "9c40005000000000000000005010200035560000"
     "30313233",
     1400,
     "02000000000102000000000286dd"
     "6c00000000483a4020010db800000000000000000000000120010db8000c00000000000000000007"
     "0200364500000578"
     "600000000018064020010db8000c0000000000000000000720010db8000000000000000000000001"
     "9c40005000000000000000005010200035560000"
     "30313233"},
};

constexpr const char* kEchoRequest = kEchoes[0].request;
constexpr const char* kTcp4 = kTooBigs[0].offending;
constexpr const char* kTcp6 = kTooBigs[2].offending;

constexpr uint32_t kPlenty = 2'000;  // for any answer

// REQUIRES: the packet is a good one.
Parsed parsed_of(Packet& packet) {
  Parsed parsed;
  CHECK(parse(packet.frame(), parsed) == Reason::none);
  return parsed;
}

void expect_bytes(const Frame& frame, const char* hex) {
  const Packet expected = packet_of(hex);
  assert_int_equal(frame.length, expected.length);
  assert_memory_equal(frame.data, expected.bytes(), expected.length);
}

void replies_to_echoes(void** /*state*/) {
  for (const EchoRow& row : kEchoes) {
    print_message("  %s\n", row.description);
    Packet packet = packet_of(row.request);
    const Frame before = packet.frame();
    Frame frame = before;
    assert_int_equal(make_echo_reply(frame, parsed_of(packet)), Reason::none);
    expect_bytes(frame, row.reply);
    assert_ptr_equal(frame.data + frame.length, before.data + before.length);
  }
}

struct RefusedEcho {
  const char* description;
  const char* patches;  // to kEchoRequest
  Reason reason;
};

constexpr RefusedEcho kRefusedEchoes[] = {
    {"damaged payload", "45:68", Reason::bad_checksum},
    {"checksum 0", "36:0000", Reason::bad_checksum},
    {"sent to a group of stations", "0:01", Reason::bad_address},
    {"sent to all stations", "0:ffffffffffff", Reason::bad_address},
    {"sent by a group of stations", "6:03", Reason::bad_address},
    {"sent to a group of hosts", "30:e0000005", Reason::bad_address},
};

void refuses_echoes(void** /*state*/) {
  for (const RefusedEcho& row : kRefusedEchoes) {
    print_message("  %s\n", row.description);
    Packet packet = packet_of(kEchoRequest, row.patches);
    mend_ipv4_checksum(packet.bytes() + 14);
    const Packet before = packet;
    Frame frame = packet.frame();
    assert_int_equal(make_echo_reply(frame, parsed_of(packet)), row.reason);
    assert_ptr_equal(frame.data, packet.bytes());
    assert_memory_equal(packet.room.data(), before.room.data(), packet.room.size());
  }
}

// The pseudo header counts for ICMPv6: the same bytes to another address are damaged.
void refuses_an_echo_to_another_address(void** /*state*/) {
  Packet packet = packet_of(kEchoes[5].request, "53:02");
  Frame frame = packet.frame();
  assert_int_equal(make_echo_reply(frame, parsed_of(packet)), Reason::bad_checksum);
}

void tells_what_is_too_big(void** /*state*/) {
  for (const TooBigRow& row : kTooBigs) {
    print_message("  %s\n", row.description);
    Packet packet = packet_of(row.offending);
    const Packet before = packet;
    Packet room;
    Frame answer = room.frame();
    const Parsed parsed = parsed_of(packet);
    assert_int_equal(make_too_big(packet.frame(), parsed, row.mtu, kPlenty, answer), Reason::none);
    expect_bytes(answer, row.answer);
    assert_ptr_equal(answer.data, room.bytes());
    assert_memory_equal(packet.bytes(), before.bytes(), packet.length);
  }
}

struct MtuRow {
  const char* offending;
  uint16_t mtu;
  uint16_t told;
};

constexpr MtuRow kMtus[] = {
    {kTcp4, 0, 68},      {kTcp4, 67, 68},     {kTcp4, 68, 68},       {kTcp4, 69, 69},
    {kTcp4, 9000, 9000}, {kTcp6, 0, 1280},    {kTcp6, 1279, 1280},   {kTcp6, 1280, 1280},
    {kTcp6, 1281, 1281}, {kTcp6, 9000, 9000}, {kTcp6, 65535, 65535},
};

void tells_no_less_than_the_protocol_allows(void** /*state*/) {
  for (const MtuRow& row : kMtus) {
    Packet packet = packet_of(row.offending);
    Packet room;
    Frame answer = room.frame();
    const Parsed parsed = parsed_of(packet);
    assert_int_equal(make_too_big(packet.frame(), parsed, row.mtu, kPlenty, answer), Reason::none);
    const uint32_t icmp = parsed.is_v4 ? 34 : 54;
    assert_int_equal(load<IcmpHeader>(answer.data + icmp).rest.value(), row.told);
    assert_int_equal(plain_transport_sum(answer.data + 14), 0xffff);
  }
}

struct QuoteRow {
  const char* offending;
  size_t length_field;     // of its IP header, in the frame
  uint16_t length;         // what to write there
  uint32_t l3_length;      // of the offending packet, then
  uint32_t answer_length;  // of the answer's IP packet
};

constexpr QuoteRow kQuotes[] = {
    {kTcp4, 16, 547, 547, 575},    {kTcp4, 16, 548, 548, 576},    {kTcp4, 16, 549, 549, 576},
    {kTcp4, 16, 1500, 1500, 576},  {kTcp6, 18, 1191, 1231, 1279}, {kTcp6, 18, 1192, 1232, 1280},
    {kTcp6, 18, 1193, 1233, 1280}, {kTcp6, 18, 3000, 3040, 1280},
};

void quotes_as_much_as_is_allowed(void** /*state*/) {
  for (const QuoteRow& row : kQuotes) {
    Packet packet = packet_of(row.offending);
    store(packet.bytes() + row.length_field, Big16(row.length));
    for (uint32_t i = packet.length; i < 14 + row.l3_length; ++i) {
      packet.bytes()[i] = static_cast<uint8_t>(i);
    }
    packet.length = 14 + row.l3_length;
    if (row.length_field == 16) mend_ipv4_checksum(packet.bytes() + 14);
    Packet room;
    Frame answer = room.frame();
    const Parsed parsed = parsed_of(packet);
    assert_int_equal(make_too_big(packet.frame(), parsed, 1400, kPlenty, answer), Reason::none);
    assert_int_equal(answer.length, 14 + row.answer_length);
    const uint32_t quote = parsed.is_v4 ? 42 : 62;
    assert_memory_equal(answer.data + quote, packet.bytes() + 14, answer.length - quote);
    assert_int_equal(plain_transport_sum(answer.data + 14), 0xffff);
    // Well formed: an error for the client, about its own packet.
    Parsed said;
    assert_int_equal(parse(answer, said), Reason::none);
    assert_int_equal(said.kind, Kind::icmp_error);
    assert_memory_equal(&said.key.source, &parsed.key.destination, sizeof(Address));
  }
}

void needs_room_for_the_answer(void** /*state*/) {
  for (const TooBigRow& row : kTooBigs) {
    Packet packet = packet_of(row.offending);
    const Parsed parsed = parsed_of(packet);
    const uint32_t needed = packet_of(row.answer).length;
    Packet room;
    Frame answer = room.frame();
    assert_int_equal(make_too_big(packet.frame(), parsed, row.mtu, needed - 1, answer),
                     Reason::no_headroom);
    assert_int_equal(answer.length, 0);
    assert_memory_equal(room.room.data(), Packet().room.data(), room.room.size());
    assert_int_equal(make_too_big(packet.frame(), parsed, row.mtu, needed, answer), Reason::none);
    assert_int_equal(answer.length, needed);
  }
}

// Of all kinds of packets, ICMP errors and later fragments are not answered.
void answers_kinds_that_may_be_answered(void** /*state*/) {
  for (const Accepted& row : kAccepted) {
    Packet packet = packet_of(row.hex);
    Packet room;
    Frame answer = room.frame();
    const Reason reason = make_too_big(packet.frame(), parsed_of(packet), 1400, kPlenty, answer);
    Reason expected = Reason::none;
    if (row.expected.kind == Kind::icmp_error) expected = Reason::icmp_other;
    if (row.expected.kind == Kind::fragment_later) expected = Reason::fragment_later;
    assert_int_equal(reason, expected);
    assert_int_equal(answer.length != 0, expected == Reason::none);
  }
}

struct GroupRow {
  const char* offending;
  const char* patches;
};

constexpr GroupRow kGroups[] = {
    {kTcp4, "0:01"},        {kTcp4, "0:ffffffffffff"}, {kTcp4, "6:01"},    {kTcp4, "30:e0000001"},
    {kTcp4, "30:ffffffff"}, {kTcp6, "0:3333"},         {kTcp6, "38:ff02"},
};

void never_answers_a_group(void** /*state*/) {
  for (const GroupRow& row : kGroups) {
    Packet packet = packet_of(row.offending, row.patches);
    if (packet.bytes()[14] == 0x45) mend_ipv4_checksum(packet.bytes() + 14);
    Packet room;
    Frame answer = room.frame();
    assert_int_equal(make_too_big(packet.frame(), parsed_of(packet), 1400, kPlenty, answer),
                     Reason::bad_address);
    assert_int_equal(answer.length, 0);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(replies_to_echoes),
      cmocka_unit_test(refuses_echoes),
      cmocka_unit_test(refuses_an_echo_to_another_address),
      cmocka_unit_test(tells_what_is_too_big),
      cmocka_unit_test(tells_no_less_than_the_protocol_allows),
      cmocka_unit_test(quotes_as_much_as_is_allowed),
      cmocka_unit_test(needs_room_for_the_answer),
      cmocka_unit_test(answers_kinds_that_may_be_answered),
      cmocka_unit_test(never_answers_a_group),
  };
  return cmocka_run_group_tests_name("wire/icmp", tests, nullptr, nullptr);
}
