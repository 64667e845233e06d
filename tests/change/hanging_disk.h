// A disk that hangs, for one test program: whoever brings something to a disk waits while it does.
// The libraries that this program uses call these functions, too.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>

namespace evenkeel {

class HangingDisk {
 public:
  void hang() { set(true); }
  void answer() { set(false); }

  void pass() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !hangs_; });
  }

 private:
  void set(bool hangs) {
    const std::scoped_lock lock(mutex_);
    hangs_ = hangs;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool hangs_ = false;
};

inline HangingDisk& the_disk() {
  static HangingDisk disk;
  return disk;
}

}  // namespace evenkeel

extern "C" {
// NOLINTNEXTLINE(misc-definitions-in-headers): the one source of a program that includes this.
int fsync(int file) {
  evenkeel::the_disk().pass();
  return static_cast<int>(::syscall(SYS_fsync, file));
}
// NOLINTNEXTLINE(misc-definitions-in-headers)
int fdatasync(int file) {
  evenkeel::the_disk().pass();
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}
}
