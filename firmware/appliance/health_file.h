// Keeps what is held of backends over a restart: a box that comes back steers around who was down,
// and holds down who changes often. Lost, it is known again in seconds; so it is written at most so
// often, and by a thread of its own: the event loop never waits for a disk, but at the end.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "firmware/base/clock.h"
#include "firmware/base/errand.h"
#include "firmware/base/status.h"

namespace evenkeel {

// Control thread only.
//
// Invariants:
//  1. One write at most is under way.
//  2. While the disk takes it, what the file has is no older than kRefresh and a write's time.
class HealthFile {
 public:
  // From one write to the next, when something has changed; and when nothing has.
  static constexpr Microseconds kInterval = 10 * kMicrosecondsPerTick;
  static constexpr Microseconds kRefresh = 120 * kMicrosecondsPerTick;
  // What is older says nothing any more.
  static constexpr Microseconds kMaxAge = 600 * kMicrosecondsPerTick;

  // Makes the text, empty if there is nothing to keep; `revision` is another if it is.
  struct Source {
    uint64_t revision = 0;
    std::function<std::string()> text;
  };

  // In the folder of the box's state.
  explicit HealthFile(const std::string& state);
  HealthFile(const HealthFile&) = delete;
  HealthFile& operator=(const HealthFile&) = delete;

  // All of it; none: there is none.
  Result<std::optional<std::string>> read() const;
  void tick(const Source& source, Microseconds now);
  // The last write: waits for the disk.
  void finish(const Source& source);

  // What is wrong and what to do, in one sentence; empty: all is well.
  const std::string& trouble() const { return trouble_; }

 private:
  void write(const Source& source);
  void end(const Status& written);

  const std::string path_;
  std::optional<Microseconds> begun_;
  uint64_t written_ = 0;
  std::string trouble_;
  Errand errand_;
};

}  // namespace evenkeel
