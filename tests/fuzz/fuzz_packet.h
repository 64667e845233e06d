// The packet that a fuzzer's input stands for: the bytes as they are, or changes to a good packet,
// from where every branch is near. Its block of memory ends with it, so that a sanitizer sees
// whoever reads further.
#pragma once

#include <algorithm>
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
  size_t at = data[1];
  std::vector<uint8_t> bytes(std::max<size_t>(good.length, at + size - 2));
  std::copy_n(good.bytes(), good.length, bytes.data());
  for (size_t i = 2; i < size; ++i) bytes[at++] ^= data[i];
  return bytes;
}

}  // namespace evenkeel
