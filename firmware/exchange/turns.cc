#include "firmware/exchange/turns.h"

#include <algorithm>
#include <bit>

namespace evenkeel {
namespace {

// Ahead of `now`, by another worker's clock: less than 0.
int32_t age(Tick now, Tick last) { return static_cast<int32_t>(now - last); }

}  // namespace

Result<Turns> Turns::make() {
  auto places = PageArray<Place>::make(kPlaces);
  if (!places.ok()) return Error{"No room to note whose turn it is: " + places.message()};
  return Turns(std::move(places.value()));
}

// The upper 32 bits choose the bucket, the lowest ones the step; a client of two services has two
// places.
size_t Turns::place_of(const Source& source) {
  constexpr int kPlaceBits = std::countr_zero(kPlaces);
  static_assert(kStepBits + kPlaceBits <= 32);
  constexpr uint32_t kSpread = 0x9e37'79b1;  // 2^32 over the golden ratio: services lie far apart
  const uint32_t moved = static_cast<uint32_t>(source.steering_hash) + source.service * kSpread;
  return moved >> (32 - kPlaceBits);
}

// Relaxed: a place is all that is published. What another worker has written a moment ago, and is
// not seen by the load, is seen by the exchange.
bool Turns::take(const Source& source, Tick now) {
  const Trial* const trial = source.trial;
  if (trial != nullptr && step_of(source.steering_hash, trial->steps) != trial->step) return false;
  Place& place = places_[place_of(source)];
  Tick last = place.load(std::memory_order_relaxed);
  if (last != kNever) {
    if (age(now, last) < static_cast<int32_t>(kApart)) return false;
    if (trial != nullptr && age(last, trial->since) >= 0) return false;
  }
  return place.compare_exchange_strong(last, std::max(now, kNever + 1), std::memory_order_relaxed);
}

}  // namespace evenkeel
