#include "firmware/wire/checksum.h"

namespace evenkeel {

PartialSum sum_bytes(const void* bytes, size_t length) {
  const auto* at = static_cast<const uint8_t*>(bytes);
  PartialSum sum = 0;
  for (; length >= 4; at += 4, length -= 4) sum += load<uint32_t>(at);
  if (length >= 2) {
    sum += load<uint16_t>(at);
    at += 2;
    length -= 2;
  }
  if (length == 1) sum += *at;
  return sum;
}

}  // namespace evenkeel
