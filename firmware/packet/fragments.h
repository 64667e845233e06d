// The ports of fragmented packets: only a packet's first fragment has them, and the others must go
// where it went. What is remembered is by whom, to whom and id, and in IPv4 the protocol (RFC 791),
// of which IPv6's fragments may each say another (RFC 8200 4.5), for as long as a receiver would
// wait at most; the oldest of four gives way.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/base/limits.h"
#include "firmware/wire/parse.h"

namespace evenkeel {

class Fragments {
 public:
  static constexpr size_t kSets = 1'024;
  static constexpr size_t kWays = 4;
  static constexpr Microseconds kLife = 15'000'000;  // Linux waits 30 s, others 15

  Fragments() : sets_(kSets) {}

  // `hash` is a keyed hash of the packet's addresses. REQUIRES: a first fragment.
  void remember(const Parsed& parsed, uint64_t hash, Microseconds now);
  // Gives a later fragment the ports and the protocol of its first one; false: that has not come.
  // REQUIRES: a later fragment.
  bool give_ports(Parsed& parsed, uint64_t hash, Microseconds now) const;

  // Grows with each first fragment: only then it is worth asking again.
  uint64_t learned() const { return learned_; }

 private:
  struct Entry {
    Address source;
    Address destination;
    uint32_t id = 0;
    uint8_t protocol = 0;
    Big16 source_port;
    Big16 destination_port;
    Microseconds seen = 0;  // 0: empty

    bool is_of(const Parsed& parsed) const {
      return id == parsed.fragment_id && source == parsed.key.source &&
             destination == parsed.key.destination &&
             (protocol == parsed.key.protocol || !source.is_v4());
    }
  };
  using Set = std::array<Entry, kWays>;

  static size_t set_of(const Parsed& parsed, uint64_t hash) {
    return (hash ^ (parsed.fragment_id * uint64_t{0x9e3779b97f4a7c15} >> 32)) % kSets;
  }

  std::vector<Set> sets_;
  uint64_t learned_ = 0;
};

}  // namespace evenkeel
