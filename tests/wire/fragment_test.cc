// Which packets are cut, where, and what stands in each piece's header.
#include "firmware/wire/fragment.h"

#include <array>
#include <cstring>

#include "tests/cmocka.h"
#include "tests/wire/packet.h"

namespace evenkeel {
namespace {

constexpr uint32_t kL3 = sizeof(EthernetHeader);

// UDP from 198.51.100.7 to 192.0.2.1, with as many bytes of options and of all that is behind them.
Packet packet_with(const char* options, uint32_t payload, uint16_t fragment = 0) {
  Packet packet = packet_of(
      "0200000000010200000000090800"
      "45000000123400004011"
      "0000c6336407c0000201");
  uint32_t length = 0;
  write_hex(options, packet.bytes() + kL3 + sizeof(Ipv4Header), length);
  const uint32_t header = static_cast<uint32_t>(sizeof(Ipv4Header)) + length;
  uint8_t* const l3 = packet.bytes() + kL3;
  l3[0] = static_cast<uint8_t>(0x40 | (header / 4));
  store(l3 + offsetof(Ipv4Header, total_length), Big16(static_cast<uint16_t>(header + payload)));
  store(l3 + offsetof(Ipv4Header, fragment), Big16(fragment));
  mend_ipv4_checksum(l3);
  for (uint32_t i = 0; i < payload; ++i) l3[header + i] = static_cast<uint8_t>(i % 251 + 1);
  if ((fragment & kFragmentOffset) == 0) {
    store(l3 + header + offsetof(UdpHeader, length), Big16(static_cast<uint16_t>(payload)));
  }
  packet.length = kL3 + header + payload;
  return packet;
}

Parsed parsed_of(Packet& packet) {
  Parsed parsed;
  assert_int_equal(parse(packet.frame(), parsed), Reason::none);
  return parsed;
}

// Pieces' bytes of payload; 0: it is not cut.
void cuts_as_few_as_can_be(void** /*state*/) {
  static constexpr struct {
    const char* description;
    uint32_t payload;
    uint16_t fragment;
    uint16_t mtu;
    size_t pieces;
    uint32_t each;
  } kRows[] = {
      {"fits exactly", 1'000, 0, 1'020, 0, 0},
      {"a byte too long", 1'001, 0, 1'020, 2, 1'000},
      {"MTU not of a multiple of 8", 1'001, 0, 1'019, 2, 992},
      {"two of one length", 2'000, 0, 1'020, 2, 1'000},
      {"three", 2'001, 0, 1'020, 3, 1'000},
      {"the most pieces", 800, 0, 120, 0, 0},
      {"the most pieces of 96", 768, 0, 120, 8, 96},
      {"one more than those", 769, 0, 120, 0, 0},
      {"the least MTU of IPv4", 384, 0, 68, 8, 48},
      {"the least pieces", 100, 0, 44, 5, 24},
      {"pieces without a whole transport header", 100, 0, 43, 0, 0},
      {"an MTU without room for a header", 100, 0, 19, 0, 0},
      {"no MTU", 100, 0, 0, 0, 0},
      {"must not be", 1'001, kDontFragment, 1'020, 0, 0},
      {"a first fragment", 1'008, kMoreFragments, 1'020, 2, 1'000},
      {"a later fragment", 1'001, 100, 1'020, 2, 1'000},
      {"a fragment that must not be cut", 1'008, kMoreFragments | kDontFragment, 1'020, 0, 0},
  };
  for (const auto& row : kRows) {
    Packet packet = packet_with("", row.payload, row.fragment);
    const std::optional<Cut> cut = cut_to_fit(packet.frame(), parsed_of(packet), row.mtu);
    if ((cut ? cut->pieces : 0) != row.pieces || (cut ? cut->payload : 0) != row.each) {
      fail_msg("%s: %zu of %u", row.description, cut ? cut->pieces : 0, cut ? cut->payload : 0);
    }
  }
}

void neither_icmp_nor_ipv6_is_cut(void** /*state*/) {
  static constexpr const char* kPackets[] = {
      // an echo request, and an error about UDP; both may be fragmented
      "02000000000102000000000908004500003c1234000040010000c6336407c00002010800000000010001"
      "6162636465666768696a6b6c6d6e6f7071727374757677786162636465666768",
      "0200000000010200000000090800450000381234000040010000cb007109c00002010304000000000578"
      "4500003c1234000040110000c0000201c63364070035c35000280000",
      "02000000000102000000000986dd6000000000201140"
      "20010db8000c0000000000000000000720010db80000000000000000000000019c40003500200000"
      "616263646566676869707172737475767778797a30313233",
  };
  for (const char* hex : kPackets) {
    Packet packet = packet_of(hex);
    mend_frame(packet.bytes(), packet.length);
    const Parsed parsed = parsed_of(packet);
    assert_false(cut_to_fit(packet.frame(), parsed, 48).has_value());
  }
}

struct Pieces {
  std::array<std::array<uint8_t, 2'048>, kMaxPieces> bytes;
  std::array<Frame, kMaxPieces> frames;
  size_t count;
};

void cut_up(Packet& packet, uint16_t mtu, Pieces& ret_pieces) {
  const Parsed parsed = parsed_of(packet);
  const std::optional<Cut> cut = cut_to_fit(packet.frame(), parsed, mtu);
  assert_true(cut.has_value());
  ret_pieces.count = cut->pieces;
  for (size_t i = 0; i < cut->pieces; ++i) {
    ret_pieces.bytes[i].fill(0xa5);
    const uint32_t room = parsed.l3_offset + mtu;
    ret_pieces.frames[i] = {.data = ret_pieces.bytes[i].data()};
    assert_int_equal(write_piece(packet.frame(), parsed, *cut, i, room, ret_pieces.frames[i]),
                     Reason::none);
    for (size_t k = ret_pieces.frames[i].length; k < 2'048; ++k) {
      assert_int_equal(ret_pieces.bytes[i][k], 0xa5);
    }
  }
}

void pieces_go_on_where_the_one_before_ends(void** /*state*/) {
  static constexpr struct {
    const char* description;
    uint16_t fragment;
    uint16_t fields[3];
  } kRows[] = {
      {"whole", 0, {0x2000, 0x2000 + 50, 100}},
      {"first", kMoreFragments, {0x2000, 0x2000 + 50, 0x2000 + 100}},
      {"in the middle", kMoreFragments | 7, {0x2007, 0x2000 + 57, 0x2000 + 107}},
      {"last", 7'000, {0x2000 + 7'000, 0x2000 + 7'050, 7'100}},
  };
  for (const auto& row : kRows) {
    Packet packet = packet_with("", 1'000, row.fragment);
    Pieces pieces;
    cut_up(packet, 420, pieces);
    assert_int_equal(pieces.count, 3);
    for (size_t i = 0; i < 3; ++i) {
      const uint8_t* const l3 = pieces.frames[i].data + kL3;
      const auto ip = load<Ipv4Header>(l3);
      const uint16_t length = i == 2 ? 220 : 420;
      if (ip.fragment.value() != row.fields[i] || ip.total_length.value() != length) {
        fail_msg("%s, piece %zu: %04x, %u", row.description, i, ip.fragment.value(),
                 ip.total_length.value());
      }
      assert_int_equal(pieces.frames[i].length, kL3 + length);
      assert_int_equal(ip.id.value(), 0x1234);
      assert_int_equal(ip.ttl, 64);
      assert_int_equal(plain_sum(l3, sizeof(Ipv4Header)), 0xffff);
      assert_memory_equal(pieces.frames[i].data, packet.bytes(), kL3);
      assert_memory_equal(l3 + 20, packet.bytes() + kL3 + 20 + i * 400, length - 20u);
    }
  }
}

void options_of_the_first_piece_stay_there(void** /*state*/) {
  static constexpr struct {
    const char* description;
    const char* first;
    const char* later;
  } kRows[] = {
      {"record route: not copied",
       "07070400000000"
       "00",
       "01010101010101"
       "00"},
      {"security: copied",
       "820b0000000000000000"
       "0000",
       "820b0000000000000000"
       "0000"},
      {"one of each", "0703040182040102", "0101010182040102"},
      {"one of each, the other way round", "8204010207030401", "8204010201010101"},
      {"no operation", "01010101", "01010101"},
      {"what follows the end stays", "00070304", "00070304"},
      {"a length of 0", "8204010207000000", "8204010201010101"},
      {"a length of 1", "8201010282040102", "0101010101010101"},
      {"a length beyond the header", "82040102820c0102", "8204010201010101"},
      {"no length", "8204010201010182", "8204010201010101"},
      {"as many as can be",
       "07270400000000000000000000000000000000000000000000000000000000000000000000000000",
       "01010101010101010101010101010101010101010101010101010101010101010101010101010100"},
  };
  for (const auto& row : kRows) {
    const auto length = static_cast<uint32_t>(std::strlen(row.first) / 2 / 4 * 4);
    char options[2 * 40 + 1] = {};
    std::memcpy(options, row.first, size_t{2} * length);
    Packet packet = packet_with(options, 300);
    Pieces pieces;
    cut_up(packet, 200, pieces);
    uint8_t wanted[41];
    uint32_t count = 0;
    write_hex(row.later, wanted, count);
    for (size_t i = 0; i < pieces.count; ++i) {
      const uint8_t* const l3 = pieces.frames[i].data + kL3;
      const uint8_t* const right = i == 0 ? packet.bytes() + kL3 + 20 : wanted;
      if (std::memcmp(l3 + 20, right, length) != 0) fail_msg("%s, %zu", row.description, i);
      assert_int_equal(l3[0], packet.bytes()[kL3]);
      assert_int_equal(plain_sum(l3, 20 + length), 0xffff);
    }
  }
}

void padding_is_left_behind(void** /*state*/) {
  Packet packet = packet_with("", 301);
  const uint32_t length = packet.length;
  packet.length += 50;
  Pieces pieces;
  cut_up(packet, 220, pieces);
  assert_int_equal(pieces.count, 2);
  assert_int_equal(pieces.frames[0].length + pieces.frames[1].length, length + kL3 + 20);
}

void a_buffer_too_small_is_refused(void** /*state*/) {
  Packet packet = packet_with("", 1'000);
  const Parsed parsed = parsed_of(packet);
  const std::optional<Cut> cut = cut_to_fit(packet.frame(), parsed, 520);
  std::array<uint8_t, 2'048> bytes{};
  Frame piece{.data = bytes.data()};
  const uint32_t needed = kL3 + 20 + cut->payload;
  assert_int_equal(write_piece(packet.frame(), parsed, *cut, 0, needed - 1, piece),
                   Reason::no_headroom);
  assert_int_equal(piece.length, 0);
  for (const uint8_t byte : bytes) assert_int_equal(byte, 0);
  assert_int_equal(write_piece(packet.frame(), parsed, *cut, 0, needed, piece), Reason::none);
  assert_int_equal(piece.length, needed);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(cuts_as_few_as_can_be),
      cmocka_unit_test(neither_icmp_nor_ipv6_is_cut),
      cmocka_unit_test(pieces_go_on_where_the_one_before_ends),
      cmocka_unit_test(options_of_the_first_piece_stay_there),
      cmocka_unit_test(padding_is_left_behind),
      cmocka_unit_test(a_buffer_too_small_is_refused),
  };
  return cmocka_run_group_tests_name("wire/fragment", tests, nullptr, nullptr);
}
