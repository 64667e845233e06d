#include "firmware/wire/translate.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "tests/base/death.h"
#include "tests/cmocka.h"
#include "tests/wire/edge.h"
#include "tests/wire/packet.h"
#include "tests/wire/room.h"
#include "tests/wire/translate_cases.h"

namespace evenkeel {
namespace {

Translation translation_of(const TranslationCase& row) {
  Translation translation;
  translation.source = *parse_address(row.source);
  translation.destination = *parse_address(row.destination);
  translation.source_port = row.source_port;
  translation.destination_port = row.destination_port;
  translation.source_mac = {2, 0, 0, 0, 0, 1};
  translation.destination_mac = {2, 0, 0, 0, 0, 2};
  translation.vlan = row.vlan;
  translation.mtu = row.mtu;
  return translation;
}

Parsed parsed_of(const TranslationCase& row, const Frame& frame) {
  Parsed parsed;
  const Reason reason = parse(frame, parsed);
  if (reason != Reason::none) fail_msg("%s: %s", row.description, to_string(reason));
  return parsed;
}

void assert_reason(const TranslationCase& row, Reason got, Reason expected) {
  if (got != expected) {
    fail_msg("%s: %s, not %s", row.description, to_string(got), to_string(expected));
  }
}

void every_kind_as_scapy_builds_it(void** /*state*/) {
  for (const TranslationCase& row : kTranslationCases) {
    Room room(row.in);
    Frame frame = room.frame();
    const Reason reason = translate(frame, parsed_of(row, frame), translation_of(row));
    assert_reason(row, reason, row.reason);
    if (row.out == nullptr) {
      assert_true(room.is_untouched());
      continue;
    }
    Room expected(row.out);
    if (frame.length != expected.frame().length ||
        std::memcmp(frame.data, expected.data(), frame.length) != 0) {
      for (uint32_t i = 0; i < frame.length; ++i) print_error("%02x", frame.data[i]);
      fail_msg("\n%s\n%s", row.out, row.description);
    }
    if (!room.holds(frame)) fail_msg("%s: outside of the frame's bounds", row.description);
  }
}

// Each packet ends where memory does.
void nothing_behind_a_packet_is_read(void** /*state*/) {
  uint8_t* const edge = map_edge();
  for (const TranslationCase& row : kTranslationCases) {
    Room room(row.in);
    const Parsed parsed = parsed_of(row, room.frame());
    const auto length = static_cast<uint32_t>(parsed.l3_offset + parsed.l3_length);
    Frame frame{.data = edge - length, .length = length};
    std::memcpy(frame.data, room.data(), length);
    assert_reason(row, translate(frame, parsed, translation_of(row)), row.reason);
  }
}

// Answers the reason, and fails unless a refused frame is untouched.
Reason translate_once(const TranslationCase& row, uint16_t mtu, int ttl) {
  Room room(row.in);
  Frame frame = room.frame();
  Parsed parsed = parsed_of(row, frame);
  if (ttl >= 0) parsed.ttl = static_cast<uint8_t>(ttl);
  Translation translation = translation_of(row);
  translation.mtu = mtu;
  const Reason reason = translate(frame, parsed, translation);
  if (reason == Reason::none) {
    assert_true(room.holds(frame));
  } else {
    const Frame before = room.frame();
    assert_true(room.is_untouched());
    assert_ptr_equal(frame.data, before.data);
    assert_int_equal(frame.length, before.length);
  }
  return reason;
}

void what_does_not_fit_is_refused_untouched(void** /*state*/) {
  for (const TranslationCase& row : kTranslationCases) {
    if (row.out == nullptr) continue;
    Room in(row.in);
    Room out(row.out);
    const Parsed before = parsed_of(row, in.frame());
    const Parsed after = parsed_of(row, out.frame());
    const uint16_t mtu = after.l3_length;
    assert_reason(row, translate_once(row, mtu, -1), Reason::none);
    assert_reason(row, translate_once(row, mtu, 2), Reason::none);
    assert_reason(row, translate_once(row, mtu, 1), Reason::ttl_expired);
    assert_reason(row, translate_once(row, mtu, 0), Reason::ttl_expired);
    const bool is_cut = after.kind == Kind::icmp_error && before.is_v4 != after.is_v4;
    if (!is_cut) {
      const auto too_small = static_cast<uint16_t>(mtu - 1);
      assert_reason(row, translate_once(row, too_small, -1), Reason::too_big);
    }
  }
}

// The reverse of a translation within a family leaves nothing but two hops and the link layer.
void the_reverse_restores_the_packet(void** /*state*/) {
  for (const TranslationCase& row : kTranslationCases) {
    if (row.out == nullptr) continue;
    Room room(row.in);
    Frame frame = room.frame();
    const Parsed before = parsed_of(row, frame);
    Translation translation = translation_of(row);
    if (before.kind == Kind::icmp_error || before.is_v4 != translation.source.is_v4()) continue;
    assert_reason(row, translate(frame, before, translation), Reason::none);
    translation.source = before.key.source;
    translation.destination = before.key.destination;
    translation.source_port = before.key.source_port;
    translation.destination_port = before.key.destination_port;
    assert_reason(row, translate(frame, parsed_of(row, frame), translation), Reason::none);
    const Parsed after = parsed_of(row, frame);
    assert_memory_equal(&after.key, &before.key, sizeof(FlowKey));
    assert_int_equal(after.ttl, before.ttl - 2);
    Room original(row.in);
    assert_memory_equal(frame.data + after.l4_offset, original.data() + before.l4_offset,
                        before.l3_length - (before.l4_offset - before.l3_offset));
  }
}

// A damaged packet must not leave with a checksum that is right.
void damage_is_not_hidden(void** /*state*/) {
  for (const TranslationCase& row : kTranslationCases) {
    if (row.out == nullptr) continue;
    Room room(row.in);
    Room expected(row.out);
    Frame frame = room.frame();
    const Parsed parsed = parsed_of(row, frame);
    const size_t last = size_t{parsed.l3_offset} + parsed.l3_length - 1;
    const bool is_payload = last >= parsed.l4_offset + size_t{20};
    const bool is_computed = std::strstr(row.description, "NAT46, UDP without") != nullptr;
    const bool is_dropped = std::strstr(row.description, "extensions, which go") != nullptr;
    if (!is_payload || is_computed || is_dropped) continue;
    frame.data[last] ^= 0x10;
    assert_reason(row, translate(frame, parsed, translation_of(row)), Reason::none);
    expected.data()[frame.length - 1] ^= 0x10;  // and all else as without the damage
    assert_memory_equal(frame.data, expected.data(), frame.length);
  }
}

// IPv6 with TCP of `length` bytes of IP packet; its checksum is not looked at.
Frame long_ipv6_packet(Packet& packet, uint16_t length) {
  packet = packet_of(
      "02000000000202000000000186dd"
      "600000000000064020010db8000f0000000000000000000720010db8000200000000000000000001"
      "9c40005000000001000000005002200012340000");
  packet.length = 14u + length;
  store(packet.bytes() + 18, Big16(static_cast<uint16_t>(length - 40)));
  return packet.frame();
}

void packets_of_1260_bytes_may_be_fragmented(void** /*state*/) {
  for (const uint16_t length : {uint16_t{1280}, uint16_t{1281}}) {
    Packet packet;
    Frame frame = long_ipv6_packet(packet, length);
    Parsed parsed;
    assert_int_equal(parse(frame, parsed), Reason::none);
    Translation translation;
    translation.source = *parse_address("172.16.5.6");
    translation.destination = *parse_address("10.1.2.3");
    assert_int_equal(translate(frame, parsed, translation), Reason::none);
    const auto header = load<Ipv4Header>(frame.data + 14);
    assert_int_equal(header.total_length.value(), length - 20);
    assert_int_equal(header.fragment.value(), length == 1280 ? 0 : kDontFragment);
    assert_int_equal(header.id.value(), length == 1280 ? 0x1234 : 0);
  }
}

// An error of 1280 bytes grows by two headers' difference, of which none may remain.
void errors_are_cut_to_what_any_way_carries(void** /*state*/) {
  constexpr uint32_t kLength = 1280;
  Packet packet = packet_of(
      "020000000002020000000001080045000000000000004001000000000000c0000201"
      "0b00000000000000"
      "450005dc000700000906bfd9c0000201c633640700509c4000000000");
  std::memset(packet.bytes() + packet.length, 0x5a, 14 + kLength - packet.length);
  packet.length = 14 + kLength;
  uint8_t* const ip = packet.bytes() + 14;
  store(ip + 2, Big16(kLength));
  store(ip + 12, Big32(0xcb007109));
  mend_ipv4_checksum(ip);
  store(ip + 22, Big16(static_cast<uint16_t>(~plain_sum(ip + 20, kLength - 20))));
  for (const uint16_t mtu : {uint16_t{1500}, uint16_t{1280}, uint16_t{201}}) {
    Packet copy = packet;
    Frame frame = copy.frame();
    Parsed parsed;
    assert_int_equal(parse(frame, parsed), Reason::none);
    Translation translation;
    translation.source = *parse_address("2001:db8:a::5");
    translation.destination = *parse_address("2001:db8:b::3");
    translation.mtu = mtu;
    assert_int_equal(translate(frame, parsed, translation), Reason::none);
    assert_int_equal(frame.length, 14 + (mtu == 201 ? 200 : 1280));
    assert_int_equal(plain_transport_sum(frame.data + 14), 0xffff);
  }
}

void an_error_too_big_even_when_cut_is_refused(void** /*state*/) {
  for (const TranslationCase& row : kTranslationCases) {
    if (std::strcmp(row.description, "NAT46, an error, an MTU of the usual ones") == 0) {
      assert_reason(row, translate_once(row, 40 + 8 + 40 + 8, -1), Reason::none);
      assert_reason(row, translate_once(row, 40 + 8 + 40 + 7, -1), Reason::too_big);
    }
  }
}

void a_caller_that_mixes_families_is_stopped(void** /*state*/) {
  Room room(kTranslationCases[0].in);
  Frame frame = room.frame();
  const Parsed parsed = parsed_of(kTranslationCases[0], frame);
  Translation translation = translation_of(kTranslationCases[0]);
  translation.source = *parse_address("2001:db8::1");
  assert_true(dies_saying("is_v4", [&] { translate(frame, parsed, translation); }));
}

Forwarding forwarding_to(const char* destination, uint16_t port, bool inner_is_v4, uint16_t vlan,
                         const Address& prefix = *parse_address("64:ff9b::")) {
  ForwardingSpec spec;
  spec.mode = Mode::nat;
  spec.inner_is_v4 = inner_is_v4;
  spec.source_mac = {2, 0, 0, 0, 0, 1};
  spec.destination_mac = {2, 0, 0, 0, 0, 2};
  spec.vlan = vlan;
  spec.mtu = 1500;
  spec.destination = *parse_address(destination);
  spec.destination_port = port;
  spec.translation_prefix = prefix;
  const Result<Forwarding> made = make_forwarding(spec);
  if (!made.ok()) fail_msg("%s: %s", destination, made.message().c_str());
  return made.value();
}

// Of the rows, those that keep the client's address and port.
void a_backend_gets_the_packet_with_the_client_kept(void** /*state*/) {
  size_t kept = 0;
  for (const TranslationCase& row : kTranslationCases) {
    Room room(row.in);
    Frame frame = room.frame();
    const Parsed parsed = parsed_of(row, frame);
    const bool keeps_client = *parse_address(row.source) == parsed.key.source &&
                              Big16(row.source_port) == parsed.key.source_port;
    if (row.reason != Reason::none || !keeps_client || parsed.kind != Kind::transport) continue;
    const Forwarding forwarding =
        forwarding_to(row.destination, row.destination_port, parsed.is_v4, row.vlan);
    assert_reason(row, translate_to_backend(forwarding, frame, parsed), Reason::none);
    Room expected(row.out);
    assert_int_equal(frame.length, expected.frame().length);
    assert_memory_equal(frame.data, expected.data(), frame.length);
    ++kept;
  }
  assert_true(kept >= 5);
}

// What translate() makes of it, with addresses and ports written out.
void expect_as_translated(const TranslationCase& row, const Forwarding& forwarding,
                          const char* source, Big16 destination_port, uint32_t client) {
  Room room(row.in);
  Room copy(row.in);
  Frame frame = room.frame();
  Frame expected = copy.frame();
  const Parsed before = parsed_of(row, frame);
  if (!before.is_v4) {  // the client's last four bytes
    store(room.data() + before.l3_offset + 20, Big32(client));
    store(copy.data() + before.l3_offset + 20, Big32(client));
  }
  const Parsed parsed = parsed_of(row, frame);
  const Reason reason = translate_to_backend(forwarding, frame, parsed);
  if (source == nullptr) {
    assert_reason(row, reason, Reason::untranslatable);
    assert_memory_equal(room.data(), copy.data(), expected.length);
    return;
  }
  Translation translation = translation_of(row);
  translation.source = *parse_address(source);
  translation.destination = forwarding.new_destination();
  translation.source_port = parsed.key.source_port;
  translation.destination_port = destination_port;
  translation.vlan = 0;
  translation.mtu = 1500;
  assert_reason(row, reason, translate(expected, parsed, translation));
  assert_int_equal(frame.length, expected.length);
  assert_memory_equal(frame.data, expected.data, frame.length);
}

void a_backend_of_the_other_family_knows_the_client_by_the_prefix(void** /*state*/) {
  const Address prefix = *parse_address("2001:db8:f::");  // of the rows' IPv6 clients
  const Address another = *parse_address("64:ff9b::");
  constexpr uint32_t kClient = 0xc6336407;
  size_t translated = 0;
  for (const TranslationCase& row : kTranslationCases) {
    Room room(row.in);
    const Parsed parsed = parsed_of(row, room.frame());
    const bool to_v6 = parsed.is_v4;
    if (parsed.kind == Kind::echo || (!to_v6 && parsed.kind == Kind::icmp_error)) continue;
    const char* const backend = to_v6 ? "2001:db8:b::3" : "10.1.2.3";
    const char* const client = to_v6 ? "2001:db8:f::c633:6407" : "198.51.100.7";
    const Forwarding its_port = forwarding_to(backend, 8080, parsed.is_v4, 0, prefix);
    expect_as_translated(row, its_port, client, Big16(8080), kClient);
    const Forwarding same_port = forwarding_to(backend, 0, parsed.is_v4, 0, prefix);
    expect_as_translated(row, same_port, client, parsed.key.destination_port, kClient);
    ++translated;
    if (to_v6) continue;
    const Forwarding elsewhere = forwarding_to(backend, 8080, false, 0, another);
    expect_as_translated(row, elsewhere, nullptr, Big16(8080), kClient);
    // Nobody's address, and the backend's own.
    for (const uint32_t address :
         {0x0000'0007u, 0x7f00'0001u, 0xe000'0001u, 0xffff'ffffu, 0x0a01'0203u}) {
      expect_as_translated(row, its_port, nullptr, Big16(8080), address);
    }
  }
  assert_true(translated >= 20);
}

void counterparts(void** /*state*/) {
  static constexpr struct {
    const char* in;
    const char* prefix;
    const char* out;  // null: none
  } kCases[] = {
      {"192.0.2.33", "64:ff9b::", "64:ff9b::192.0.2.33"},
      {"192.0.2.33", "2001:db8:122:344::", "2001:db8:122:344::192.0.2.33"},  // RFC 6052 2.4
      {"64:ff9b::192.0.2.33", "64:ff9b::", "192.0.2.33"},
      {"2001:db8:122:344::192.0.2.33", "2001:db8:122:344::", "192.0.2.33"},
      {"64:ff9b::223.255.255.255", "64:ff9b::", "223.255.255.255"},
      {"64:ff9b::1:192.0.2.33", "64:ff9b::", nullptr},
      {"2001:db8:122:344::192.0.2.33", "64:ff9b::", nullptr},
      {"64:ff9b::", "64:ff9b::", nullptr},
      {"64:ff9b::0.255.255.255", "64:ff9b::", nullptr},
      {"64:ff9b::127.0.0.1", "64:ff9b::", nullptr},
      {"64:ff9b::224.0.0.1", "64:ff9b::", nullptr},
      {"64:ff9b::255.255.255.255", "64:ff9b::", nullptr},
  };
  for (const auto& c : kCases) {
    const std::optional<Address> out = counterpart(*parse_address(c.in), *parse_address(c.prefix));
    if (out.has_value() != (c.out != nullptr)) fail_msg("%s", c.in);
    if (out.has_value()) assert_true(*out == *parse_address(c.out));
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_as_scapy_builds_it),
      cmocka_unit_test(nothing_behind_a_packet_is_read),
      cmocka_unit_test(what_does_not_fit_is_refused_untouched),
      cmocka_unit_test(the_reverse_restores_the_packet),
      cmocka_unit_test(damage_is_not_hidden),
      cmocka_unit_test(packets_of_1260_bytes_may_be_fragmented),
      cmocka_unit_test(errors_are_cut_to_what_any_way_carries),
      cmocka_unit_test(an_error_too_big_even_when_cut_is_refused),
      cmocka_unit_test(a_caller_that_mixes_families_is_stopped),
      cmocka_unit_test(a_backend_gets_the_packet_with_the_client_kept),
      cmocka_unit_test(a_backend_of_the_other_family_knows_the_client_by_the_prefix),
      cmocka_unit_test(counterparts),
  };
  return cmocka_run_group_tests_name("wire/translate", tests, nullptr, nullptr);
}
