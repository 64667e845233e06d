// Stops a process, in any of its threads, at every system call that changes what is on the disk
// below a folder: to record them, to kill the process in place of the one with a given number, or
// to answer that one, or it and all that follow, with an error.
#pragma once

#include <functional>
#include <string>

namespace evenkeel {

struct TracePlan {
  enum class Mode { record, kill, fail };

  std::string folder;
  std::string begin{};  // a file: calls count once it exists; empty: from the start
  Mode mode = Mode::record;
  unsigned long number = 0;  // of the call, from 1
  int error = 0;
  bool is_always = false;
  std::string log{};  // a line of JSON for each call, and for what is written to standard output
};

// Does `work` in a process of its own. Returns 0: it was killed as planned, or did all of it; 2: it
// never came to the call; else it died of itself.
int trace(const TracePlan& plan, const std::function<void()>& work);

}  // namespace evenkeel
