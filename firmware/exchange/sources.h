// Who sends: per service, about how many different sources there are and which of them send most,
// for answers like "it is one source" or "it is a flood from everywhere". Both in constant memory
// and constant time per update: a HyperLogLog of 1,024 registers (standard error 3.25 %), and
// Space-Saving with 16 entries (every source with more than 1/16 of the packets seen is there).
//
// Both are kept per window of 16 seconds. A service has two windows, by the parity of the window's
// number: the worker writes one while the other, complete, is there to be read. A window is
// cleared by the first update that needs its place.
//
// The worker writes, any thread reads. Invariants of a window:
//  1. Its version is odd exactly while the worker clears it or gives an entry of the heavy sources
//     to another source. A reader that saw the same even version before and after its copy has
//     copied the entries of one moment.
//  2. Otherwise registers and counts only grow, each by one store. That needs no version: a mixture
//     of earlier and later ones is as true as either.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "firmware/base/address.h"
#include "firmware/base/check.h"
#include "firmware/base/clock.h"
#include "firmware/base/limits.h"
#include "firmware/base/pages.h"
#include "firmware/base/status.h"
#include "firmware/exchange/counter.h"

namespace evenkeel {

inline constexpr size_t kSourceRegisters = 1024;
inline constexpr size_t kHeavySources = 16;

// A power of two: finding the window must not cost a division.
inline constexpr Tick kSourceWindowTicks = 16;

using SourceWindow = uint32_t;
constexpr SourceWindow source_window_of(Tick tick) { return tick / kSourceWindowTicks; }

// Invariant: count - error <= packets that were seen of this source <= count.
struct HeavySource {
  Address source;
  uint64_t count = 0;  // 0: an unused entry
  uint64_t error = 0;
};

// One service's window as a reader has it.
struct SourceCounts {
  std::array<uint8_t, kSourceRegisters> registers{};
  std::array<HeavySource, kHeavySources> heavy{};  // heaviest first

  // Different sources, about.
  double distinct() const;

  // Takes in what another worker saw of the same service in the same window; both promises, of the
  // estimate and of the heavy sources, then hold for the packets of the two together.
  void merge(const SourceCounts& other);
};

class Sources {
 public:
  static constexpr size_t bytes(size_t services) { return PageArray<Service>::bytes(services); }

  // REQUIRES: services <= kMaxServices
  static Result<Sources> make(size_t services);

  // For the worker. `source_hash` is the same on every worker, and all its bits are good.
  // `tick` never goes back.
  // REQUIRES: service is below the number given to make().
  void prefetch(uint16_t service, uint64_t source_hash, Tick tick) const;
  void saw_new_flow(uint16_t service, uint64_t source_hash, Tick tick);
  void saw_packet(uint16_t service, uint64_t source_hash, const Address& source, Tick tick);

  // For every thread. The window to ask for is the last complete one, source_window_of(now) - 1;
  // the one before it is gone. Without value: the worker is writing it right now, or it is gone;
  // ask again later.
  // REQUIRES: service is below the number given to make().
  std::optional<SourceCounts> read(uint16_t service, SourceWindow window) const;

 private:
  static constexpr size_t kRegistersPerWord = sizeof(uint64_t);

  // In words, since a window is cleared and copied in words.
  struct alignas(kCacheLine) Window {
    // Worker only: no count is below smallest_count, and none before the cursor equals it.
    uint32_t smallest_count = 0;
    uint32_t cursor = 0;

    // Shared.
    SmallCounter version;
    SingleWriter<SourceWindow> number;
    std::array<SmallCounter, kHeavySources> counts;  // 32 bits: no window sees 4 G packets
    std::array<SmallCounter, kHeavySources> errors;
    std::array<Counter, kHeavySources> address_low;
    std::array<Counter, kHeavySources> address_high;
    std::array<Counter, kSourceRegisters / kRegistersPerWord> registers;
  };
  static_assert(sizeof(Window) == 1472);

  struct Service {
    std::array<Window, 2> windows;
  };

  explicit Sources(PageArray<Service> services) : services_(std::move(services)) {}

  static constexpr int kIndexBits = std::countr_zero(kSourceRegisters);
  static uint64_t register_of(uint64_t source_hash) { return source_hash >> (64 - kIndexBits); }
  Window& window_at(uint16_t service, Tick tick);
  static void start(Window& window, SourceWindow number);
  static void raise_register(Window& window, uint64_t source_hash);
  static void count_source(Window& window, const Address& source);
  static size_t smallest_of(Window& window);
  static void begin_change(Window& window);  // one window's version becomes odd
  static void end_change(Window& window);    // ... and even
  static void copy(const Window& window, SourceCounts& ret_counts);

  PageArray<Service> services_;
};

inline Sources::Window& Sources::window_at(uint16_t service, Tick tick) {
  REQUIRE(service < services_.size());
  const SourceWindow number = source_window_of(tick);
  Window& window = services_[service].windows[number % 2];
  if (window.number.read() != number) [[unlikely]] {
    start(window, number);
  }
  return window;
}

// The top ten bits choose the register; the place of the first one among the others is its rank.
inline void Sources::raise_register(Window& window, uint64_t source_hash) {
  const uint64_t index = register_of(source_hash);
  const uint64_t others = (source_hash << kIndexBits) | (uint64_t{1} << (kIndexBits - 1));
  const uint64_t rank = static_cast<uint64_t>(std::countl_zero(others)) + 1;

  Counter& word = window.registers[index / kRegistersPerWord];
  const uint64_t shift = index % kRegistersPerWord * 8;
  const uint64_t old = word.read();
  const uint64_t old_rank = (old >> shift) & 0xff;
  if (rank > old_rank) word.write(old + ((rank - old_rank) << shift));
}

// What saw_packet() reads: a window of a service of many is in no near cache.
inline void Sources::prefetch(uint16_t service, uint64_t source_hash, Tick tick) const {
  REQUIRE(service < services_.size());
  const Window& window = services_[service].windows[source_window_of(tick) % 2];
  const auto* const begin = reinterpret_cast<const uint8_t*>(&window);
  for (size_t at = 0; at < offsetof(Window, registers); at += kCacheLine) {
    __builtin_prefetch(begin + at, 1);
  }
  __builtin_prefetch(&window.registers[register_of(source_hash) / kRegistersPerWord], 1);
}

inline void Sources::saw_new_flow(uint16_t service, uint64_t source_hash, Tick tick) {
  raise_register(window_at(service, tick), source_hash);
}

inline void Sources::saw_packet(uint16_t service, uint64_t source_hash, const Address& source,
                                Tick tick) {
  Window& window = window_at(service, tick);
  raise_register(window, source_hash);
  count_source(window, source);
}

}  // namespace evenkeel
