// For emit_oracle.py: `emit_dump IN OUT` emits the packets of the pcap file IN, each as a line of
// standard input says, into OUT, and prints for each the reason why it was refused, or "none".
#include <array>
#include <cstdio>
#include <memory>

#include "firmware/base/check.h"
#include "firmware/wire/emit.h"
#include "tests/wire/pcap.h"

namespace evenkeel {
namespace {

// MODE INNER_IS_V4 VLAN MTU DESTINATION PORT SOURCE ENTROPY_BITS TTL VNI DSCP ENTROPY
bool read_spec(ForwardingSpec& ret_spec, uint32_t& ret_entropy) {
  using Text = std::array<char, 64>;
  unsigned mode = 0;
  unsigned inner_is_v4 = 0;
  unsigned bits = 0;
  unsigned ttl = 0;
  unsigned dscp = 0;
  Text destination{};
  Text source{};
  ForwardingSpec spec;
  const int count = std::scanf("%u %u %hu %hu %63s %hu %63s %u %u %u %u %u", &mode, &inner_is_v4,
                               &spec.vlan, &spec.mtu, destination.data(), &spec.destination_port,
                               source.data(), &bits, &ttl, &spec.vni, &dscp, &ret_entropy);
  if (count != 12) return false;
  spec.mode = static_cast<Mode>(mode);
  spec.inner_is_v4 = inner_is_v4 != 0;
  spec.source_mac = {2, 0, 0, 0, 0, 1};
  spec.destination_mac = {2, 0, 0, 0, 0, 2};
  spec.inner_source_mac = {2, 0, 0, 0, 1, 1};
  spec.inner_destination_mac = {2, 0, 0, 0, 1, 2};
  spec.destination = parse_address(destination.data()).value();
  spec.tunnel_source = parse_address(source.data()).value();
  spec.source_entropy_bits = static_cast<uint8_t>(bits);
  spec.tunnel_ttl = static_cast<uint8_t>(ttl);
  spec.dscp = static_cast<uint8_t>(dscp);
  ret_spec = spec;
  return true;
}

void dump(PcapReader& in, PcapWriter& out) {
  Frame frame;
  while (in.next(frame)) {
    ForwardingSpec spec;
    uint32_t entropy = 0;
    CHECK(read_spec(spec, entropy));
    Parsed parsed;
    CHECK(parse(frame, parsed) == Reason::none);
    const Reason reason = emit(make_forwarding(spec).value(), frame, parsed, entropy);
    std::puts(to_string(reason));
    if (reason == Reason::none) out.write(frame);
  }
}

}  // namespace
}  // namespace evenkeel

int main(int count, char** arguments) {
  CHECK(count == 3);
  const auto in = std::make_unique<evenkeel::PcapReader>(arguments[1]);
  evenkeel::PcapWriter out(arguments[2]);
  evenkeel::dump(*in, out);
  return 0;
}
