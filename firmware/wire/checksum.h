// The Internet checksum (RFC 1071) and its incremental update (RFC 1624, equation 3).
//
// Sums are kept in memory order: one's complement addition does not care about byte order, so no
// byte is swapped until a person reads the result.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "firmware/base/address.h"
#include "firmware/base/endian.h"

namespace evenkeel {

// A running one's-complement sum. 64 bits hold 2^32 additions of 32-bit words before they overflow.
using PartialSum = uint64_t;

inline uint16_t fold(PartialSum sum) {
  // Adding the halves both ways round leaves their sum in the upper half, the carry included.
  const auto half = static_cast<uint32_t>((sum + std::rotr(sum, 32)) >> 32);
  return static_cast<uint16_t>((half + std::rotr(half, 16)) >> 16);
}

// The value of a checksum field for what was summed.
inline Big16 finish(PartialSum sum) { return Big16::from_raw(static_cast<uint16_t>(~fold(sum))); }

// Any length; an odd last byte counts as if a zero followed it.
PartialSum sum_bytes(const void* bytes, size_t length);

// 20 bytes: the IPv4 header without options.
inline PartialSum sum_ipv4_header(const void* header) {
  const auto* bytes = static_cast<const uint8_t*>(header);
  PartialSum sum = 0;
  for (size_t i = 0; i < 20; i += 4) sum += load<uint32_t>(bytes + i);
  return sum;
}

inline PartialSum sum_address(const Address& address) {
  return (address.high() & 0xffffffff) + (address.high() >> 32) + (address.low() & 0xffffffff) +
         (address.low() >> 32);
}

// The pseudo header of TCP, UDP and ICMPv6; for IPv4 the mapped prefix must not count.
inline PartialSum sum_pseudo_header(const Address& source, const Address& destination,
                                    uint8_t protocol, uint32_t length) {
  const PartialSum addresses = source.is_v4()
                                   ? PartialSum{source.as_v4().raw()} + destination.as_v4().raw()
                                   : sum_address(source) + sum_address(destination);
  return addresses + Big32(length).raw() + Big32(protocol).raw();
}

// `checksum` after words that sum to `before` became words that sum to `after`. Where all that it
// covers is zero afterwards (never, with a pseudo header), it is the wrong one of the two zeros.
inline Big16 updated(Big16 checksum, PartialSum before, PartialSum after) {
  const auto kept = static_cast<uint16_t>(~checksum.raw());
  return finish(PartialSum{kept} + static_cast<uint16_t>(~fold(before)) + fold(after));
}

}  // namespace evenkeel
