// A network for one test program alone: network and mount namespaces of its own, which the kernel
// takes down with the process however it ends, so that nothing outside is touched or left behind.
#pragma once

#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

#include "firmware/base/check.h"
#include "firmware/base/clock.h"

namespace evenkeel {

// What a test runner takes for "skipped".
inline constexpr int kSkipped = 77;

// False, and says so, where this may not be done.
inline bool enter_own_network() {
  if (::geteuid() != 0 || ::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) {
    std::printf("skipped: needs root, for a network namespace of its own\n");
    return false;
  }
  CHECK(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  CHECK(::mount("none", "/run", "tmpfs", 0, nullptr) == 0);
  return true;
}

// Whether a shell command succeeded.
inline bool shell(const std::string& command) {
  return std::system(command.c_str()) == 0;  // NOLINT(concurrency-mt-unsafe): before any thread
}

inline std::string output_of(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  CHECK(pipe != nullptr);
  std::string output;
  for (int byte = std::fgetc(pipe); byte != EOF; byte = std::fgetc(pipe)) {
    output += static_cast<char>(byte);
  }
  CHECK(::pclose(pipe) == 0);
  return output;
}

inline Microseconds real_now() {
  timespec now{};
  CHECK(::clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  return static_cast<Microseconds>(now.tv_sec) * 1'000'000 +
         static_cast<Microseconds>(now.tv_nsec) / 1'000;
}

// Whether `condition` comes true within a deadline; `descriptor` wakes for what may make it so.
template <typename Condition>
bool eventually(Condition condition, int descriptor = -1, Microseconds deadline = 10'000'000) {
  const Microseconds end = real_now() + deadline;
  while (!condition()) {
    if (real_now() > end) return false;
    pollfd waiting{.fd = descriptor, .events = POLLIN, .revents = 0};
    ::poll(&waiting, 1, 5);
  }
  return true;
}

// Once an interface is up, the kernel silently drops what is sent on it until it has noticed the
// carrier: before anything else if the machine has time.
inline bool carries(const std::string& interface, const std::string& network = "") {
  const std::string show =
      "ip " + (network.empty() ? "" : "-n " + network + " ") + "link show dev ";
  return eventually([&] { return shell(show + interface + " | grep -q 'state UP'"); });
}

}  // namespace evenkeel
