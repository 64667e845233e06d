// Where memory ends: whoever reads a byte behind it dies of it, with or without a sanitizer.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

#include "firmware/base/check.h"

namespace evenkeel {

// Behind 128 KiB there is a page that may not be touched: packets end where it begins.
inline uint8_t* map_edge() {
  constexpr size_t kRoom = size_t{128} << 10;
  constexpr size_t kPage = 4096;
  void* pages =
      mmap(nullptr, kRoom + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(pages != MAP_FAILED);
  uint8_t* edge = static_cast<uint8_t*>(pages) + kRoom;
  CHECK(mprotect(edge, kPage, PROT_NONE) == 0);
  return edge;
}

}  // namespace evenkeel
