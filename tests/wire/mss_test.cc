// What a segment announces before and after; options at every place, good and broken.
#include "firmware/wire/mss.h"

#include <cstring>

#include "tests/cmocka.h"
#include "tests/wire/packet.h"

namespace evenkeel {
namespace {

constexpr const char* kIpv4 =  // total length at 16, TCP's data offset at 46, its flags at 47
    "020000000002020000000001080045000000123440004006"
    "0000c6336407c00002019c40005000000000000000005002200000000000";
constexpr const char* kIpv6 =  // payload length at 18, TCP's data offset at 66, its flags at 67
    "02000000000202000000000186dd6000000000000640"
    "20010db8000c0000000000000000000720010db80000000000000000000000019c40005000000000000000005002"
    "200000000000";

constexpr uint8_t kSyn = 0x02;
constexpr uint8_t kSynAck = 0x12;
constexpr uint8_t kAck = 0x10;
constexpr uint16_t kLargest = 1220;

struct Row {
  const char* description;
  uint8_t flags;
  const char* options;
  const char* clamped;
};

constexpr Row kRows[] = {
    {"above", kSyn, "020405b4", "020404c4"},
    {"the highest", kSyn, "0204ffff", "020404c4"},
    {"one above", kSyn, "020404c5", "020404c4"},
    {"equal", kSyn, "020404c4", "020404c4"},
    {"below", kSyn, "02040218", "02040218"},
    {"zero", kSyn, "02040000", "02040000"},
    {"answer to a SYN", kSynAck, "020405b4", "020404c4"},
    {"not a SYN", kAck, "020405b4", "020405b4"},
    {"no options", kSyn, "", ""},
    {"no MSS", kSyn, "0101040203030700", "0101040203030700"},
    {"behind others, even place", kSyn, "0402080a0000000100000000020405b4",
     "0402080a0000000100000000020404c4"},
    {"odd place", kSyn, "01020405b4010101", "01020404c4010101"},
    {"odd place, last", kSyn, "01010101010101010303070101020405b4010101",
     "01010101010101010303070101020404c4010101"},
    {"at the very end", kSyn, "01010101020405b4", "01010101020404c4"},
    {"as far out as can be", kSyn,
     "010101010101010101010101010101010101010101010101010101010101010101010101020405b4",
     "010101010101010101010101010101010101010101010101010101010101010101010101020404c4"},
    {"forty times nothing", kSyn,
     "01010101010101010101010101010101010101010101010101010101010101010101010101010101",
     "01010101010101010101010101010101010101010101010101010101010101010101010101010101"},
    {"twice", kSyn, "020405b4020405b4", "020404c4020404c4"},
    {"behind the end of the list", kSyn, "00000000020405b4", "00000000020405b4"},
    {"length 0 does not loop", kSyn, "03000000020405b4", "03000000020405b4"},
    {"length 1", kSyn, "03010000020405b4", "03010000020405b4"},
    {"another option beyond the header", kSyn, "0101010103ff05b4", "0101010103ff05b4"},
    {"a kind without a length", kSyn, "01010102", "01010102"},
    {"MSS beyond the header", kSyn, "01010204", "01010204"},
    {"MSS of three bytes", kSyn, "02030500020405b4", "02030500020405b4"},
    {"MSS of six bytes", kSyn, "020605b40000020405b40101", "020605b40000020404c40101"},
    {"a value that looks like MSS", kSyn, "0506020405b4020405b40101", "0506020405b4020404c40101"},
};

struct Family {
  const char* header;
  uint32_t length_field;
  uint32_t counted;  // bytes of the IP header that the length field counts
  uint32_t l4;
};

constexpr Family kFamilies[] = {{kIpv4, 16, 20, 34}, {kIpv6, 18, 0, 54}};

// A segment with these options and two bytes of payload, its checksums right.
Packet segment_of(const Family& family, uint8_t flags, const char* options) {
  Packet packet = packet_of(family.header);
  uint8_t* bytes = packet.bytes();
  uint32_t count = 0;
  write_hex(options, bytes + packet.length, count);
  packet.length += count;
  bytes[packet.length++] = 0xab;
  bytes[packet.length++] = 0xcd;
  bytes[family.l4 + 12] = static_cast<uint8_t>((20 + count) / 4 << 4);
  bytes[family.l4 + 13] = flags;
  store(bytes + family.length_field,
        Big16(static_cast<uint16_t>(packet.length - family.l4 + family.counted)));
  if (family.counted != 0) mend_ipv4_checksum(bytes + 14);
  const auto checksum = static_cast<uint16_t>(~plain_transport_sum(bytes + 14));
  store(bytes + family.l4 + 16, Big16(checksum));
  return packet;
}

Parsed parsed_of(Packet& packet) {
  Parsed parsed;
  CHECK(parse(packet.frame(), parsed) == Reason::none);
  return parsed;
}

void lowers_what_is_too_large(void** /*state*/) {
  for (const Family& family : kFamilies) {
    for (const Row& row : kRows) {
      print_message("  %s\n", row.description);
      Packet packet = segment_of(family, row.flags, row.options);
      const Packet expected = segment_of(family, row.flags, row.clamped);
      const Parsed parsed = parsed_of(packet);
      clamp_mss(packet.frame(), parsed, kLargest);
      assert_int_equal(packet.length, expected.length);
      assert_memory_equal(packet.room.data(), expected.room.data(), packet.room.size());
    }
  }
}

// Wherever the sum carries, the mended checksum is right.
void checksum_stays_right_for_every_value(void** /*state*/) {
  for (const char* options : {"02040000", "0102040000010101"}) {
    const uint32_t at = 54 + (options[1] == '2' ? 2 : 3);
    for (uint32_t value = 0; value <= 0xffff; value += 7) {
      const Family& family = kFamilies[0];
      Packet packet = segment_of(family, kSyn, options);
      store(packet.bytes() + at, Big16(static_cast<uint16_t>(value)));
      store(packet.bytes() + family.l4 + 16, Big16(0));
      const auto checksum = static_cast<uint16_t>(~plain_transport_sum(packet.bytes() + 14));
      store(packet.bytes() + family.l4 + 16, Big16(checksum));
      clamp_mss(packet.frame(), parsed_of(packet), 536);
      assert_int_equal(plain_transport_sum(packet.bytes() + 14), 0xffff);
      assert_int_equal(load<Big16>(packet.bytes() + at).value(), value < 536 ? value : 536);
    }
  }
}

// A first fragment may end within the options; later ones and other protocols have none.
void leaves_other_packets_alone(void** /*state*/) {
  const Family& family = kFamilies[0];
  for (const char* patches : {
           "20:2000 16:002c 46:f0",  // options beyond a first fragment
           "20:0009",                // a later fragment
           "23:11 38:0010",          // UDP
           "23:84",                  // SCTP
           "23:01 34:0800",          // echo
       }) {
    Packet packet = segment_of(family, kSyn, "020405b4020405b4020405b4020405b4");
    char* end = nullptr;
    while (*patches != '\0') {
      const auto at = std::strtoul(patches, &end, 10);
      uint32_t count = 0;
      patches = write_hex(end + 1, packet.bytes() + at, count);
      if (*patches == ' ') ++patches;
    }
    mend_ipv4_checksum(packet.bytes() + 14);
    const Packet before = packet;
    clamp_mss(packet.frame(), parsed_of(packet), kLargest);
    assert_memory_equal(packet.room.data(), before.room.data(), packet.room.size());
  }
}

void lowers_in_a_first_fragment(void** /*state*/) {
  Packet packet = segment_of(kFamilies[0], kSyn, "020405b4");
  packet.bytes()[20] = 0x20;
  store(packet.bytes() + 16, Big16(uint16_t{20 + 24}));
  mend_ipv4_checksum(packet.bytes() + 14);
  const Parsed parsed = parsed_of(packet);
  assert_int_equal(parsed.kind, Kind::fragment_first);
  clamp_mss(packet.frame(), parsed, kLargest);
  const Packet whole = segment_of(kFamilies[0], kSyn, "020404c4");
  assert_memory_equal(packet.bytes() + 34, whole.bytes() + 34, 24);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(lowers_what_is_too_large),
      cmocka_unit_test(checksum_stays_right_for_every_value),
      cmocka_unit_test(leaves_other_packets_alone),
      cmocka_unit_test(lowers_in_a_first_fragment),
  };
  return cmocka_run_group_tests_name("wire/mss", tests, nullptr, nullptr);
}
