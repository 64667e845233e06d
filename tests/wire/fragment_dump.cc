// For fragment_oracle.py: `fragment_dump IN OUT MTU` cuts each packet of the pcap file IN to fit,
// writes the pieces to OUT, and prints for each packet how many there are: 0 where it is not cut.
#include <array>
#include <cstdio>
#include <cstdlib>

#include "firmware/base/check.h"
#include "firmware/wire/fragment.h"
#include "tests/wire/pcap.h"

int main(int count, char** arguments) {
  using namespace evenkeel;
  CHECK(count == 4);
  static PcapReader in(arguments[1]);
  PcapWriter out(arguments[2]);
  const auto mtu = static_cast<uint16_t>(std::strtoul(arguments[3], nullptr, 10));
  Frame frame;
  while (in.next(frame)) {
    Parsed parsed;
    CHECK(parse(frame, parsed) == Reason::none);
    const std::optional<Cut> cut = cut_to_fit(frame, parsed, mtu);
    for (size_t i = 0; cut && i < cut->pieces; ++i) {
      std::array<uint8_t, 4096> room;
      Frame piece{.data = room.data()};
      CHECK(write_piece(frame, parsed, *cut, i, room.size(), piece) == Reason::none);
      out.write(piece);
    }
    std::printf("%zu\n", cut ? cut->pieces : 0);
  }
  return 0;
}
