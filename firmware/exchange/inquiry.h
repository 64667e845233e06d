// A question of control to a worker: what does its flow memory say of this flow? Only the worker
// may look there, and it looks for a question once per loop.
//
// One question at a time. Who asks writes the flow and then the question's number; who answers
// writes the answer and then the same number. An answer whose number is not the question's is of an
// older one.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "firmware/base/limits.h"
#include "firmware/table/memory.h"

namespace evenkeel {

class Inquiry {
 public:
  // For control. REQUIRES: one thread asks.
  void ask(uint64_t flow) {
    flow_.store(flow, std::memory_order_relaxed);
    asked_.store(asked_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  // None: the worker has not answered yet. A backend of kNoBackend: the flow is not remembered.
  std::optional<FlowMemory::Found> answer() const {
    if (answered_.load(std::memory_order_acquire) != asked_.load(std::memory_order_relaxed)) {
      return std::nullopt;
    }
    const uint64_t packed = answer_.load(std::memory_order_relaxed);
    return FlowMemory::Found{.backend = static_cast<uint16_t>(packed),
                             .age = static_cast<uint16_t>(packed >> 16),
                             .way = static_cast<uint8_t>(packed >> 32),
                             .state = static_cast<FlowState>(packed >> 40)};
  }

  // For the worker, once per loop: `find(flow)` is called if there is a question.
  template <typename Find>
  void serve(const Find& find) {
    const uint32_t asked = asked_.load(std::memory_order_acquire);
    if (asked == answered_.load(std::memory_order_relaxed)) [[likely]]
      return;
    const FlowMemory::Found found = find(flow_.load(std::memory_order_relaxed));
    answer_.store(found.backend | uint64_t{found.age} << 16 | uint64_t{found.way} << 32 |
                      static_cast<uint64_t>(found.state) << 40,
                  std::memory_order_relaxed);
    answered_.store(asked, std::memory_order_release);
  }

 private:
  // Control's
  alignas(kCacheLine) std::atomic<uint32_t> asked_{0};
  std::atomic<uint64_t> flow_{0};

  // The worker's
  alignas(kCacheLine) std::atomic<uint32_t> answered_{0};
  std::atomic<uint64_t> answer_{0};
};

}  // namespace evenkeel
