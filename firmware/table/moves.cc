#include "firmware/table/moves.h"

#include <algorithm>

#include "firmware/base/check.h"

namespace evenkeel {
namespace {

struct Groups {
  uint32_t first;
  uint32_t last;
};

// The groups that hold a bucket's hashes, by the inverse of bucket_of() and group_of().
Groups groups_of(uint64_t bucket, uint64_t buckets) {
  const uint64_t first_hash = ((bucket << 32) + buckets - 1) / buckets;
  const uint64_t last_hash = (((bucket + 1) << 32) + buckets - 1) / buckets - 1;
  return {static_cast<uint32_t>(first_hash >> 22), static_cast<uint32_t>(last_hash >> 22)};
}

uint16_t heir_of(const MoveInput& input, uint16_t backend) {
  return input.heir_of ? input.heir_of(backend) : backend;
}

// Marks the buckets that move now, and restarts the windows of their groups.
void open_windows(const MoveInput& input, Moves& moves) {
  const bool same_size = input.before.size() == input.after.size();
  if (same_size && std::ranges::equal(input.before, input.after)) return;
  if (moves.empty()) moves.previous.assign(input.before.size(), kNoBackend);
  moves.is_mixed.resize(moves.previous.size(), false);
  // After a change of size every bucket has moved, so `previous` is full and stays what it is.
  const bool comparable = moves.previous.size() == input.before.size();
  CHECK(comparable || std::ranges::find(moves.previous, kNoBackend) == moves.previous.end());
  if (!comparable || !same_size) moves.is_mixed.assign(moves.previous.size(), true);
  for (size_t bucket = 0; bucket < input.before.size(); ++bucket) {
    if (same_size && input.before[bucket] == input.after[bucket]) continue;
    if (comparable && moves.previous[bucket] == kNoBackend) {
      moves.previous[bucket] = input.before[bucket];
      moves.is_mixed[bucket] = !same_size;
    } else if (same_size && comparable) {
      const bool stays = heir_of(input, input.before[bucket]) == input.after[bucket];
      moves.is_mixed[bucket] = moves.is_mixed[bucket] || !stays;
    }
    const Groups groups = groups_of(bucket, input.before.size());
    std::fill(moves.moved_at.begin() + groups.first, moves.moved_at.begin() + groups.last + 1,
              input.now);
  }
}

void close_windows(const MoveInput& input, Moves& moves) {
  std::array<bool, kBucketGroups> is_over{};
  for (uint32_t group = 0; group < kBucketGroups; ++group) {
    is_over[group] =
        input.now - moves.moved_at[group] > input.window && input.quiet_for(group) > input.window;
  }
  // Of tables of different sizes, all buckets become steady together or none.
  if (moves.previous.size() != input.after.size() &&
      !std::all_of(is_over.begin(), is_over.end(), [](bool over) { return over; })) {
    return;
  }
  for (size_t bucket = 0; bucket < moves.previous.size(); ++bucket) {
    if (moves.previous[bucket] == kNoBackend) continue;
    const Groups groups = groups_of(bucket, moves.previous.size());
    if (std::all_of(is_over.begin() + groups.first, is_over.begin() + groups.last + 1,
                    [](bool over) { return over; })) {
      moves.previous[bucket] = kNoBackend;
    }
  }
}

// Flows of a backend that is gone go to the current one. A bucket that moved for that reason alone
// is steady at once, as all its flows agree. Others stay moved, for the flows that are remembered
// elsewhere.
void replace_gone(const MoveInput& input, Moves& moves) {
  const uint64_t buckets = moves.previous.size();
  const bool same_size = buckets == input.before.size() && buckets == input.after.size();
  for (uint64_t bucket = 0; bucket < buckets; ++bucket) {
    uint16_t& previous = moves.previous[bucket];
    if (previous == kNoBackend || !input.is_gone(previous)) continue;
    const bool was_steady =
        same_size && (input.open.empty() || input.open.previous[bucket] == kNoBackend);
    previous = was_steady ? kNoBackend : input.after[bucket * input.after.size() / buckets];
  }
}

// Where a server's slot has become another, its flows are on that one. A bucket all of whose flows
// are on its current backend then is steady at once.
void follow_heirs(const MoveInput& input, Moves& moves) {
  const bool same_size = moves.previous.size() == input.after.size();
  for (size_t bucket = 0; bucket < moves.previous.size(); ++bucket) {
    uint16_t& previous = moves.previous[bucket];
    if (previous == kNoBackend) continue;
    previous = heir_of(input, previous);
    if (same_size && !moves.is_mixed[bucket] && previous == input.after[bucket]) {
      previous = kNoBackend;
    }
  }
}

}  // namespace

Moves next_moves(const MoveInput& input) {
  Moves moves = input.open;
  open_windows(input, moves);
  close_windows(input, moves);
  follow_heirs(input, moves);
  replace_gone(input, moves);
  const bool all_steady =
      std::ranges::all_of(moves.previous, [](uint16_t previous) { return previous == kNoBackend; });
  return all_steady ? Moves{} : moves;
}

}  // namespace evenkeel
