// Work that may take for ever, such as a write to a disk that hangs, for a thread that may not: it
// is done by a thread of its own, and waited for as long as the caller has patience.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <optional>

namespace evenkeel {

// Of one thread.
//
// Invariants:
//  1. One piece of work at most is under way; what it uses, nobody else may touch meanwhile.
//  2. Of what run() did not wait for, `late` is called once, by is_free() or wait(), in the
//     caller's thread.
class Errand {
 public:
  using Patience = std::chrono::milliseconds;

  Errand() = default;
  Errand(const Errand&) = delete;
  Errand& operator=(const Errand&) = delete;
  ~Errand() = default;  // waits for the end of what is under way

  // None, as at the beginning: the caller does all work itself.
  void set_patience(std::optional<Patience> patience) { patience_ = patience; }

  // Does `work`. True: it is done. False: it takes longer, and `late` will be called.
  // REQUIRES: is_free()
  bool run(std::function<void()> work, std::function<void()> late);

  // Nothing is under way.
  bool is_free();

  // Until nothing is under way, however long it takes.
  void wait();

 private:
  void end();

  std::optional<Patience> patience_;
  std::future<void> under_way_;  // not valid: nothing is
  std::function<void()> late_;
};

}  // namespace evenkeel
