// An IP address of either family in 16 bytes, network order; IPv4 as ::ffff:a.b.c.d, so that all
// code between parsing and emitting has one kind of address.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "firmware/base/endian.h"

namespace evenkeel {

struct Address {
  std::array<uint8_t, 16> bytes{};

  static Address v4(Big32 address) {
    Address result;
    store(result.bytes.data() + 8, (uint64_t{address.raw()} << 32) | kMappedPrefix);
    return result;
  }
  static Address v6(const void* sixteen_bytes) { return load<Address>(sixteen_bytes); }

  bool is_v4() const { return high() == 0 && static_cast<uint32_t>(low()) == kMappedPrefix; }
  // REQUIRES: is_v4(), or the last four bytes are wanted.
  Big32 as_v4() const { return load<Big32>(bytes.data() + 12); }

  // The two halves as they stand in memory.
  uint64_t high() const { return load<uint64_t>(bytes.data()); }
  uint64_t low() const { return load<uint64_t>(bytes.data() + 8); }

  // By halves: as bytes, it would be a call of memcmp per packet.
  friend bool operator==(const Address& a, const Address& b) {
    return ((a.high() ^ b.high()) | (a.low() ^ b.low())) == 0;
  }
  friend auto operator<=>(const Address&, const Address&) = default;

 private:
  static constexpr uint32_t kMappedPrefix = 0xffff0000;  // bytes 00 00 ff ff
};

static_assert(sizeof(Address) == 16 && std::is_trivially_copyable_v<Address>);

std::optional<Address> parse_address(std::string_view text);
std::string to_string(const Address& address);

// The first `length` bits of 128; of an IPv4 prefix /n, length is 96 + n.
Address masked(const Address& address, unsigned length);

}  // namespace evenkeel
