// What goes wrong below the plan - a worker that stalls, a link that drops, a queue that stays
// full, a pool that runs dry - noticed from numbers that somebody else has read, told once when it
// begins and once when it is over.
//
// A trouble begins with the first look that shows it. It is over when no look has shown it for
// kCalm, so that what comes and goes many times a second is told as one trouble, not as thousands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "firmware/base/alert.h"
#include "firmware/base/clock.h"

namespace evenkeel {

// Everything at one moment. Counters only grow.
struct Observation {
  struct OfPort {
    bool link_is_up = true;
    uint64_t transmit_full = 0;  // packets dropped since its queue took no more
    uint64_t missed = 0;         // packets that came while nobody fetched them
    uint64_t no_buffer = 0;      // packets that came while the pool was empty
  };

  std::vector<uint64_t> worker_loops;
  std::vector<OfPort> ports;
  uint64_t no_buffer = 0;  // what workers could not make, since the pool was empty
  size_t buffers_free = 0;
};

// One line for the log.
struct Notice {
  bool is_bad = false;  // it begins; else it is over
  std::string text;
};

class Supervisor {
 public:
  // How often to look, how long a worker may stand still, and how long a trouble must be away to be
  // over.
  static constexpr Microseconds kInterval = 20'000;
  static constexpr Microseconds kStall = 60'000;
  // How long, until it is an alert: a virtual machine loses a core for some tenths of a second now
  // and then, which is for the log, and for nobody's sleep.
  static constexpr Microseconds kLongStall = 1'000'000;
  static constexpr Microseconds kCalm = 1'000'000;

  // `first` is what is there at the start, of as many workers and ports as ever after.
  Supervisor(std::vector<std::string> port_names, const Observation& first, Microseconds now);

  // What has begun and what is over since the last look.
  std::vector<Notice> observe(const Observation& seen, Microseconds now);

  // What is wrong now.
  std::vector<Alert> troubles() const;

 private:
  // One thing that can be wrong, under one name for good.
  struct Trouble {
    std::string name;
    bool is_on = false;
    Microseconds began = 0;
    Microseconds last_seen = 0;
    std::string text;
  };

  void judge(Trouble& trouble, bool is_bad, const std::string& text, Microseconds calm);
  void judge_worker(size_t worker, const Observation& seen);
  void judge_port(size_t port, const Observation& seen);
  void judge_pool(const Observation& seen);

  const std::vector<std::string> port_names_;

  Observation last_;
  std::vector<Microseconds> moved_;  // when each worker was last seen moving
  std::vector<Trouble> stalls_;      // by worker
  std::vector<Trouble> links_;       // by port
  std::vector<Trouble> full_queues_;
  std::vector<Trouble> missed_;
  Trouble pool_;

  // Of the look under way
  Microseconds now_ = 0;
  Microseconds looked_ = 0;  // when the one before was
  std::vector<Notice> events_;
};

}  // namespace evenkeel
