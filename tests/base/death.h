// A broken invariant must stop the process: tried in a child, whose last words are read.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string_view>

namespace evenkeel {

// Whether `action` aborts after a message on standard error that contains `words`.
template <typename Action>
bool dies_saying(std::string_view words, Action action) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return false;
  const pid_t child = fork();
  if (child == 0) {
    // The parent's handlers (CMocka's, a sanitizer's) would take the abort for a failed test.
    signal(SIGABRT, SIG_DFL);
    dup2(ends[1], STDERR_FILENO);
    action();
    _exit(0);
  }
  close(ends[1]);
  std::array<char, 4096> text{};
  size_t length = 0;
  for (ssize_t got = 1; got > 0 && length < text.size();) {
    got = read(ends[0], text.data() + length, text.size() - length);
    if (got > 0) length += static_cast<size_t>(got);
  }
  close(ends[0]);
  int outcome = 0;
  if (child < 0 || waitpid(child, &outcome, 0) != child) return false;
  return WIFSIGNALED(outcome) && WTERMSIG(outcome) == SIGABRT &&
         std::string_view(text.data(), length).find(words) != std::string_view::npos;
}

}  // namespace evenkeel
