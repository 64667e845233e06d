// For translate_oracle.py: `translate_dump IN OUT` translates the packets of the pcap file IN, each
// as a line of standard input says, into OUT, and prints for each the reason why it was refused, or
// "none".
#include <array>
#include <cstdio>
#include <memory>

#include "firmware/base/check.h"
#include "firmware/wire/translate.h"
#include "tests/wire/pcap.h"

namespace evenkeel {
namespace {

// SOURCE DESTINATION SOURCE_PORT DESTINATION_PORT VLAN MTU
Translation read_translation() {
  using Text = std::array<char, 64>;
  Text source{};
  Text destination{};
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  Translation translation;
  CHECK(std::scanf("%63s %63s %hu %hu %hu %hu", source.data(), destination.data(), &source_port,
                   &destination_port, &translation.vlan, &translation.mtu) == 6);
  translation.source = parse_address(source.data()).value();
  translation.destination = parse_address(destination.data()).value();
  translation.source_port = source_port;
  translation.destination_port = destination_port;
  translation.source_mac = {2, 0, 0, 0, 0, 1};
  translation.destination_mac = {2, 0, 0, 0, 0, 2};
  return translation;
}

void dump(PcapReader& in, PcapWriter& out) {
  Frame frame;
  while (in.next(frame)) {
    Parsed parsed;
    CHECK(parse(frame, parsed) == Reason::none);
    const Reason reason = translate(frame, parsed, read_translation());
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
