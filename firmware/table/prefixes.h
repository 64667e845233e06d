// From an address to what is said of the longest prefix that it lies in: who may use a service, and
// by which way a client is reached.
//
// Prefixes nest, so they cut the addresses into intervals, at most two per prefix and one; all that
// is kept is where each interval begins. A lookup is a binary search: 15 steps for the most
// prefixes there may be, 5 for a dozen, whatever their lengths, and 18 bytes per interval.
//
// Not DPDK's: rte_lpm takes 64 MB for each table of IPv4 alone, and rte_lpm and rte_acl both take
// memory of EAL's, so that no plan could be built, tested or verified without EAL, nor be shared
// and freed as plans are.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "firmware/base/address.h"
#include "firmware/base/status.h"

namespace evenkeel {

struct Prefix {
  Address address;       // no bit set beyond the prefix
  uint8_t length = 128;  // counted from 128 bits: an IPv4 /n is 96 + n

  friend bool operator==(const Prefix&, const Prefix&) = default;
};

// As one writes it, "192.0.2.0/24".
std::string to_string(const Prefix& prefix);
// The last of its addresses.
Address last_of(const Prefix& prefix);

class Prefixes {
 public:
  static constexpr uint16_t kNone = 0xffff;

  struct Entry {
    Prefix prefix;
    uint16_t value = 0;  // not kNone

    friend bool operator==(const Entry&, const Entry&) = default;
  };

  Prefixes() : Prefixes({}, {}) {}
  // Refuses, naming the prefix at fault: one that is there twice, bits set beyond a prefix, an
  // IPv4 address with a prefix that reaches beyond IPv4, more than kMaxPrefixes.
  static Result<Prefixes> build(std::vector<Entry> entries);

  // The value of the longest prefix around it, or kNone. IPv4 is no part of the IPv6 prefixes
  // around it: ::/0 is all of IPv6 only.
  uint16_t find(const Address& address) const;

  // What it was built of, in that order.
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  // An address as a number.
  struct Position {
    uint64_t high = 0;
    uint64_t low = 0;

    friend auto operator<=>(const Position&, const Position&) = default;
  };
  struct Open {
    Position last;
    uint16_t value;
  };

  // REQUIRES: good entries, and the same in order.
  Prefixes(std::vector<Entry> entries, std::vector<Entry> ordered);

  static Position position_of(const Address& address) {
    return {.high = byte_swap(address.high()), .low = byte_swap(address.low())};
  }
  void begin_interval(const Position& start, uint16_t value);

  std::vector<Position> starts_;  // of intervals, ascending; the first is 0
  std::vector<uint16_t> values_;  // of intervals
  std::vector<Entry> entries_;
};

}  // namespace evenkeel
