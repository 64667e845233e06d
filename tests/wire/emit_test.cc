#include "firmware/wire/emit.h"

#include <string>

#include "tests/base/death.h"
#include "tests/cmocka.h"
#include "tests/wire/emit_cases.h"
#include "tests/wire/room.h"

namespace evenkeel {
namespace {

Parsed parsed_of(const EmitCase& row, const Frame& frame) {
  Parsed parsed;
  const Reason reason = parse(frame, parsed);
  if (reason != Reason::none) fail_msg("%s: %s", row.description, to_string(reason));
  return parsed;
}

void every_mode_as_scapy_builds_it(void** /*state*/) {
  for (const EmitCase& row : kEmitCases) {
    Room room(row.in);
    Frame frame = room.frame();
    const Parsed parsed = parsed_of(row, frame);
    const Forwarding forwarding = forwarding_of(row, parsed.is_v4);
    const Reason reason = emit(forwarding, frame, parsed, kEntropy);
    if (reason != Reason::none) fail_msg("%s: %s", row.description, to_string(reason));
    Room expected(row.out);
    if (frame.length != expected.frame().length ||
        std::memcmp(frame.data, expected.data(), frame.length) != 0) {
      for (uint32_t i = 0; i < frame.length; ++i) print_error("%02x", frame.data[i]);
      fail_msg("\n%s\n%s", row.out, row.description);
    }
    if (!room.holds(frame)) fail_msg("%s: outside of the frame's bounds", row.description);
  }
}

// Answers the reason, and fails unless a refused frame is untouched.
Reason emit_once(const EmitCase& row, Forwarding& forwarding, int ttl) {
  Room room(row.in);
  Frame frame = room.frame();
  Parsed parsed = parsed_of(row, frame);
  if (ttl >= 0) parsed.ttl = static_cast<uint8_t>(ttl);
  const Reason reason = emit(forwarding, frame, parsed, kEntropy);
  if (reason == Reason::none) {
    assert_true(room.holds(frame));
  } else {
    assert_true(room.is_untouched());
    const Frame before = room.frame();
    assert_ptr_equal(frame.data, before.data);
    assert_int_equal(frame.length, before.length);
  }
  return reason;
}

void assert_reason(const EmitCase& row, Reason got, Reason expected) {
  if (got != expected) {
    fail_msg("%s: %s, not %s", row.description, to_string(got), to_string(expected));
  }
}

void what_does_not_fit_is_refused_untouched(void** /*state*/) {
  for (const EmitCase& row : kEmitCases) {
    Room room(row.in);
    const Parsed parsed = parsed_of(row, room.frame());
    Forwarding forwarding = forwarding_of(row, parsed.is_v4);
    const uint16_t mtu = static_cast<uint16_t>(parsed.l3_length + forwarding.overhead);
    forwarding.mtu = mtu;
    assert_reason(row, emit_once(row, forwarding, -1), Reason::none);
    assert_reason(row, emit_once(row, forwarding, 2), Reason::none);
    assert_reason(row, emit_once(row, forwarding, 1), Reason::ttl_expired);
    assert_reason(row, emit_once(row, forwarding, 0), Reason::ttl_expired);
    forwarding.mtu = static_cast<uint16_t>(mtu - 1);
    assert_reason(row, emit_once(row, forwarding, -1), Reason::too_big);
  }
}

void largest_packet_fits_largest_mtu(void** /*state*/) {
  static std::array<uint8_t, kMaxOuterHeader + kMaxMtu> buffer;
  for (const EmitCase& row : kEmitCases) {
    Room room(row.in);
    Parsed parsed = parsed_of(row, room.frame());
    Forwarding forwarding = forwarding_of(row, parsed.is_v4);
    forwarding.mtu = kMaxMtu;
    std::memcpy(buffer.data() + kMaxOuterHeader, room.data() + parsed.l3_offset, 40);
    parsed.l3_length = static_cast<uint16_t>(kMaxMtu - forwarding.overhead);
    parsed.l4_offset = static_cast<uint16_t>(parsed.l4_offset - parsed.l3_offset);
    parsed.l3_offset = 0;
    Frame frame{.data = buffer.data() + kMaxOuterHeader, .length = parsed.l3_length};
    assert_reason(row, emit(forwarding, frame, parsed, kEntropy), Reason::none);
    const uint8_t* outer = frame.data + forwarding.header_length - forwarding.overhead;
    if (forwarding.shape == Shape::ipv4 || forwarding.shape == Shape::ipv4_udp) {
      assert_int_equal(load<Ipv4Header>(outer).total_length.value(), kMaxMtu);
      assert_int_equal(finish(sum_ipv4_header(outer)).raw(), 0);
    } else if (forwarding.shape != Shape::bare && forwarding.shape != Shape::rewritten) {
      assert_int_equal(load<Ipv6Header>(outer).payload_length.value(), kMaxMtu - 40);
    }
  }
}

// All values that the checksum can have, and so all carries.
void ttl_keeps_the_checksum_right(void** /*state*/) {
  Ipv4Header header{};
  header.version_length = 0x45;
  header.ttl = 64;
  for (uint32_t id = 0; id <= 0xffff; ++id) {
    header.id = static_cast<uint16_t>(id);
    header.ttl = static_cast<uint8_t>(2 + id % 254);
    header.checksum = 0;
    header.checksum = finish(sum_ipv4_header(&header));
    Ipv4Header changed = header;
    emit_parts::decrement_ttl(reinterpret_cast<uint8_t*>(&changed), true);
    --header.ttl;
    header.checksum = 0;
    header.checksum = finish(sum_ipv4_header(&header));
    assert_memory_equal(&changed, &header, sizeof(header));
  }
}

void a_checksum_of_all_ones_stays_right(void** /*state*/) {
  Ipv4Header header{};  // sums to 0xffff without its checksum
  header.version_length = 0x45;
  header.ttl = 64;
  header.id = 0xffff - 0x4500 - 0x4000;
  header.checksum = 0xffff;
  assert_int_equal(finish(sum_ipv4_header(&header)).raw(), 0);
  emit_parts::decrement_ttl(reinterpret_cast<uint8_t*>(&header), true);
  assert_int_equal(finish(sum_ipv4_header(&header)).raw(), 0);
}

void entropy_reaches_what_receivers_hash(void** /*state*/) {
  const EmitCase row{"", Mode::gue, "2001:db8:1::1", "2001:db8::2", 0, 0, kEmitCases[0].in, ""};
  const EmitCase bare{"", Mode::ipip, "2001:db8:1::1", "2001:db8::2", 32, 0, kEmitCases[0].in, ""};
  for (uint32_t bit = 0; bit < 32; ++bit) {
    Room room(row.in);
    Frame frame = room.frame();
    const Parsed parsed = parsed_of(row, frame);
    assert_int_equal(emit(forwarding_of(row, true), frame, parsed, 1u << bit), Reason::none);
    const auto ip = load<Ipv6Header>(frame.data + 14);
    const auto udp = load<UdpHeader>(frame.data + 54);
    assert_int_equal(ip.version_class_label.value() & 0xfffff, bit < 20 ? 1u << bit : 1);
    assert_int_equal(udp.source_port.value(), 49152 + (bit < 14 ? 1u << bit : 0));

    Room other(row.in);
    frame = other.frame();
    assert_int_equal(emit(forwarding_of(bare, true), frame, parsed, 1u << bit), Reason::none);
    assert_int_equal(load<uint32_t>(frame.data + 14 + 8 + 12), 1u << bit);
  }
}

void a_caller_that_mixes_families_is_stopped(void** /*state*/) {
  Room room(kEmitCases[0].in);
  Frame frame = room.frame();
  const Parsed parsed = parsed_of(kEmitCases[0], frame);
  const Forwarding other = forwarding_of(kEmitCases[0], false);
  assert_true(dies_saying("inner_is_v4", [&] { emit(other, frame, parsed, 0); }));
  Forwarding nat = forwarding_of(kEmitCases[0], true);
  nat.mode = Mode::nat;
  nat.shape = Shape::rewritten;
  assert_true(dies_saying("l3_direct", [&] { emit(nat, frame, parsed, 0); }));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(every_mode_as_scapy_builds_it),
      cmocka_unit_test(what_does_not_fit_is_refused_untouched),
      cmocka_unit_test(largest_packet_fits_largest_mtu),
      cmocka_unit_test(ttl_keeps_the_checksum_right),
      cmocka_unit_test(a_checksum_of_all_ones_stays_right),
      cmocka_unit_test(entropy_reaches_what_receivers_hash),
      cmocka_unit_test(a_caller_that_mixes_families_is_stopped),
  };
  return cmocka_run_group_tests_name("wire/emit", tests, nullptr, nullptr);
}
