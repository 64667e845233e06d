#include "firmware/table/maglev.h"

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include "firmware/base/limits.h"
#include "firmware/table/mix.h"
#include "firmware/table/prime.h"

namespace evenkeel {
namespace {

constexpr uint64_t kMaxWeight = uint64_t{1} << 32;

// Probing gives way to the ring when one bucket in so many is left. The more are left to the ring,
// the sooner the table is built and the more buckets move when a member goes, most of all in small
// tables.
constexpr uint32_t ring_share(uint32_t buckets) {
  if (buckets > 1u << 18) return 25;
  return buckets > 1u << 14 ? 50 : 200;
}

// Probing is also over after so many probes per bucket, which extreme weights alone can reach.
constexpr uint64_t kMaxProbesPerBucket = 8;

uint32_t scaled(uint64_t hash, uint32_t range) {
  return static_cast<uint32_t>(((hash >> 32) * range) >> 32);
}

// A member on its walk; small, because every turn of every member passes over all of them.
struct Walker {
  uint32_t position;
  uint32_t stride;
  uint32_t quota;
  uint16_t value;
};

struct Claim {
  uint32_t bucket;
  uint16_t value;
};

class FreeBuckets {
 public:
  explicit FreeBuckets(uint32_t count) : words_((count + 63) / 64, 0) {}
  // Claims the bucket if `wanted`; answers whether it was free and wanted. No branch: whether a
  // bucket is free is a coin toss that no predictor learns.
  bool claim(uint32_t bucket, bool wanted) {
    uint64_t& word = words_[bucket / 64];
    const uint64_t taken = word;
    word |= uint64_t{wanted} << (bucket % 64);
    return wanted & ((~taken >> (bucket % 64)) & 1);
  }
  template <typename Visit>
  void for_each_free(uint32_t count, const Visit& visit) const {
    for (uint32_t base = 0; base < count; base += 64) {
      for (uint64_t free = ~words_[base / 64]; free != 0; free &= free - 1) {
        const uint32_t bucket = base + static_cast<uint32_t>(std::countr_zero(free));
        if (bucket < count) visit(bucket);
      }
    }
  }

 private:
  std::vector<uint64_t> words_;
};

Status validate(std::span<const MaglevMember> members, size_t buckets) {
  if (buckets < kMinBuckets || buckets > kMaxBuckets || !is_prime(static_cast<uint32_t>(buckets))) {
    return Error{"table size " + std::to_string(buckets) + " is not a prime from " +
                 std::to_string(kMinBuckets) + " to " + std::to_string(kMaxBuckets)};
  }
  size_t positive = 0;
  for (const MaglevMember& member : members) {
    if (member.weight > kMaxWeight) {
      return Error{"weight " + std::to_string(member.weight) + " is above 2^32"};
    }
    positive += member.weight > 0 ? 1 : 0;
  }
  if (positive == 0) return Error{"no member has a weight above 0: nothing could take a flow"};
  if (positive > kMaxBackendsPerService) {
    return Error{std::to_string(positive) + " members are more than the " +
                 std::to_string(kMaxBackendsPerService) + " that a service may have"};
  }
  if (positive > buckets) {
    return Error{std::to_string(positive) + " members need a table of at least " +
                 std::to_string(prime_at_least(static_cast<uint32_t>(positive))) + " buckets"};
  }
  return {};
}

// Members of positive weight by identity, so that the order in the settings does not matter.
std::vector<MaglevMember> in_order(std::span<const MaglevMember> members) {
  std::vector<MaglevMember> ordered;
  ordered.reserve(members.size());
  for (const MaglevMember& member : members) {
    if (member.weight > 0) ordered.push_back(member);
  }
  std::sort(ordered.begin(), ordered.end(),
            [](const MaglevMember& a, const MaglevMember& b) { return a.identity < b.identity; });
  return ordered;
}

uint64_t sum_of_weights(std::span<const MaglevMember> members) {
  uint64_t total = 0;  // at most kMaxBackendsPerService * kMaxWeight = 2^44
  for (const MaglevMember& member : members) total += member.weight;
  return total;
}

// Largest remainder; at least one bucket each.
std::vector<uint32_t> quotas_of(std::span<const MaglevMember> members, uint32_t buckets) {
  const uint64_t total = sum_of_weights(members);
  struct Remainder {
    uint64_t part;
    size_t index;
  };
  std::vector<Remainder> remainders;
  std::vector<uint32_t> quotas;
  uint32_t given = 0;
  for (size_t i = 0; i < members.size(); ++i) {
    const uint64_t share = members[i].weight * buckets;  // below 2^55
    quotas.push_back(std::max(1u, static_cast<uint32_t>(share / total)));
    if (share >= total) remainders.push_back({share % total, i});
    given += quotas.back();
  }
  std::sort(remainders.begin(), remainders.end(), [](const Remainder& a, const Remainder& b) {
    return a.part != b.part ? a.part > b.part : a.index < b.index;
  });
  for (size_t i = 0; given < buckets; ++i, ++given) ++quotas[remainders[i].index];
  // Tiny members that were lifted to one bucket may have overdrawn: the largest give back.
  for (; given > buckets; --given) --*std::max_element(quotas.begin(), quotas.end());
  return quotas;
}

std::vector<Walker> make_walkers(std::span<const MaglevMember> members, uint32_t buckets) {
  const std::vector<uint32_t> quotas = quotas_of(members, buckets);
  std::vector<Walker> walkers;
  for (size_t i = 0; i < members.size(); ++i) {
    walkers.push_back({.position = scaled(mix(members[i].identity), buckets),
                       .stride = 1 + scaled(mix(~members[i].identity), buckets - 1),
                       .quota = quotas[i],
                       .value = members[i].value});
  }
  return walkers;
}

// One turn: the next bucket of the walk is claimed if it is free and quota is left. Answers 1 or 0.
inline uint32_t take_turn(Walker& walker, uint32_t buckets, FreeBuckets& free_buckets,
                          Claim* ret_claim) {
  const uint32_t bucket = walker.position;
  *ret_claim = {bucket, walker.value};
  const uint32_t next = bucket + walker.stride;
  walker.position = next >= buckets ? next - buckets : next;
  const uint32_t got = free_buckets.claim(bucket, walker.quota != 0) ? 1 : 0;
  walker.quota -= got;
  return got;
}

// Rounds of turns in proportion to weight, one turn a member on average: exactly, so that the
// ratios of the weights decide alone. The claims of a round are written to the table together: it
// is larger than the cache that the bitmap fits in.
void walk(std::span<const MaglevMember> members, std::vector<Walker>& walkers,
          FreeBuckets& free_buckets, std::span<uint16_t> ret_table) {
  const auto buckets = static_cast<uint32_t>(ret_table.size());
  // What a turn costs, if a round brings each member its weight times the number of members.
  const uint64_t turn = sum_of_weights(members);
  const bool equal = std::all_of(members.begin(), members.end(), [&](const MaglevMember& m) {
    return m.weight == members[0].weight;
  });
  std::vector<uint64_t> credits(members.size(), 0);
  // Turns of a round: as many as members for their weights, and one each for credit saved; and one
  // more place, because a turn notes its claim before it knows whether it counts.
  std::vector<Claim> claims(2 * members.size() + 1);
  uint32_t left = buckets;
  for (uint64_t round = 0; left > buckets / ring_share(buckets) &&
                           round * members.size() < kMaxProbesPerBucket * buckets;
       ++round) {
    uint32_t claimed = 0;
    for (size_t i = 0; i < walkers.size(); ++i) {
      if (equal) {
        claimed += take_turn(walkers[i], buckets, free_buckets, &claims[claimed]);
        continue;
      }
      credits[i] += members[i].weight * members.size();  // both at most 2^44
      for (; credits[i] >= turn; credits[i] -= turn) {
        claimed += take_turn(walkers[i], buckets, free_buckets, &claims[claimed]);
      }
    }
    for (uint32_t i = 0; i < claimed; ++i) ret_table[claims[i].bucket] = claims[i].value;
    left -= claimed;
  }
}

// The members on a circle by identity; finds the first one at or after a point that has quota left.
class Ring {
 public:
  Ring(std::span<const MaglevMember> members, const std::vector<Walker>& walkers)
      : bits_(static_cast<unsigned>(std::bit_width(members.size()))) {
    std::vector<std::pair<uint64_t, size_t>> points;
    for (size_t i = 0; i < members.size(); ++i)
      points.emplace_back(mix(members[i].identity + 1), i);
    std::sort(points.begin(), points.end());
    for (const auto& [at, member] : points) {
      places_.push_back({at, walkers[member].quota, static_cast<uint32_t>(places_.size()),
                         walkers[member].value});
    }
    for (uint64_t sector = 0; sector < uint64_t{1} << bits_; ++sector) {
      const auto first = std::lower_bound(points.begin(), points.end(),
                                          std::pair<uint64_t, size_t>(sector << (64 - bits_), 0));
      sectors_.push_back(static_cast<uint32_t>(first - points.begin()));
    }
  }

  // Uses up one bucket of somebody's quota. REQUIRES: some is left.
  uint16_t take(uint64_t point) {
    uint32_t place = sectors_[point >> (64 - bits_)];
    while (place < places_.size() && places_[place].at < point) ++place;
    place = with_quota(place == places_.size() ? 0 : place);
    --places_[place].quota;
    return places_[place].value;
  }

 private:
  struct Place {
    uint64_t at;
    uint32_t quota;
    uint32_t successor;  // itself, or a later place to look at once the quota here is used up
    uint16_t value;
  };

  uint32_t next(uint32_t place) const { return place + 1 == places_.size() ? 0 : place + 1; }

  // Paths over used-up places are halved as they are walked, so that none stays long.
  uint32_t with_quota(uint32_t place) {
    while (places_[place].quota == 0) {
      uint32_t& successor = places_[place].successor;
      if (successor == place) successor = next(place);
      if (places_[successor].quota == 0) {
        const uint32_t beyond = places_[successor].successor;
        successor = beyond == successor ? next(successor) : beyond;
      }
      place = successor;
    }
    return place;
  }

  unsigned bits_;
  std::vector<Place> places_;
  std::vector<uint32_t> sectors_;
};

// The buckets that no walk has reached.
void give_out_rest(std::span<const MaglevMember> members, const std::vector<Walker>& walkers,
                   const FreeBuckets& free_buckets, std::span<uint16_t> ret_table) {
  Ring ring(members, walkers);
  free_buckets.for_each_free(static_cast<uint32_t>(ret_table.size()),
                             [&](uint32_t bucket) { ret_table[bucket] = ring.take(mix(bucket)); });
}

}  // namespace

Status build_maglev(std::span<const MaglevMember> members, std::span<uint16_t> ret_table) {
  if (Status status = validate(members, ret_table.size()); !status.ok()) return status;
  const auto buckets = static_cast<uint32_t>(ret_table.size());
  const std::vector<MaglevMember> ordered = in_order(members);
  for (size_t i = 1; i < ordered.size(); ++i) {
    if (ordered[i].identity == ordered[i - 1].identity) {
      return Error{"two members have the same identity: a member may be named once only"};
    }
  }
  std::vector<Walker> walkers = make_walkers(ordered, buckets);
  FreeBuckets free_buckets(buckets);
  walk(ordered, walkers, free_buckets, ret_table);
  give_out_rest(ordered, walkers, free_buckets, ret_table);
  return {};
}

}  // namespace evenkeel
