// A fingerprint of a sequence of values: the same on every box, and different, but for a chance of
// one in 2^64, if any value or the border between two of them differs. Not a protection against
// forgery.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "firmware/base/address.h"
#include "firmware/table/mix.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace evenkeel {

class Digest {
 public:
  Digest& add(uint64_t number) {
    state_ = multiply_fold(state_ ^ number, kFactor) + kStep;
    return *this;
  }
  Digest& add(std::string_view text) {
    return add(text.size()).add(uint64_t{XXH3_64bits(text.data(), text.size())});
  }
  Digest& add(const Address& address) { return add(address.high()).add(address.low()); }

  uint64_t value() const { return mix(state_); }

 private:
  static constexpr uint64_t kFactor = 0x9e3779b97f4a7c15;
  static constexpr uint64_t kStep = 0xd6e8feb86659fd93;
  uint64_t state_ = kStep;
};

// Of a set: the order in which its elements were written down does not matter.
inline uint64_t digest_of_set(std::vector<uint64_t> digests) {
  std::ranges::sort(digests);
  Digest digest;
  digest.add(digests.size());
  for (const uint64_t element : digests) digest.add(element);
  return digest.value();
}

}  // namespace evenkeel
