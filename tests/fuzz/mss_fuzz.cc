// Any options: a checksum that was right stays right, and nothing but the checksum and values that
// were larger changes.
#include "firmware/wire/mss.h"

#include <vector>

#include "firmware/base/check.h"
#include "firmware/base/endian.h"
#include "tests/fuzz/fuzz_packet.h"
#include "tests/wire/packet.h"

namespace evenkeel {
namespace {

constexpr uint16_t kLargest = 1'220;

uint16_t sum_of(const Frame& frame, const Parsed& parsed) {
  return plain_transport_sum(frame.data + parsed.l3_offset,
                             uint32_t{parsed.l4_offset} - parsed.l3_offset, parsed.key.protocol);
}

void expect_clamped(std::vector<uint8_t>& bytes, const Parsed& parsed, bool is_segment) {
  const Frame frame{.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())};
  uint8_t* checksum = frame.data + parsed.l4_offset + 16;
  if (is_segment) {
    store(checksum, Big16(0));
    store(checksum, Big16(static_cast<uint16_t>(~sum_of(frame, parsed))));
  }
  const std::vector<uint8_t> before = bytes;
  clamp_mss(frame, parsed, kLargest);
  CHECK(is_segment || bytes == before || parsed.kind == Kind::fragment_first);
  CHECK(!is_segment || sum_of(frame, parsed) == 0xffff);
  for (size_t i = 0; i < bytes.size(); ++i) {
    const bool is_option = i >= parsed.l4_offset + 20u && i < parsed.l4_offset + 60u;
    const bool is_checksum = i - parsed.l4_offset - 16u < 2;
    CHECK(bytes[i] == before[i] || is_option || is_checksum);
  }
  const std::vector<uint8_t> once = bytes;
  clamp_mss(frame, parsed, kLargest);
  CHECK(bytes == once);
}

}  // namespace
}  // namespace evenkeel

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace evenkeel;
  std::vector<uint8_t> bytes = fuzz_packet(data, size);
  mend_frame(bytes.data(), bytes.size());
  const Frame frame{.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())};
  Parsed parsed;
  if (parse(frame, parsed) != Reason::none) return 0;
  expect_clamped(bytes, parsed, parsed.kind == Kind::transport && parsed.key.protocol == 6);
  return 0;
}
