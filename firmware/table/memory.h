// Flow memory: the flows of one worker that must stay where they are although their bucket has
// moved.
//
// A fixed number of sets, each one cache line of eight flows; a lookup or an insertion touches one
// line. Nothing is ever allocated and nothing is swept: an expired flow counts as absent, and a few
// sets are cleared now and then only so that stamps, which wrap, stay unambiguous (maintain()).
//
// Invariants:
//  1. A flow lies in the set given by the low bits of its hash, under bits 32 to 62 as its tag. Two
//     flows of one set with equal tags are taken for one; with 2^18 sets that is one pair in 2^49.
//  2. An entry is a state and the tick of its last packet, modulo 2^14. No entry gets older than
//     kMaxFlowTimeout + kFlowMemoryPass, which is less, if maintain() is called once per burst.
//  3. What an insertion evicts: nothing while a place is free or expired; else the oldest flow of
//     which one packet has come, else the oldest that is closing. A finished flow is never evicted
//     by an unfinished one, or a flood of SYNs could cut connections: the insertion is refused
//     instead. A flow that is known keeps its place, so that no flow is there twice.
//  4. The owner of a backend's slot may change. An entry older than the present owner is not of it:
//     the caller compares age with the owner's (Plan::home_of).
#pragma once

#include <immintrin.h>

#include <array>
#include <cstdint>

#include "firmware/base/clock.h"
#include "firmware/base/limits.h"
#include "firmware/base/pages.h"
#include "firmware/base/status.h"

namespace evenkeel {

struct FlowTimeouts {
  uint32_t unfinished = 30;  // seconds since the opening of a flow of which nothing else has come
  uint32_t closing = 30;     // since FIN or RST
  uint32_t finished = 900;   // since the last packet of any other
};

enum class FlowState : uint8_t { unfinished = 1, closing = 2, finished = 3 };  // order of keeping

// By what a flow is remembered first. An opening's flow says more within seconds, or never. What
// has no handshake, or is past it, may be silent for as long as any: it is remembered as long as a
// finished one, but makes room as an unfinished one does, since one packet is easily made up.
enum class FirstPacket : uint8_t { opening, other };

class FlowMemory {
 public:
  static constexpr uint32_t kWays = 8;

  struct alignas(kCacheLine) Set {
    std::array<uint32_t, kWays> tags;  // bit 31: FirstPacket
    std::array<uint16_t, kWays> backends;
    std::array<uint16_t, kWays> stamps;  // FlowState 2 bits, tick 14 bits; 0: empty
  };
  static_assert(sizeof(Set) == kCacheLine);

  struct Found {
    uint16_t backend = kNoBackend;  // kNoBackend: not remembered
    uint16_t age = 0;               // ticks since its last packet
    uint8_t way = 0;
    FlowState state = FlowState::unfinished;
  };

  enum class Insertion : uint8_t { done, evicted, refused };

  // Uses the largest power of two of sets that fits in `bytes`. Refuses sizes and time-outs out of
  // limits.
  static Result<FlowMemory> make(size_t bytes, const FlowTimeouts& timeouts);

  // To be read: of most packets nothing is written (touch()).
  void prefetch(uint64_t hash) const { __builtin_prefetch(&sets_[hash & mask_]); }
  Found find(uint64_t hash, Tick now) const;
  // The flow has had another packet. REQUIRES: found by find(hash, now), nothing inserted since.
  void touch(uint64_t hash, const Found& found, FlowState state, Tick now);
  // Remembers, as unfinished, where a flow is; replaces what was remembered of it.
  Insertion insert(uint64_t hash, uint16_t backend, Tick now,
                   FirstPacket first = FirstPacket::opening) {
    return insert(hash, find(hash, now), backend, now, first);
  }
  // REQUIRES: found by find(hash, now), nothing inserted since.
  Insertion insert(uint64_t hash, const Found& known, uint16_t backend, Tick now,
                   FirstPacket first);
  // Once per burst, and once per loop when idle; clears at most a few sets. REQUIRES: now never
  // goes back.
  void maintain(Tick now);

  size_t capacity() const { return sets_.size() * kWays; }
  // Entries not expired; reads all of the memory, for tests and benchmarks.
  size_t remembered(Tick now) const;

 private:
  static constexpr unsigned kFirstBit = 31;

  FlowMemory(PageArray<Set> sets, const FlowTimeouts& timeouts);

  static uint16_t stamp(FlowState state, Tick now) {
    return static_cast<uint16_t>(static_cast<uint32_t>(state) << 14 |
                                 (now & (kFlowStampRange - 1)));
  }
  static uint32_t tag(uint64_t hash, FirstPacket first) {
    const uint32_t bit = static_cast<uint32_t>(first) << kFirstBit;
    return (static_cast<uint32_t>(hash >> 32) & ~(1u << kFirstBit)) | bit;
  }
  static bool began_otherwise(uint32_t tag) { return tag >> kFirstBit != 0; }
  static __m128i ages(const Set& set, Tick now);
  __m128i expired(const Set& set, __m128i ages) const;
  static uint32_t ways_with(const Set& set, uint64_t hash);

  PageArray<Set> sets_;
  uint64_t mask_ = 0;
  FlowTimeouts timeouts_;
  Tick maintained_ = 0;  // the tick up to which maintenance is due
  uint64_t due_ = 0;     // sets yet to be looked at
  uint64_t cursor_ = 0;
};

inline uint32_t FlowMemory::ways_with(const Set& set, uint64_t hash) {
  const __m256i tags = _mm256_load_si256(reinterpret_cast<const __m256i*>(set.tags.data()));
  // Without bit 31, which is not of the hash.
  const __m256i wanted = _mm256_set1_epi32(static_cast<int>(hash >> 32 << 1));
  const __m256i same = _mm256_cmpeq_epi32(_mm256_slli_epi32(tags, 1), wanted);
  return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(same)));
}

inline FlowMemory::Found FlowMemory::find(uint64_t hash, Tick now) const {
  const Set& set = sets_[hash & mask_];
  // Of the ways with this tag at most one is in use; others are empty or expired.
  for (uint32_t ways = ways_with(set, hash); ways != 0; ways &= ways - 1) {
    const auto way = static_cast<uint8_t>(__builtin_ctz(ways));
    const uint16_t stamp = set.stamps[way];
    const auto state = static_cast<FlowState>(stamp >> 14);
    const auto age = static_cast<uint16_t>((now - stamp) & (kFlowStampRange - 1));
    const uint32_t limit = state == FlowState::finished     ? timeouts_.finished
                           : state == FlowState::closing    ? timeouts_.closing
                           : began_otherwise(set.tags[way]) ? timeouts_.finished
                                                            : timeouts_.unfinished;
    if (stamp >> 14 != 0 && age <= limit) {
      return {.backend = set.backends[way], .age = age, .way = way, .state = state};
    }
  }
  return {};
}

inline void FlowMemory::touch(uint64_t hash, const Found& found, FlowState state, Tick now) {
  uint16_t& kept = sets_[hash & mask_].stamps[found.way];
  const uint16_t wanted = stamp(state, now);
  if (kept != wanted) kept = wanted;  // once a second, not once a packet: leaves the line clean
}

}  // namespace evenkeel
