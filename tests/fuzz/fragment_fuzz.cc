// Any packet, cut for any MTU: each piece is one that parse() takes, fits, and goes on where the
// one before it ended; together they are the packet.
#include "firmware/wire/fragment.h"

#include <array>
#include <cstring>
#include <vector>

#include "firmware/base/check.h"
#include "tests/fuzz/fuzz_packet.h"
#include "tests/wire/packet.h"

namespace evenkeel {
namespace {

void expect_piece(const Frame& whole, const Parsed& parsed, const Frame& piece, uint32_t start,
                  bool is_last) {
  Parsed found;
  CHECK(parse(piece, found) == Reason::none);
  const auto before = load<Ipv4Header>(whole.data + parsed.l3_offset);
  const auto after = load<Ipv4Header>(piece.data + found.l3_offset);
  const bool more = (after.fragment.value() & kMoreFragments) != 0;
  CHECK(found.l4_offset == parsed.l4_offset && found.l3_offset == parsed.l3_offset);
  CHECK(found.fragment_id == before.id.value() && found.key.source == parsed.key.source);
  CHECK(more == (!is_last || (before.fragment.value() & kMoreFragments) != 0));
  CHECK((after.fragment.value() & kFragmentOffset) ==
        (before.fragment.value() & kFragmentOffset) + start / 8);
  CHECK(std::memcmp(piece.data + found.l4_offset, whole.data + parsed.l4_offset + start,
                    piece.length - found.l4_offset) == 0);
}

void expect_pieces(const Frame& whole, const Parsed& parsed, uint16_t mtu) {
  const std::optional<Cut> cut = cut_to_fit(whole, parsed, mtu);
  if (!cut) return;
  CHECK(cut->pieces >= 2 && cut->pieces <= kMaxPieces);
  uint32_t start = 0;
  for (size_t i = 0; i < cut->pieces; ++i) {
    std::vector<uint8_t> room(parsed.l3_offset + mtu);
    Frame piece{.data = room.data()};
    const auto capacity = static_cast<uint32_t>(room.size());
    CHECK(write_piece(whole, parsed, *cut, i, capacity, piece) == Reason::none);
    expect_piece(whole, parsed, piece, start, i + 1 == cut->pieces);
    start += piece.length - parsed.l4_offset;
  }
  CHECK(start == parsed.l3_offset + uint32_t{parsed.l3_length} - parsed.l4_offset);
}

}  // namespace
}  // namespace evenkeel

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace evenkeel;
  if (size < 2) return 0;
  const auto mtu = load<uint16_t>(data);
  std::vector<uint8_t> bytes = fuzz_packet(data + 2, size - 2);
  mend_frame(bytes.data(), bytes.size());
  const Frame frame{.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())};
  Parsed parsed;
  if (parse(frame, parsed) == Reason::none) expect_pieces(frame, parsed, mtu % 2048);
  return 0;
}
