// Eight packets at a time: vectors that hold the same 32-bit word, as it stands in memory, of each.
#pragma once

#include <immintrin.h>

#include <array>
#include <bit>
#include <cstdint>

#include "firmware/base/endian.h"

namespace evenkeel::lanes {

inline constexpr size_t kLanes = 8;

using Lanes = uint32_t __attribute__((vector_size(32)));
using SignedLanes = int32_t __attribute__((vector_size(32)));

// Pairs of words, and pairs of pairs, within each half of a vector.
inline Lanes low_words(Lanes a, Lanes b) {
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13);
}
inline Lanes high_words(Lanes a, Lanes b) {
  return __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15);
}
inline Lanes low_pairs(Lanes a, Lanes b) {
  return __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
}
inline Lanes high_pairs(Lanes a, Lanes b) {
  return __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
}

// The four words of 16 bytes at each of eight places, turned round: word 0 of all, word 1 of all
// ...
template <typename PlaceOf>
[[gnu::always_inline]] inline std::array<Lanes, 4> load_turned(const PlaceOf& place_of) {
  const auto two = [&](size_t i) {
    const auto low = load<__m128i>(place_of(i));
    const auto high = load<__m128i>(place_of(i + 4));
    return reinterpret_cast<Lanes>(_mm256_set_m128i(high, low));
  };
  const std::array<Lanes, 4> rows = {two(0), two(1), two(2), two(3)};
  const Lanes low01 = low_words(rows[0], rows[1]);
  const Lanes low23 = low_words(rows[2], rows[3]);
  const Lanes high01 = high_words(rows[0], rows[1]);
  const Lanes high23 = high_words(rows[2], rows[3]);
  return {low_pairs(low01, low23), high_pairs(low01, low23), low_pairs(high01, high23),
          high_pairs(high01, high23)};
}

// The other way: 16 bytes, made of four words, to each of eight places.
template <typename PlaceOf>
[[gnu::always_inline]] inline void store_turned(Lanes a, Lanes b, Lanes c, Lanes d,
                                                const PlaceOf& place_of) {
  const Lanes low_ab = low_words(a, b);
  const Lanes low_cd = low_words(c, d);
  const Lanes high_ab = high_words(a, b);
  const Lanes high_cd = high_words(c, d);
  const std::array<Lanes, 4> rows = {low_pairs(low_ab, low_cd), high_pairs(low_ab, low_cd),
                                     low_pairs(high_ab, high_cd), high_pairs(high_ab, high_cd)};
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto row = reinterpret_cast<__m256i>(rows[i]);
    store(place_of(i), _mm256_castsi256_si128(row));
    store(place_of(i + 4), _mm256_extracti128_si256(row, 1));
  }
}

// A word of eight, each read on its own.
template <typename WordOf>
[[gnu::always_inline]] inline Lanes gathered(const WordOf& word_of) {
  const auto of = [&](size_t i) { return static_cast<int>(word_of(i)); };
  return reinterpret_cast<Lanes>(
      _mm256_setr_epi32(of(0), of(1), of(2), of(3), of(4), of(5), of(6), of(7)));
}

inline Lanes all(uint32_t value) { return value - Lanes{}; }
template <uint32_t kValue>
inline constexpr uint32_t kInMemory = kValue;
// The same of a constant, from memory: gcc 12 would make it in a general register and move it over
// by way of the one port that also does all shuffles, 46 times for eight packets.
template <uint32_t kValue>
[[gnu::always_inline]] inline Lanes all() {
  Lanes lanes;
  asm("vpbroadcastd %1, %0" : "=x"(lanes) : "m"(kInMemory<kValue>));
  return lanes;
}
inline Lanes equal(Lanes a, Lanes b) { return reinterpret_cast<Lanes>(a == b); }
// For words below 2^31: AVX2 compares signed ones only.
inline Lanes less(Lanes a, Lanes b) {
  return reinterpret_cast<Lanes>(reinterpret_cast<SignedLanes>(a) <
                                 reinterpret_cast<SignedLanes>(b));
}
inline Lanes either(Lanes condition, Lanes yes, Lanes no) {
  return reinterpret_cast<Lanes>(_mm256_blendv_epi8(reinterpret_cast<__m256i>(no),
                                                    reinterpret_cast<__m256i>(yes),
                                                    reinterpret_cast<__m256i>(condition)));
}
// The sum of a word's halves; of a one's complement sum, a step of folding.
inline Lanes halves_of(Lanes word) { return (word & all<0xffff>()) + (word >> 16); }
inline Lanes byte_swapped(Lanes words) {
  const __m256i order = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
  return reinterpret_cast<Lanes>(_mm256_shuffle_epi8(reinterpret_cast<__m256i>(words), order));
}
inline uint32_t bits_of(Lanes conditions) {
  return static_cast<uint32_t>(_mm256_movemask_ps(reinterpret_cast<__m256>(conditions)));
}

// Calls `act` for each lane whose bit is set. All of them, as is usual, go without a search for the
// next one, which each would wait for: 1 ns a packet (Sapphire Rapids, gcc 12).
template <typename Act>
[[gnu::always_inline]] inline void for_each(uint32_t bits, const Act& act) {
  constexpr uint32_t kAll = (1u << kLanes) - 1;
  if (bits == kAll) {
    for (size_t i = 0; i < kLanes; ++i) act(i);
    return;
  }
  for (; bits != 0; bits &= bits - 1) act(static_cast<size_t>(std::countr_zero(bits)));
}

}  // namespace evenkeel::lanes
