#include "firmware/base/pages.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "firmware/base/check.h"

namespace evenkeel {
namespace {

void unmap(uintptr_t begin, uintptr_t end) {
  if (begin != end) CHECK(munmap(reinterpret_cast<void*>(begin), end - begin) == 0);
}

Error refusal(size_t bytes, int reason) {
  return Error{"The kernel refuses " + std::to_string(bytes) + " bytes of memory (" +
               std::strerror(reason) + "); give the box more memory or lower the sizes set."};
}

}  // namespace

Result<Pages> Pages::make(size_t bytes) {
  if (bytes == 0) return Pages();
  if (bytes > static_cast<size_t>(std::numeric_limits<ptrdiff_t>::max())) {
    return refusal(bytes, ENOMEM);
  }
  const size_t size = rounded(bytes);
  const bool huge = size >= kHugePageBytes;
  const size_t reserved = huge ? size + kHugePageBytes : size;
  void* mapping =
      mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return refusal(bytes, errno);

  const auto start = reinterpret_cast<uintptr_t>(mapping);
  const uintptr_t alignment = huge ? kHugePageBytes : kPageBytes;
  const uintptr_t begin = (start + alignment - 1) / alignment * alignment;
  unmap(start, begin);
  unmap(begin + size, start + reserved);

  auto* first = reinterpret_cast<void*>(begin);
  // Without huge pages the array is slower, not wrong: the kernel may say no.
  if (huge) static_cast<void>(madvise(first, size, MADV_HUGEPAGE));
  return Pages(first, size);
}

Pages Pages::cut(size_t bytes) {
  const size_t size = rounded(bytes);
  REQUIRE(size <= bytes_);
  bytes_ -= size;
  return Pages(std::exchange(begin_, static_cast<uint8_t*>(begin_) + size), size);
}

Pages::~Pages() {
  const auto begin = reinterpret_cast<uintptr_t>(begin_);
  unmap(begin, begin + bytes_);
}

}  // namespace evenkeel
