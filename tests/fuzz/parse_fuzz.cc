// Any bytes: nothing beyond them is read, what is said lies within them, and both the inline path
// and the one for eight packets say what parse_slow() says.
#include "firmware/wire/parse.h"

#include <array>
#include <cstring>
#include <vector>

#include "firmware/base/check.h"
#include "firmware/wire/parse_burst.h"
#include "tests/fuzz/fuzz_packet.h"
#include "tests/wire/packet.h"

namespace evenkeel {
namespace {

constexpr size_t kFields = offsetof(Parsed, fragment_id) + sizeof(uint32_t);

void expect_invariants(const Frame& frame, const Parsed& parsed) {
  const uint32_t end = parsed.l3_offset + uint32_t{parsed.l3_length};
  const FlowKey& key = parsed.key;
  const bool has_ports = key.source_port.value() != 0 && key.destination_port.value() != 0;
  const bool quotes = parsed.kind == Kind::icmp_error;
  CHECK(end <= frame.length);
  CHECK(parsed.l4_offset >= parsed.l3_offset + (parsed.is_v4 ? 20 : 40) && parsed.l4_offset <= end);
  CHECK(quotes == (parsed.quoted_offset == parsed.l4_offset + 8) &&
        quotes == (parsed.quoted_offset != 0));
  CHECK(has_ports != (parsed.kind == Kind::echo || parsed.kind == Kind::fragment_later));
  CHECK(key.source != key.destination);
  CHECK(key.source.is_v4() == parsed.is_v4 && key.destination.is_v4() == parsed.is_v4);
  CHECK(key.zero[0] == 0 && key.zero[1] == 0 && key.zero[2] == 0 && parsed.unused == 0);
}

void expect_agreement(const Frame& frame) {
  Parsed untouched;
  std::memset(static_cast<void*>(&untouched), 0xa5, sizeof(untouched));
  Parsed fast = untouched;
  Parsed slow = untouched;
  const Reason reason = parse(frame, fast);
  CHECK(reason == parse_slow(frame, slow) && std::memcmp(&fast, &slow, kFields) == 0);
  if (reason == Reason::none) {
    expect_invariants(frame, fast);
  } else {
    CHECK(std::memcmp(&fast, &untouched, kFields) == 0);
  }
}

// Of eight equal packets all are plain, or none.
void expect_agreement_of_eight(const Frame& frame) {
  constexpr uint64_t kAll = 0xff;
  std::array<Frame, lanes::kLanes> frames;
  frames.fill(frame);
  PlainPackets packets;
  parse_eights(frames, packets);
  if (packets.good == 0) return;
  Parsed slow;
  CHECK(packets.good == kAll && parse_slow(frame, slow) == Reason::none);
  CHECK(packets.ipv6 == (slow.is_v4 ? 0 : kAll));
  for (size_t i = 0; i < frames.size(); ++i) {
    Parsed described;
    packets.describe(i, described);
    CHECK(std::memcmp(&described, &slow, kFields) == 0);
  }
}

}  // namespace
}  // namespace evenkeel

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> bytes = evenkeel::fuzz_packet(data, size);
  const evenkeel::Frame frame{.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())};
  evenkeel::expect_agreement(frame);
  evenkeel::expect_agreement_of_eight(frame);
  evenkeel::mend_frame(bytes.data(), bytes.size());
  evenkeel::expect_agreement(frame);
  evenkeel::expect_agreement_of_eight(frame);
  return 0;
}
