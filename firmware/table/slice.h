// A slice of a service's buckets: as large a part of them as wanted, spread over the table without
// any order that backends' own buckets have. Of two slices, the smaller one lies in the larger one.
#pragma once

#include <cstdint>

#include "firmware/table/mix.h"

namespace evenkeel {

// A share is so many buckets of this many.
inline constexpr uint32_t kWholeSlice = 10'000;

constexpr bool is_in_slice(uint32_t bucket, uint32_t share) {
  return (mix(bucket + uint64_t{1}) >> 32) * kWholeSlice >> 32 < share;
}

// Of a table of so many buckets.
constexpr uint32_t slice_size(uint32_t buckets, uint32_t share) {
  uint32_t size = 0;
  for (uint32_t i = 0; i < buckets; ++i) size += is_in_slice(i, share) ? 1 : 0;
  return size;
}

}  // namespace evenkeel
