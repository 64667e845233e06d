// Commands that run beside the box: started, heard, ended with all that they started, and reaped,
// without waiting for any of them.
//
// A fork of this process would mark all of its memory to be copied, and workers on data cores would
// pay for it with faults; so nothing of ours runs in a child. posix_spawn() has none (vfork), and
// util-linux's setpriv, which it starts, gives up all privileges, then becomes the command.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "drivers/descriptor.h"
#include "firmware/base/status.h"
#include "firmware/health/readiness.h"

namespace evenkeel {

// Invariants:
// 1. Each child is in children_ from its start until it has been reaped.
// 2. When it ends, its whole session is killed before it is reaped: its number is still its own.
class Children {
 public:
  struct Command {
    std::vector<std::string> arguments;    // the first is the program's path
    std::vector<std::string> environment;  // "NAME=value"
    std::string user;
  };
  struct Running {
    uint64_t number = 0;  // of the child
    Descriptor output;    // what it writes, to both
  };

  // What came of one: its exit status, or the signal that ended it.
  struct End {
    int status = -1;
    int signal = 0;
  };
  using Done = std::function<void(const End&)>;

  // REQUIRES: the readiness outlives it.
  explicit Children(Readiness& readiness) : readiness_(readiness) {}
  ~Children();
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  // In the network namespace that the descriptor is of. Calls `done` once, unless it is killed
  // before.
  Result<Running> run(const Command& command, const Descriptor& network_namespace, Done done);
  void kill(uint64_t number);
  // Under way, or killed and not reaped yet.
  size_t count() const { return children_.size(); }

 private:
  struct Child final : Readiness::Watcher {
    void on_ready(uint32_t events) override;

    Children* owner = nullptr;
    uint64_t number = 0;
    pid_t process = -1;
    Descriptor handle;  // of the process
    Readiness::Watch watch;
    Done done;  // none: nobody waits for it
  };

  void reap(Child& child);

  Readiness& readiness_;
  std::map<uint64_t, std::unique_ptr<Child>> children_;
  uint64_t next_ = 1;
};

}  // namespace evenkeel
