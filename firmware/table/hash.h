// The keyed hash of the box: XXH3 with a secret, so that nobody outside can aim flows at one
// backend.
//
// Everything that decides where a flow goes is a function of (settings, secret) alone: two boxes
// with the same of both agree on every packet. An IPv4 flow hashes from its packed 13 bytes,
// whichever way it was written down; that is a third cheaper than the 40 bytes of the general form.
#pragma once

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
  // Any key; 32 random bytes are what a box should have.
  explicit Secret(std::span<const uint8_t> key) {
    XXH3_generateSecret(secret_.data(), secret_.size(), key.data(), key.size());
  }

  uint64_t hash(const void* bytes, size_t length) const {
    return XXH3_64bits_withSecret(bytes, length, secret_.data(), secret_.size());
  }
  uint64_t hash(std::string_view text) const { return hash(text.data(), text.size()); }
  uint64_t hash(const Address& address) const { return hash(&address, sizeof address); }

  // Identity of a flow: what flow memory and sampling know it by. The same as hash() of the bytes;
  // but hash() branches on the length, which is known here, and that would double the cost per
  // packet.
  uint64_t flow_hash(const FlowKey& key) const {
    return key.source.is_v4() ? flow_hash_v4(key) : flow_hash_v6(key);
  }
  // For who knows the family. REQUIRES: it is that of the key.
  uint64_t flow_hash_v4(const FlowKey& key) const {
    const std::array<uint64_t, 2> packed = {
        uint64_t{key.source.as_v4().raw()} << 32 | key.destination.as_v4().raw(),
        load<uint64_t>(&key.source_port)};
    return XXH3_len_9to16_64b(bytes_of(packed), sizeof packed, secret_.data(), 0);
  }
  uint64_t flow_hash_v6(const FlowKey& key) const {
    return XXH3_len_17to128_64b(bytes_of(key), sizeof key, secret_.data(), secret_.size(), 0);
  }

  // What chooses the bucket. REQUIRES: flow == flow_hash(key)
  uint64_t steering_hash(HashOver over, const FlowKey& key, uint64_t flow) const {
    if (over == HashOver::five_tuple) return flow;
    if (over == HashOver::source) return hash(key.source);
    return hash(&key, 2 * sizeof(Address));
  }

 private:
  template <typename T>
  static const uint8_t* bytes_of(const T& value) {
    return reinterpret_cast<const uint8_t*>(&value);
  }

  alignas(64) std::array<uint8_t, 192> secret_{};
};

// The upper 32 bits choose the bucket, by multiplication rather than division; the bias is at most
// buckets / 2^32. Contiguous ranges of hashes are contiguous ranges of buckets.
inline uint32_t bucket_of(uint64_t steering_hash, uint32_t buckets) {
  return static_cast<uint32_t>(((steering_hash >> 32) * buckets) >> 32);
}

// The group in which a flow's bucket is watched while it has moved; a bucket spans one or more.
inline uint32_t group_of(uint64_t steering_hash) {
  static_assert(kBucketGroups == 1u << 10);
  return static_cast<uint32_t>(steering_hash >> 54);
}

}  // namespace evenkeel
