// Memory for the big arrays of the packet path: taken from the kernel in whole pages before the
// first packet, and given back at the end. Huge pages are asked for, since a table that is hit at
// random costs a TLB miss per packet otherwise; an array touches every page when it is made, since
// the packet path must not wait for a page fault.
//
// A page belongs to the memory node of the thread that made the array: make a worker's own arrays
// on the worker's core.
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "firmware/base/status.h"

namespace evenkeel {

inline constexpr size_t kPageBytes = 4096;
inline constexpr size_t kHugePageBytes = size_t{2} << 20;

// A mapping: zeroed, not touched yet, aligned to a page, and to a huge page if it is as large as
// one.
class Pages {
 public:
  // What a mapping of `bytes` really occupies.
  static constexpr size_t rounded(size_t bytes) {
    return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  }

  // Of no bytes: no mapping.
  static Result<Pages> make(size_t bytes);

  Pages() = default;
  Pages(Pages&& other) noexcept
      : begin_(std::exchange(other.begin_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Pages& operator=(Pages&& other) noexcept {
    std::swap(begin_, other.begin_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Pages();

  // Its first `bytes`, in whole pages, as a mapping that goes by itself; this one begins behind
  // them. So many mappings that are smaller than a huge page share huge pages, until one of them
  // goes: the kernel then keeps what is left of its huge page in small ones.
  // REQUIRES: it has as many.
  Pages cut(size_t bytes);

  void* begin() const { return begin_; }

 private:
  Pages(void* begin, size_t bytes) : begin_(begin), bytes_(bytes) {}

  void* begin_ = nullptr;
  size_t bytes_ = 0;
};

// An array of fixed size in its own pages: nothing else ever shares a cache line with it. Elements
// start value-initialised, so numbers are zero.
template <typename T>
class PageArray {
  static_assert(std::is_trivially_destructible_v<T>, "pages go without destroying elements");
  static_assert(alignof(T) <= kPageBytes);

 public:
  static constexpr size_t bytes(size_t count) { return Pages::rounded(count * sizeof(T)); }

  static Result<PageArray> make(size_t count) {
    constexpr size_t kMaxCount = std::numeric_limits<ptrdiff_t>::max() / sizeof(T);
    if (count > kMaxCount) {
      return Error{"An array of " + std::to_string(count) + " elements of " +
                   std::to_string(sizeof(T)) + " bytes exceeds the address space; ask for less."};
    }
    Result<Pages> pages = Pages::make(count * sizeof(T));
    if (!pages.ok()) return Error{pages.message()};
    return PageArray(std::move(pages.value()), count);
  }

  PageArray() = default;
  // REQUIRES: pages have bytes(count), untouched.
  PageArray(Pages pages, size_t count) : pages_(std::move(pages)), size_(count) {
    // Writes every element, and so touches every page.
    std::uninitialized_value_construct_n(data(), count);
  }
  PageArray(PageArray&& other) noexcept
      : pages_(std::move(other.pages_)), size_(std::exchange(other.size_, 0)) {}
  PageArray& operator=(PageArray&& other) noexcept {
    pages_ = std::move(other.pages_);
    std::swap(size_, other.size_);
    return *this;
  }

  T* data() { return static_cast<T*>(pages_.begin()); }
  const T* data() const { return static_cast<const T*>(pages_.begin()); }
  size_t size() const { return size_; }

  // REQUIRES: index < size(); for the packet path, so the caller is the one to make sure.
  T& operator[](size_t index) { return data()[index]; }
  const T& operator[](size_t index) const { return data()[index]; }

 private:
  Pages pages_;
  size_t size_ = 0;
};

}  // namespace evenkeel
