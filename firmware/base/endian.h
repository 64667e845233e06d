// Network order is a type: a field of a header cannot be mistaken for a number, and needs no
// alignment. Values cross through value() and assignment; nothing else converts.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace evenkeel {

static_assert(std::endian::native == std::endian::little, "byte swaps assume a little-endian host");

template <std::unsigned_integral T>
constexpr T byte_swap(T value) {
  if constexpr (sizeof(T) == 2) {
    return __builtin_bswap16(value);
  } else if constexpr (sizeof(T) == 4) {
    return __builtin_bswap32(value);
  } else {
    static_assert(sizeof(T) == 8);
    return __builtin_bswap64(value);
  }
}

template <std::unsigned_integral T>
class BigEndian {
 public:
  constexpr BigEndian() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): `header.length = 40` is the point.
  constexpr BigEndian(T value)
      : bytes_(std::bit_cast<std::array<uint8_t, sizeof(T)>>(byte_swap(value))) {}

  constexpr T value() const { return byte_swap(raw()); }
  // As it stands in memory: for checksums and comparisons, which do not care about order.
  constexpr T raw() const { return std::bit_cast<T>(bytes_); }
  static constexpr BigEndian from_raw(T raw) { return BigEndian(byte_swap(raw)); }

  friend constexpr bool operator==(const BigEndian&, const BigEndian&) = default;

 private:
  std::array<uint8_t, sizeof(T)> bytes_{};
};

using Big16 = BigEndian<uint16_t>;
using Big32 = BigEndian<uint32_t>;
using Big64 = BigEndian<uint64_t>;

static_assert(sizeof(Big16) == 2 && alignof(Big16) == 1 && std::is_trivially_copyable_v<Big16>);
static_assert(sizeof(Big32) == 4 && alignof(Big32) == 1 && std::is_trivially_copyable_v<Big32>);

// Unaligned access to bytes, in host order.
template <typename T>
inline T load(const void* from) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <typename T>
inline void store(void* to, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(to, &value, sizeof(T));
}

}  // namespace evenkeel
