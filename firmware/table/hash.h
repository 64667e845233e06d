// The keyed hashes of the box, so that nobody outside can aim flows at one backend.
//
// Everything that decides where a flow goes is a function of (settings, secret) alone: two boxes
// with the same of both agree on every packet. Flows, of which every packet has one, and sources
// that are counted are hashed by four rounds of AES with secret keys: an IPv4 flow is one block. Of
// two flows that somebody chooses without knowing the keys, that is as good as random (two blocks
// have one chosen difference after four rounds with a probability of at most 2^-113: Keliher and
// Sui, 2007). All else is hashed by XXH3 with a secret.
#pragma once

#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "firmware/base/address.h"
#include "firmware/wire/parse.h"

namespace evenkeel {

// What of a flow chooses its bucket.
enum class HashOver : uint8_t {
  five_tuple,
  source,              // all flows of a client to one backend, whatever service of the same members
  source_destination,  // source and VIP
};

class Secret {
 public:
  // What is hashed of an IPv4 flow; also the 16 bytes that end with a plain packet's ports, but for
  // TTL and checksum.
  using Block = __m128i;
  static Block block_mask() { return _mm_set_epi32(-1, -1, -1, 0xff00); }
  // The same of an IPv6 flow.
  struct BlocksV6 {
    Block source;
    Block destination;
    Block rest;  // both ports, the protocol, 0
  };

  // Any key; 32 random bytes are what a box should have.
  explicit Secret(std::span<const uint8_t> key) {
    XXH3_generateSecret(secret_.data(), secret_.size(), key.data(), key.size());
  }

  uint64_t hash(const void* bytes, size_t length) const {
    return XXH3_64bits_withSecret(bytes, length, secret_.data(), kXxhSecret);
  }
  uint64_t hash(std::string_view text) const { return hash(text.data(), text.size()); }
  uint64_t hash(const Address& address) const { return hash(&address, sizeof address); }

  // Identity of a flow: what flow memory and sampling know it by.
  uint64_t flow_hash(const FlowKey& key) const {
    return key.source.is_v4() ? flow_hash(block_of(key)) : flow_hash(blocks_of(key));
  }
  // For who knows the family. REQUIRES: nothing outside of block_mask() is set.
  uint64_t flow_hash(Block block) const { return low_half(rounds(block, 0)); }
  // Of four at once.
  __m256i flow_hashes(Block a, Block b, Block c, Block d) const {
    return low_halves(rounds(a, 0), rounds(b, 0), rounds(c, 0), rounds(d, 0));
  }
  uint64_t flow_hash(const BlocksV6& blocks) const { return low_half(rounds_v6(blocks)); }
  __m256i flow_hashes(const BlocksV6& a, const BlocksV6& b, const BlocksV6& c,
                      const BlocksV6& d) const {
    return low_halves(rounds_v6(a), rounds_v6(b), rounds_v6(c), rounds_v6(d));
  }

  // Of an address, where every packet may ask for it; not hash(address).
  uint64_t source_hash(Block address) const { return low_half(rounds(address, 1)); }

  // What chooses the bucket. REQUIRES: flow == flow_hash(key)
  uint64_t steering_hash(HashOver over, const FlowKey& key, uint64_t flow) const {
    if (over == HashOver::five_tuple) return flow;
    if (over == HashOver::source) return hash(key.source);
    return hash(&key, 2 * sizeof(Address));
  }

 private:
  static constexpr size_t kXxhSecret = 192;
  static constexpr size_t kRounds = 4;
  static constexpr size_t kSchedule = (kRounds + 1) * sizeof(Block);  // bytes of keys
  static constexpr size_t kSchedules = 3;

  static Block block_of(const FlowKey& key) {
    const auto ports = load<int32_t>(&key.source_port);
    return _mm_set_epi32(ports, static_cast<int>(key.destination.as_v4().raw()),
                         static_cast<int>(key.source.as_v4().raw()), key.protocol << 8);
  }
  static BlocksV6 blocks_of(const FlowKey& key) {
    return {.source = load<Block>(&key.source),
            .destination = load<Block>(&key.destination),
            .rest = _mm_cvtsi64_si128(load<int64_t>(&key.source_port))};
  }
  static __m256i low_halves(Block a, Block b, Block c, Block d) {
    return _mm256_set_m128i(_mm_unpacklo_epi64(c, d), _mm_unpacklo_epi64(a, b));
  }
  static uint64_t low_half(Block block) { return static_cast<uint64_t>(_mm_cvtsi128_si64(block)); }

  // By one of kSchedules schedules of keys.
  Block rounds(Block block, size_t schedule) const {
    const uint8_t* const keys = secret_.data() + kXxhSecret + schedule * kSchedule;
    const auto key = [&](size_t i) { return load<Block>(keys + i * sizeof(Block)); };
    block = _mm_xor_si128(block, key(0));
    for (size_t i = 1; i <= kRounds; ++i) block = _mm_aesenc_si128(block, key(i));
    return block;
  }

  Block rounds_v6(const BlocksV6& blocks) const {
    const Block source = rounds(blocks.source, 1);
    const Block destination = rounds(blocks.destination, 2);
    return rounds(_mm_xor_si128(_mm_xor_si128(source, destination), blocks.rest), 0);
  }

  alignas(64) std::array<uint8_t, kXxhSecret + kSchedules * kSchedule> secret_{};
};

// The upper 32 bits choose the bucket, by multiplication rather than division; the bias is at most
// buckets / 2^32. Contiguous ranges of hashes are contiguous ranges of buckets.
inline uint32_t bucket_of(uint64_t steering_hash, uint32_t buckets) {
  return static_cast<uint32_t>(((steering_hash >> 32) * buckets) >> 32);
}

// As bucket_of(), of four.
inline __m256i buckets_of(__m256i steering_hashes, uint32_t buckets) {
  const __m256i high = _mm256_srli_epi64(steering_hashes, 32);
  return _mm256_srli_epi64(_mm256_mul_epu32(high, _mm256_set1_epi64x(buckets)), 32);
}

// The low halves of four.
inline __m128i low_words_of(__m256i hashes) {
  const __m256i places = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
  return _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(hashes, places));
}

// The group in which a flow's bucket is watched while it has moved; a bucket spans one or more.
inline uint32_t group_of(uint64_t steering_hash) {
  static_assert(kBucketGroups == 1u << 10);
  return static_cast<uint32_t>(steering_hash >> 54);
}

}  // namespace evenkeel
