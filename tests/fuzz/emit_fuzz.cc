// Whatever parses can be emitted in every mode, and what comes out is the same packet one hop
// later, behind a front of the length that was promised; the room around it stays as it was.
#include "firmware/wire/emit.h"

#include <vector>

#include "firmware/base/check.h"
#include "tests/fuzz/fuzz_packet.h"
#include "tests/fuzz/fuzz_room.h"
#include "tests/wire/packet.h"

namespace evenkeel {
namespace {

Forwarding forwarding_of(uint8_t choice, bool inner_is_v4) {
  ForwardingSpec spec;
  spec.mode = static_cast<Mode>(choice % static_cast<uint8_t>(Mode::nat));
  spec.inner_is_v4 = inner_is_v4;
  spec.source_mac = spec.inner_source_mac = {2, 0, 0, 0, 0, 1};
  spec.destination_mac = spec.inner_destination_mac = {2, 0, 0, 0, 0, 2};
  spec.vlan = (choice & 0x40) != 0 ? 7 : 0;
  const bool outer_is_v4 = spec.mode == Mode::l3_direct ? inner_is_v4 : (choice & 0x80) != 0;
  spec.destination = *parse_address(outer_is_v4 ? "10.1.2.3" : "2001:db8:b::3");
  spec.tunnel_source = *parse_address(outer_is_v4 ? "172.16.0.1" : "2001:db8:a::1");
  spec.source_entropy_bits = 16;
  spec.mtu = inner_is_v4 ? 200 : 1'400;
  spec.dscp = 21;
  return make_forwarding(spec).value();
}

void expect_good_outer(const Forwarding& forwarding, const Frame& frame) {
  const uint32_t ethernet = uint32_t{forwarding.header_length} - forwarding.overhead;
  const uint8_t* const outer = frame.data + ethernet;
  const size_t length = frame.length - ethernet;
  if (outer[0] >> 4 == 4) {
    CHECK(load<Ipv4Header>(outer).total_length.value() == length);
    CHECK(plain_sum(outer, (outer[0] & 15u) * 4) == 0xffff);
  } else {
    CHECK(load<Ipv6Header>(outer).payload_length.value() == length - sizeof(Ipv6Header));
  }
}

// The inner packet, in place of its front an Ethernet header, is the packet as it came.
void expect_same_packet(const Forwarding& forwarding, const Frame& frame, const Parsed& before) {
  const EtherType type = before.is_v4 ? EtherType::ipv4 : EtherType::ipv6;
  const size_t length = frame.length - forwarding.header_length;
  std::vector<uint8_t> bytes(sizeof(EthernetHeader) + length);
  store(bytes.data(), EthernetHeader{{}, {}, static_cast<uint16_t>(type)});
  std::memcpy(bytes.data() + sizeof(EthernetHeader), frame.data + forwarding.header_length, length);
  Parsed after;
  const Frame inner{.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())};
  CHECK(parse(inner, after) == Reason::none);
  CHECK(after.key == before.key && after.kind == before.kind);
  CHECK(after.ttl == before.ttl - 1 && after.traffic_class == before.traffic_class);
  CHECK(after.l3_length == before.l3_length && after.fragment_id == before.fragment_id);
}

void expect_emitted(const std::vector<uint8_t>& bytes, uint8_t choice, uint32_t entropy) {
  const FuzzRoom room(bytes);
  Frame frame = room.frame();
  Parsed parsed;
  if (parse(frame, parsed) != Reason::none) return;
  const Forwarding forwarding = forwarding_of(choice, parsed.is_v4);
  const Reason reason = emit(forwarding, frame, parsed, entropy);
  if (reason != Reason::none) {
    CHECK(reason == Reason::ttl_expired || reason == Reason::too_big);
    room.expect_untouched(frame);
    return;
  }
  room.expect_within(frame);
  CHECK(frame.length == uint32_t{forwarding.header_length} + parsed.l3_length);
  expect_good_outer(forwarding, frame);
  if (forwarding.mode != Mode::l3_direct) expect_same_packet(forwarding, frame, parsed);
}

}  // namespace
}  // namespace evenkeel

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace evenkeel;
  constexpr size_t kChoices = 5;
  if (size < kChoices) return 0;
  std::vector<uint8_t> bytes = fuzz_packet(data + kChoices, size - kChoices);
  if (bytes.size() > FuzzRoom::kLargest) return 0;
  mend_frame(bytes.data(), bytes.size());
  expect_emitted(bytes, data[0], load<uint32_t>(data + 1));
  return 0;
}
