#include "firmware/table/memory.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "firmware/base/check.h"

namespace evenkeel {
namespace {

// Sets cleared per call of maintain(). With a call a burst this keeps up with 4 GiB of memory at
// 2,000 bursts a second; a worker that polls makes a hundred times as many.
constexpr uint64_t kSetsPerCall = 8;

__m128i broadcast(uint32_t value) { return _mm_set1_epi16(static_cast<short>(value)); }

__m128i load_stamps(const FlowMemory::Set& set) {
  return _mm_load_si128(reinterpret_cast<const __m128i*>(set.stamps.data()));
}

// Lanes of all ones: bit 31 of the tag, eight times.
__m128i lanes_that_began_otherwise(const FlowMemory::Set& set) {
  const auto* const tags = reinterpret_cast<const __m128i*>(set.tags.data());
  const __m128i first = _mm_srai_epi32(_mm_load_si128(tags), 31);
  const __m128i last = _mm_srai_epi32(_mm_load_si128(tags + 1), 31);
  return _mm_packs_epi32(first, last);
}

Status validate(uint32_t timeout, const char* name) {
  if (timeout >= 1 && timeout <= kMaxFlowTimeout) return {};
  return Error{std::string("flow time-out '") + name + "' is " + std::to_string(timeout) +
               " s; allowed are 1 to " + std::to_string(kMaxFlowTimeout) + " s"};
}

}  // namespace

Result<FlowMemory> FlowMemory::make(size_t bytes, const FlowTimeouts& timeouts) {
  if (bytes < kFlowMemoryBytesMin || bytes > kFlowMemoryBytesMax) {
    return Error{"flow memory of " + std::to_string(bytes) + " bytes a worker; allowed are " +
                 std::to_string(kFlowMemoryBytesMin) + " to " +
                 std::to_string(kFlowMemoryBytesMax)};
  }
  for (const auto& [timeout, name] :
       {std::pair(timeouts.unfinished, "unfinished"), std::pair(timeouts.closing, "closing"),
        std::pair(timeouts.finished, "finished")}) {
    if (Status status = validate(timeout, name); !status.ok()) return Error{status.message()};
  }
  Result<PageArray<Set>> sets = PageArray<Set>::make(std::bit_floor(bytes / sizeof(Set)));
  if (!sets.ok()) return Error{"flow memory: " + sets.message()};
  return FlowMemory(std::move(sets.value()), timeouts);
}

FlowMemory::FlowMemory(PageArray<Set> sets, const FlowTimeouts& timeouts)
    : sets_(std::move(sets)), mask_(sets_.size() - 1), timeouts_(timeouts) {}

__m128i FlowMemory::ages(const Set& set, Tick now) {
  return _mm_and_si128(_mm_sub_epi16(broadcast(now), load_stamps(set)),
                       broadcast(kFlowStampRange - 1));
}

// Lanes of all ones where the entry is empty or too old.
__m128i FlowMemory::expired(const Set& set, __m128i ages) const {
  const __m128i states = _mm_srli_epi16(load_stamps(set), 14);
  const auto is = [&](FlowState state) {
    return _mm_cmpeq_epi16(states, broadcast(static_cast<uint32_t>(state)));
  };
  const auto within = [](__m128i lanes, uint32_t timeout) {
    return _mm_and_si128(lanes, broadcast(timeout));
  };
  const __m128i otherwise = lanes_that_began_otherwise(set);
  const __m128i unfinished = is(FlowState::unfinished);
  const __m128i lasting =
      _mm_or_si128(is(FlowState::finished), _mm_and_si128(unfinished, otherwise));
  __m128i limits = within(lasting, timeouts_.finished);
  limits = _mm_or_si128(limits, within(is(FlowState::closing), timeouts_.closing));
  limits =
      _mm_or_si128(limits, within(_mm_andnot_si128(otherwise, unfinished), timeouts_.unfinished));
  const __m128i empty = _mm_cmpeq_epi16(states, _mm_setzero_si128());
  return _mm_or_si128(empty, _mm_cmpgt_epi16(ages, limits));
}

FlowMemory::Insertion FlowMemory::insert(uint64_t hash, const Found& known, uint16_t backend,
                                         Tick now, FirstPacket first) {
  Set& set = sets_[hash & mask_];
  const __m128i stamps = load_stamps(set);
  const __m128i ages_now = ages(set, now);
  const __m128i gone = expired(set, ages_now);
  // What is worth keeping most has the highest value: by state, then by youth. Expired ones: 0.
  const __m128i youth = _mm_sub_epi16(broadcast(kFlowStampRange - 1), ages_now);
  const __m128i states = _mm_and_si128(stamps, broadcast(0xc000));
  const __m128i worth = _mm_andnot_si128(gone, _mm_or_si128(states, youth));
  const auto least = static_cast<uint32_t>(_mm_cvtsi128_si32(_mm_minpos_epu16(worth)));

  const bool is_known = known.backend != kNoBackend;
  const uint32_t rank = is_known ? 0 : (least & 0xffff) >> 14;
  if (rank == static_cast<uint32_t>(FlowState::finished)) return Insertion::refused;
  const uint32_t way = is_known ? known.way : least >> 16;
  set.tags[way] = tag(hash, first);
  set.backends[way] = backend;
  set.stamps[way] = stamp(FlowState::unfinished, now);
  return is_known || (least & 0xffff) == 0 ? Insertion::done : Insertion::evicted;
}

void FlowMemory::maintain(Tick now) {
  if (now != maintained_) {
    const uint64_t per_tick = (sets_.size() + kFlowMemoryPass - 1) / kFlowMemoryPass;
    due_ = std::min<uint64_t>(sets_.size(), due_ + per_tick * (now - maintained_));
    maintained_ = now;
  }
  for (uint64_t i = 0; i < kSetsPerCall && due_ > 0; ++i, --due_) {
    Set& set = sets_[cursor_++ & mask_];
    const __m128i stamps = load_stamps(set);
    const __m128i kept = _mm_andnot_si128(expired(set, ages(set, now)), stamps);
    _mm_store_si128(reinterpret_cast<__m128i*>(set.stamps.data()), kept);
  }
}

size_t FlowMemory::remembered(Tick now) const {
  size_t count = 0;
  for (size_t i = 0; i < sets_.size(); ++i) {
    const __m128i gone = expired(sets_[i], ages(sets_[i], now));
    count += kWays -
             static_cast<size_t>(std::popcount(static_cast<uint32_t>(_mm_movemask_epi8(gone)))) / 2;
  }
  return count;
}

}  // namespace evenkeel
