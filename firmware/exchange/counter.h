// A number that one thread writes and any thread reads, without lock or locked instruction: since
// nobody else writes it, adding is a plain load and a plain store. What a reader gets is a value
// that was there lately; nothing is said about the order in which two numbers are seen, so no
// reader may conclude from one that another must have changed.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>

namespace evenkeel {

template <std::unsigned_integral T>
class SingleWriter {
 public:
  // For the writer. Relaxed, because a counter publishes nothing but itself; a store of its own,
  // so that no reader ever sees half a value.
  void add(T amount) { write(static_cast<T>(read() + amount)); }
  void write(T value) { value_.store(value, std::memory_order_relaxed); }

  // For every thread.
  T read() const { return value_.load(std::memory_order_relaxed); }

 private:
  static_assert(std::atomic<T>::is_always_lock_free);

  std::atomic<T> value_{0};
};

// 64 bits do not wrap in the life of a box; 32 bits may, and are only ever compared by since().
using Counter = SingleWriter<uint64_t>;
using SmallCounter = SingleWriter<uint32_t>;
static_assert(sizeof(Counter) == 8 && sizeof(SmallCounter) == 4);

// How far a counter has come since `baseline`, across one wrap.
template <std::unsigned_integral T>
constexpr T since(T now, T baseline) {
  return static_cast<T>(now - baseline);
}

}  // namespace evenkeel
