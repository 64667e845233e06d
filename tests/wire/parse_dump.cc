// For parse_oracle.py: `parse_dump IN OUT` prints one line for each packet of the pcap file IN,
// what parse() says of it, and writes to OUT what wire makes of the packet, printing a line for
// each: "too big" for what may be answered, the reply to an echo, and a TCP packet with its MSS
// clamped.
#include <array>
#include <cstdio>

#include "firmware/base/check.h"
#include "firmware/wire/icmp.h"
#include "firmware/wire/mss.h"
#include "firmware/wire/parse.h"
#include "tests/wire/pcap.h"

namespace evenkeel {
namespace {

constexpr uint16_t kMtu = 1400;
constexpr uint16_t kLargestMss = 1220;

void print(size_t index, Reason reason, const Parsed& parsed) {
  std::printf("%zu %s", index, to_string(reason));
  if (reason == Reason::none) {
    const FlowKey& key = parsed.key;
    std::printf(" %s %s %d %d %d %d %d %d %d %d %d %d %d %d %d %u", to_string(key.source).c_str(),
                to_string(key.destination).c_str(), key.source_port.value(),
                key.destination_port.value(), key.protocol, static_cast<int>(parsed.kind),
                parsed.l3_offset, parsed.l3_length, parsed.l4_offset, parsed.quoted_offset,
                parsed.is_v4, parsed.signals, parsed.traffic_class, parsed.ttl, parsed.may_fragment,
                parsed.fragment_id);
  }
  std::printf("\n");
}

void write(PcapWriter& out, size_t index, const char* what, const Frame& frame) {
  out.write(frame);
  std::printf("%zu %s\n", index, what);
}

void answer(PcapWriter& out, size_t index, Frame frame, const Parsed& parsed) {
  std::array<uint8_t, 2048> room;
  Frame too_big{.data = room.data()};
  if (make_too_big(frame, parsed, kMtu, room.size(), too_big) == Reason::none) {
    write(out, index, "too_big", too_big);
  }
  if (parsed.kind == Kind::echo && make_echo_reply(frame, parsed) == Reason::none) {
    write(out, index, "reply", frame);
  }
  if (parsed.kind == Kind::transport && parsed.key.protocol == 6) {
    clamp_mss(frame, parsed, kLargestMss);
    write(out, index, "mss", frame);
  }
}

}  // namespace
}  // namespace evenkeel

int main(int count, char** arguments) {
  using namespace evenkeel;
  CHECK(count == 3);
  static PcapReader in(arguments[1]);
  PcapWriter out(arguments[2]);
  Frame frame;
  for (size_t index = 0; in.next(frame); ++index) {
    Parsed parsed;
    const Reason reason = parse(frame, parsed);
    print(index, reason, parsed);
    if (reason == Reason::none) answer(out, index, frame, parsed);
  }
  return 0;
}
