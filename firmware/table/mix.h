// Cheap mixing of words that are keyed already, or that no outsider chooses.
#pragma once

#include <cstdint>

namespace evenkeel {

// The finalizer of MurmurHash3.
constexpr uint64_t mix(uint64_t value) {
  value = (value ^ (value >> 33)) * 0xff51afd7ed558ccd;
  value = (value ^ (value >> 33)) * 0xc4ceb9fe1a85ec53;
  return value ^ (value >> 33);
}

// Both halves of the product, folded: every bit of both factors reaches every bit of the result.
constexpr uint64_t multiply_fold(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace evenkeel
