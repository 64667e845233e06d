#include "firmware/exchange/sources.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

namespace evenkeel {
namespace {

bool heavier(const HeavySource& a, const HeavySource& b) { return a.count > b.count; }

}  // namespace

Result<Sources> Sources::make(size_t services) {
  REQUIRE(services <= kMaxServices);
  Result<PageArray<Service>> memory = PageArray<Service>::make(services);
  if (!memory.ok()) return Error{"No room to tell a service's sources: " + memory.message()};
  return Sources(std::move(memory.value()));
}

void Sources::begin_change(Window& window) {
  window.version.add(1);
  // Partner: the acquire fence after the copy in read(). A reader that copied any store made after
  // this fence sees the odd version, or a later one, when it looks again.
  std::atomic_thread_fence(std::memory_order_release);
}

void Sources::end_change(Window& window) {
  // Partner: the acquire fence before the copy in read(). A reader that starts from the even
  // version copies all that was stored before this fence.
  std::atomic_thread_fence(std::memory_order_release);
  window.version.add(1);
}

void Sources::start(Window& window, SourceWindow number) {
  window.smallest_count = 0;
  window.cursor = 0;
  begin_change(window);
  window.number.write(number);
  for (SmallCounter& count : window.counts) count.write(0);
  for (SmallCounter& error : window.errors) error.write(0);
  for (Counter& word : window.registers) word.write(0);
  end_change(window);
}

// Cheap in a flood, when every source is new: each search goes on where the last one ended, and
// only one in 16 looks at all counts again.
size_t Sources::smallest_of(Window& window) {
  const auto search = [&window] {
    while (window.cursor < kHeavySources &&
           window.counts[window.cursor].read() != window.smallest_count) {
      ++window.cursor;
    }
    return window.cursor < kHeavySources;
  };
  if (!search()) {
    window.smallest_count = window.counts[0].read();
    for (const SmallCounter& count : window.counts) {
      window.smallest_count = std::min(window.smallest_count, count.read());
    }
    window.cursor = 0;
    CHECK(search());
  }
  return window.cursor;
}

// Space-Saving: a source that has no entry takes over the smallest one and its count, which is the
// most that it can have been seen unnoticed. An unused entry may still name a source of an earlier
// window, and is as good for that source as any.
void Sources::count_source(Window& window, const Address& source) {
  const uint64_t low = source.low();
  const uint64_t high = source.high();
  for (size_t i = 0; i < kHeavySources; ++i) {
    if (window.address_low[i].read() == low && window.address_high[i].read() == high) {
      window.counts[i].add(1);  // one store: needs no version
      return;
    }
  }
  const size_t place = smallest_of(window);
  const uint32_t taken_over = window.counts[place].read();
  begin_change(window);
  window.address_low[place].write(low);
  window.address_high[place].write(high);
  window.errors[place].write(taken_over);
  window.counts[place].write(taken_over + 1);
  end_change(window);
}

std::optional<SourceCounts> Sources::read(uint16_t service, SourceWindow window) const {
  REQUIRE(service < services_.size());
  constexpr int kAttempts = 8;
  const Window& place = services_[service].windows[window % 2];
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const uint32_t before = place.version.read();
    // Partner: the release fence in end_change().
    std::atomic_thread_fence(std::memory_order_acquire);
    const SourceWindow number = place.number.read();
    std::optional<SourceCounts> counts(std::in_place);
    if (number == window) copy(place, *counts);
    // Partner: the release fence in begin_change().
    std::atomic_thread_fence(std::memory_order_acquire);
    if (before % 2 != 0 || place.version.read() != before) continue;
    // An older window still stands here: nothing was seen in the one asked for.
    return number <= window ? counts : std::nullopt;
  }
  return std::nullopt;
}

void Sources::copy(const Window& window, SourceCounts& ret_counts) {
  for (size_t i = 0; i < window.registers.size(); ++i) {
    store(&ret_counts.registers[i * kRegistersPerWord], window.registers[i].read());
  }
  for (size_t i = 0; i < kHeavySources; ++i) {
    HeavySource& heavy = ret_counts.heavy[i];
    heavy.count = window.counts[i].read();
    if (heavy.count == 0) continue;
    heavy.error = window.errors[i].read();
    store(heavy.source.bytes.data(), window.address_high[i].read());
    store(heavy.source.bytes.data() + 8, window.address_low[i].read());
  }
  std::sort(ret_counts.heavy.begin(), ret_counts.heavy.end(), heavier);
}

// HyperLogLog (Flajolet and others, 2007); hashes of 64 bits need no correction for many sources.
double SourceCounts::distinct() const {
  constexpr double kCount = kSourceRegisters;
  constexpr double kAlpha = 0.7213 / (1 + 1.079 / kCount);
  double sum = 0;
  size_t zeros = 0;
  for (const uint8_t rank : registers) {
    sum += std::ldexp(1.0, -rank);
    if (rank == 0) ++zeros;
  }
  const double estimate = kAlpha * kCount * kCount / sum;
  const bool few = estimate <= 2.5 * kCount && zeros != 0;
  return few ? kCount * std::log(kCount / static_cast<double>(zeros)) : estimate;
}

namespace {

using HeavySide = std::array<HeavySource, kHeavySources>;

const HeavySource* named_in(const HeavySide& side, const Address& source) {
  const auto* found = std::find_if(side.begin(), side.end(), [&source](const HeavySource& heavy) {
    return heavy.count != 0 && heavy.source == source;
  });
  return found == side.end() ? nullptr : found;
}

// What `side` knows of a source: one that it does not name may have been seen there as often as
// the smallest that it does name.
HeavySource seen_by(const HeavySide& side, const Address& source) {
  const HeavySource* named = named_in(side, source);
  const uint64_t unnoticed = side.back().count;
  return named != nullptr ? *named : HeavySource{source, unnoticed, unnoticed};
}

HeavySource sum(const HeavySource& a, const HeavySource& b) {
  return {a.source, a.count + b.count, a.error + b.error};
}

}  // namespace

// Any 16 of the sums together are no more than all packets that both saw, so the smallest that is
// kept is at most 1/16 of them (Cafaro and others, 2016).
void SourceCounts::merge(const SourceCounts& other) {
  for (size_t i = 0; i < kSourceRegisters; ++i) {
    registers[i] = std::max(registers[i], other.registers[i]);
  }
  std::array<HeavySource, 2 * kHeavySources> all{};
  size_t used = 0;
  for (const HeavySource& mine : heavy) {
    if (mine.count == 0) break;
    all[used++] = sum(mine, seen_by(other.heavy, mine.source));
  }
  for (const HeavySource& theirs : other.heavy) {
    if (theirs.count == 0) break;
    if (named_in(heavy, theirs.source) == nullptr) {
      all[used++] = sum(theirs, seen_by(heavy, theirs.source));
    }
  }
  std::sort(all.begin(), all.end(), heavier);
  std::copy_n(all.begin(), kHeavySources, heavy.begin());
}

}  // namespace evenkeel
