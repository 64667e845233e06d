// The longest prefix around an address by looking at all of them, bit by bit.
#pragma once

#include <cstdint>
#include <vector>

#include "firmware/table/prefixes.h"

namespace evenkeel {

inline bool naive_bit(const Address& address, unsigned bit) {
  return (address.bytes[bit / 8] >> (7 - bit % 8) & 1) != 0;
}

inline bool naive_is_within(const Address& address, const Prefix& prefix) {
  // As text has it, an IPv4 address is in no IPv6 prefix.
  if (address.is_v4() != (prefix.address.is_v4() && prefix.length >= 96)) return false;
  for (unsigned bit = 0; bit < prefix.length; ++bit) {
    if (naive_bit(address, bit) != naive_bit(prefix.address, bit)) return false;
  }
  return true;
}

inline uint16_t naive_find(const std::vector<Prefixes::Entry>& entries, const Address& address) {
  const Prefixes::Entry* longest = nullptr;
  for (const Prefixes::Entry& entry : entries) {
    if (!naive_is_within(address, entry.prefix)) continue;
    if (longest == nullptr || longest->prefix.length < entry.prefix.length) longest = &entry;
  }
  return longest == nullptr ? Prefixes::kNone : longest->value;
}

}  // namespace evenkeel
