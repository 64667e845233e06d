// The packet that a fuzzer's input stands for: the bytes as they are, or changes to a good packet,
// from where every branch is near.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

#include "tests/wire/packet.h"
#include "tests/wire/parse_accepted.h"

namespace evenkeel {

inline std::vector<uint8_t> fuzz_packet(const uint8_t* data, size_t size) {
  if (size < 2 || data[0] >= std::size(kAccepted)) return {data, data + size};
  const Packet good = packet_of(kAccepted[data[0]].hex);
  std::vector<uint8_t> bytes(good.bytes(), good.bytes() + good.length);
  size_t at = data[1];
  if (at + size - 2 > bytes.size()) bytes.resize(at + size - 2);
  for (size_t i = 2; i < size; ++i) bytes[at++] ^= data[i];
  return bytes;
}

}  // namespace evenkeel
