// Whatever parses is translated, or refused and untouched; what comes out says what the translation
// says, and its checksums are exactly as right or wrong as they were.
#include "firmware/wire/translate.h"

#include <vector>

#include "firmware/base/check.h"
#include "tests/fuzz/fuzz_packet.h"
#include "tests/fuzz/fuzz_room.h"
#include "tests/wire/packet.h"

namespace evenkeel {
namespace {

Translation translation_of(uint8_t choice) {
  const bool to_v4 = (choice & 1) != 0;
  Translation translation;
  translation.source = *parse_address(to_v4 ? "172.16.5.6" : "2001:db8:a::5");
  translation.destination = *parse_address(to_v4 ? "10.1.2.3" : "2001:db8:b::3");
  translation.source_port = 1025;
  translation.destination_port = 8080;
  translation.source_mac = {2, 0, 0, 0, 0, 1};
  translation.destination_mac = {2, 0, 0, 0, 0, 2};
  translation.vlan = (choice & 2) != 0 ? 7 : 0;
  translation.mtu = static_cast<uint16_t>(68 + (choice >> 2) * 8);
  return translation;
}

bool is_icmp(const Parsed& parsed) {
  return parsed.kind == Kind::echo || parsed.kind == Kind::icmp_error;
}

// By how much the sum of all that a checksum covers is off; 0: the checksum is right. Of a first
// fragment a part of that sum is missing, the same before and after.
uint16_t error_of(const Frame& frame, const Parsed& parsed) {
  const Protocol icmp = parsed.is_v4 ? Protocol::icmp : Protocol::icmpv6;
  const uint8_t protocol = is_icmp(parsed) ? static_cast<uint8_t>(icmp) : parsed.key.protocol;
  const uint16_t sum = plain_transport_sum(frame.data + parsed.l3_offset,
                                           uint32_t{parsed.l4_offset} - parsed.l3_offset, protocol);
  return static_cast<uint16_t>(sum % 0xffff);
}

enum class Checksum : uint8_t { none, there, another };

Checksum checksum_of(const Frame& frame, const Parsed& parsed) {
  if (is_icmp(parsed)) return Checksum::there;
  const auto protocol = static_cast<Protocol>(parsed.key.protocol);
  if (parsed.kind == Kind::fragment_later || protocol == Protocol::sctp) return Checksum::another;
  const bool is_zero = load<uint16_t>(frame.data + parsed.l4_offset + 6) == 0;
  return protocol == Protocol::udp && is_zero ? Checksum::none : Checksum::there;
}

void expect_meaning(const Parsed& before, const Parsed& after, const Translation& translation) {
  const bool has_ports = after.kind != Kind::echo && after.kind != Kind::fragment_later;
  CHECK(after.kind == before.kind && after.ttl == before.ttl - 1);
  CHECK(after.traffic_class == before.traffic_class && after.l3_length <= translation.mtu);
  CHECK(after.key.source == translation.source);
  CHECK(after.key.destination == translation.destination);
  CHECK(!has_ports || after.key.source_port == translation.source_port);
  CHECK(!has_ports || after.key.destination_port == translation.destination_port);
}

void expect_translated(const std::vector<uint8_t>& bytes, uint8_t choice) {
  const FuzzRoom room(bytes);
  Frame frame = room.frame();
  Parsed before;
  if (parse(frame, before) != Reason::none) return;
  const Translation translation = translation_of(choice);
  const Checksum checksum = checksum_of(frame, before);
  const uint16_t error = error_of(frame, before);
  const Reason reason = translate(frame, before, translation);
  if (reason != Reason::none) {
    CHECK(reason == Reason::ttl_expired || reason == Reason::too_big ||
          reason == Reason::untranslatable);
    room.expect_untouched(frame);
    return;
  }
  room.expect_within(frame);
  Parsed after;
  CHECK(parse(frame, after) == Reason::none);
  expect_meaning(before, after, translation);
  if (checksum == Checksum::there) CHECK(error_of(frame, after) == error);
  if (checksum != Checksum::none) return;
  const bool computed = before.is_v4 && !after.is_v4;
  CHECK(checksum_of(frame, after) == (computed ? Checksum::there : Checksum::none));
  CHECK(!computed || error_of(frame, after) == 0);
}

}  // namespace
}  // namespace evenkeel

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace evenkeel;
  constexpr size_t kChoices = 1;
  if (size < kChoices) return 0;
  std::vector<uint8_t> bytes = fuzz_packet(data + kChoices, size - kChoices);
  if (bytes.size() > FuzzRoom::kLargest) return 0;
  mend_frame(bytes.data(), bytes.size());
  expect_translated(bytes, data[0]);
  return 0;
}
