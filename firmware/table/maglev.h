// A service's buckets shared out among its members: Maglev hashing (Eisenbud et al., NSDI 2016)
// with exact weights.
//
// Each member walks its own permutation of the buckets, given by its identity alone, and claims
// those that it reaches first. Three things differ from the paper:
//  1. Shares are exact. A member stops at its quota (largest remainder over the weights), so no
//     share is off by a bucket or more. Only where members are lifted to their one bucket, the
//     largest have as many buckets less.
//  2. A member whose bucket is taken waits for its next turn instead of searching on. Who reaches a
//     bucket first then depends on those two members only, so removing a third disturbs them less
//     (`tools/bench core` prints the curve), and a turn costs the same from first to last.
//  3. The last buckets, which random probing would take longest to find, are given out from the
//     bucket's side: to the next member with quota left on a ring of identities.
// Cost: about four probes per bucket into a bitmap that stays in the L2 cache.
#pragma once

#include <cstdint>
#include <span>

#include "firmware/base/status.h"

namespace evenkeel {

struct MaglevMember {
  uint64_t identity = 0;  // a keyed hash of what the member is; decides where its buckets lie
  uint64_t weight = 0;    // only ratios count; 0: no bucket
  uint16_t value = 0;     // what its buckets hold
};

// Fills all of ret_table, whose size must be a prime. The outcome depends on the set of members,
// not on their order. Each member of positive weight gets at least one bucket. Refuses, ret_table
// untouched: a size that is no prime or out of limits, no positive weight, a weight above 2^32,
// more members of positive weight than buckets or than a service may have, and two of one identity.
Status build_maglev(std::span<const MaglevMember> members, std::span<uint16_t> ret_table);

}  // namespace evenkeel
