// What is remembered of first fragments: for whom, how long, and who gives way.
#include "firmware/packet/fragments.h"

#include <initializer_list>
#include <memory>

#include "tests/cmocka.h"
#include "tests/exchange/specs.h"

namespace evenkeel {
namespace {

constexpr Microseconds kNoon = 1'000'000'000;
constexpr uint64_t kHash = 0x1234'5678'9abc'def0;

int setup(void** state) {
  *state = new Fragments;
  return 0;
}
int teardown(void** state) {
  std::unique_ptr<Fragments>(static_cast<Fragments*>(*state));
  return 0;
}
Fragments& of(void** state) { return *static_cast<Fragments*>(*state); }

Parsed first_of(uint32_t id, uint16_t port = 1'000) {
  Parsed parsed;
  parsed.kind = Kind::fragment_first;
  parsed.fragment_id = id;
  parsed.key.source = address_of("198.51.100.7");
  parsed.key.destination = address_of("192.0.2.1");
  parsed.key.protocol = 17;
  parsed.key.source_port = port;
  parsed.key.destination_port = 53;
  return parsed;
}

Parsed later_of(uint32_t id) {
  Parsed parsed = first_of(id);
  parsed.kind = Kind::fragment_later;
  parsed.key.source_port = 0;
  parsed.key.destination_port = 0;
  return parsed;
}

// The source port; 0: unknown.
uint16_t known(const Fragments& fragments, Parsed later, Microseconds now, uint64_t hash = kHash) {
  const bool is_known = fragments.give_ports(later, hash, now);
  assert_int_equal(later.key.destination_port.value(), is_known ? 53 : 0);
  return later.key.source_port.value();
}

void a_later_fragment_gets_its_first_ones_ports(void** state) {
  assert_int_equal(known(of(state), later_of(7), kNoon), 0);
  of(state).remember(first_of(7, 40'000), kHash, kNoon);
  assert_int_equal(known(of(state), later_of(7), kNoon), 40'000);
  assert_int_equal(known(of(state), later_of(7), kNoon + 1), 40'000);  // as often as there are some
}

void another_packets_fragments_get_nothing(void** state) {
  of(state).remember(first_of(7), kHash, kNoon);
  static constexpr struct {
    const char* description;
    void (*change)(Parsed& parsed);
  } kRows[] = {
      {"id", [](Parsed& parsed) { parsed.fragment_id = 8; }},
      {"id, high half", [](Parsed& parsed) { parsed.fragment_id |= 0x8000'0000; }},
      {"protocol", [](Parsed& parsed) { parsed.key.protocol = 6; }},
      {"source", [](Parsed& parsed) { parsed.key.source.bytes[15] ^= 1; }},
      {"source, first byte", [](Parsed& parsed) { parsed.key.source.bytes[0] ^= 1; }},
      {"destination", [](Parsed& parsed) { parsed.key.destination.bytes[15] ^= 1; }},
  };
  for (const auto& row : kRows) {
    Parsed other = later_of(7);
    row.change(other);
    if (known(of(state), other, kNoon) != 0) fail_msg("%s", row.description);
  }
}

Parsed over_ipv6(Parsed parsed, uint8_t protocol) {
  parsed.key.source = address_of("2001:db8:c::7");
  parsed.key.destination = address_of("2001:db8::1");
  parsed.key.protocol = protocol;
  return parsed;
}

// The next headers of IPv6's fragments may differ; the first one's counts (RFC 8200 4.5).
void ipv6_fragments_may_say_other_protocols(void** state) {
  of(state).remember(over_ipv6(first_of(7, 40'000), 17), kHash, kNoon);
  for (const uint8_t next_header : std::initializer_list<uint8_t>{17, 60, 43, 6}) {
    Parsed later = over_ipv6(later_of(7), next_header);
    assert_true(of(state).give_ports(later, kHash, kNoon));
    assert_true(later.key == over_ipv6(first_of(7, 40'000), 17).key);
  }
}

void what_is_remembered_is_forgotten_in_time(void** state) {
  of(state).remember(first_of(7), kHash, kNoon);
  assert_int_equal(known(of(state), later_of(7), kNoon + Fragments::kLife), 1'000);
  assert_int_equal(known(of(state), later_of(7), kNoon + Fragments::kLife + 1), 0);
}

// A sender whose ids have come round, or one that repeats a first fragment.
void the_last_first_fragment_counts(void** state) {
  of(state).remember(first_of(7, 1'000), kHash, kNoon);
  of(state).remember(first_of(7, 2'000), kHash, kNoon + 5);
  assert_int_equal(known(of(state), later_of(7), kNoon + 5), 2'000);
  assert_int_equal(known(of(state), later_of(7), kNoon + 5 + Fragments::kLife), 2'000);
}

// All of one set: other addresses with the same id and hash.
Parsed of_sender(Parsed parsed, uint8_t number) {
  parsed.key.source.bytes[15] = number;
  return parsed;
}

void the_oldest_of_a_set_gives_way(void** state) {
  constexpr uint8_t kAll = Fragments::kWays + 1;
  for (uint8_t i = 0; i < kAll; ++i) {
    of(state).remember(of_sender(first_of(7), i), kHash, kNoon + i);
  }
  for (uint8_t i = 0; i < kAll; ++i) {
    assert_int_equal(known(of(state), of_sender(later_of(7), i), kNoon + kAll), i == 0 ? 0 : 1'000);
  }
  // Who was seen again is not the oldest any more.
  of(state).remember(of_sender(first_of(7), 1), kHash, kNoon + kAll);
  of(state).remember(of_sender(first_of(7), 0), kHash, kNoon + kAll);
  assert_int_equal(known(of(state), of_sender(later_of(7), 1), kNoon + kAll), 1'000);
  assert_int_equal(known(of(state), of_sender(later_of(7), 2), kNoon + kAll), 0);
}

// One sender's ids in a row do not fall into the same few sets.
void many_packets_at_once_are_remembered(void** state) {
  constexpr uint32_t kPackets = Fragments::kSets;
  for (uint32_t id = 1; id <= kPackets; ++id) of(state).remember(first_of(id), kHash, kNoon);
  uint32_t kept = 0;
  for (uint32_t id = 1; id <= kPackets; ++id) {
    kept += known(of(state), later_of(id), kNoon) != 0 ? 1 : 0;
  }
  assert_in_range(kept, kPackets * 95 / 100, kPackets);
}

void the_clocks_first_moment_is_no_empty_place(void** state) {
  of(state).remember(first_of(7), kHash, 0);
  assert_int_equal(known(of(state), later_of(7), 1), 1'000);
  Parsed nobodys;
  nobodys.kind = Kind::fragment_later;
  assert_int_equal(known(of(state), nobodys, 1), 0);
}

void learned_grows_with_each(void** state) {
  assert_int_equal(of(state).learned(), 0);
  of(state).remember(first_of(7), kHash, kNoon);
  of(state).remember(first_of(7), kHash, kNoon);
  assert_int_equal(of(state).learned(), 2);
  known(of(state), later_of(7), kNoon);
  assert_int_equal(of(state).learned(), 2);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_later_fragment_gets_its_first_ones_ports, setup, teardown),
      cmocka_unit_test_setup_teardown(another_packets_fragments_get_nothing, setup, teardown),
      cmocka_unit_test_setup_teardown(ipv6_fragments_may_say_other_protocols, setup, teardown),
      cmocka_unit_test_setup_teardown(what_is_remembered_is_forgotten_in_time, setup, teardown),
      cmocka_unit_test_setup_teardown(the_last_first_fragment_counts, setup, teardown),
      cmocka_unit_test_setup_teardown(the_oldest_of_a_set_gives_way, setup, teardown),
      cmocka_unit_test_setup_teardown(many_packets_at_once_are_remembered, setup, teardown),
      cmocka_unit_test_setup_teardown(the_clocks_first_moment_is_no_empty_place, setup, teardown),
      cmocka_unit_test_setup_teardown(learned_grows_with_each, setup, teardown),
  };
  return cmocka_run_group_tests_name("packet/fragments", tests, nullptr, nullptr);
}
