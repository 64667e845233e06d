// Whatever is answered, the answer's checksums are right and it fits its room.
#include "firmware/wire/icmp.h"

#include <vector>

#include "firmware/base/check.h"
#include "firmware/base/endian.h"
#include "tests/fuzz/fuzz_packet.h"
#include "tests/wire/packet.h"

namespace evenkeel {
namespace {

void expect_right_sums(const uint8_t* l3) {
  CHECK(l3[0] >> 4 == 6 || plain_sum(l3, 20) == 0xffff);
  CHECK(plain_transport_sum(l3) == 0xffff);
}

void expect_too_big(const Frame& frame, const Parsed& parsed, size_t room) {
  std::vector<uint8_t> bytes(room);
  Frame answer{.data = bytes.data()};
  const Reason reason = make_too_big(frame, parsed, 1400, static_cast<uint32_t>(room), answer);
  CHECK((reason == Reason::none) == (answer.length != 0));
  CHECK(answer.data == bytes.data() && answer.length <= room);
  if (reason == Reason::none) expect_right_sums(answer.data + parsed.l3_offset);
}

void expect_reply(Frame frame, const Parsed& parsed) {
  const uint8_t* end = frame.data + frame.length;
  const uint8_t* l3 = frame.data + parsed.l3_offset;
  const uint32_t header = uint32_t{parsed.l4_offset} - parsed.l3_offset;
  const bool intact = plain_transport_sum(l3, header, parsed.key.protocol) == 0xffff;
  const Reason reason = make_echo_reply(frame, parsed);
  CHECK(frame.data + frame.length == end);
  CHECK(intact || reason != Reason::none);
  if (reason == Reason::none) expect_right_sums(frame.data + parsed.l3_offset);
}

void answer(const Frame& frame, size_t room) {
  Parsed parsed;
  if (parse(frame, parsed) != Reason::none) return;
  expect_too_big(frame, parsed, room);
  if (parsed.kind != Kind::echo) return;
  expect_reply(frame, parsed);
}

// Makes an echo's checksum right, where the frame is one.
void mend_echo(const Frame& frame) {
  Parsed parsed;
  if (parse(frame, parsed) != Reason::none || parsed.kind != Kind::echo) return;
  uint8_t* icmp = frame.data + parsed.l4_offset;
  store(icmp + 2, Big16(0));
  const uint32_t header = uint32_t{parsed.l4_offset} - parsed.l3_offset;
  const uint16_t sum =
      plain_transport_sum(frame.data + parsed.l3_offset, header, parsed.key.protocol);
  store(icmp + 2, Big16(static_cast<uint16_t>(~sum)));
}

}  // namespace
}  // namespace evenkeel

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t room = (size_t{data[0]} << 8 | data[1]) % 1'400;
  std::vector<uint8_t> bytes = evenkeel::fuzz_packet(data + 2, size - 2);
  const evenkeel::Frame frame{.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())};
  evenkeel::mend_frame(bytes.data(), bytes.size());
  std::vector<uint8_t> copy = bytes;
  evenkeel::answer({.data = copy.data(), .length = frame.length}, room);
  evenkeel::mend_echo(frame);
  evenkeel::answer(frame, room);
  return 0;
}
