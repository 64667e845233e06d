// tracer.h for any program:
//
//   trace record FOLDER BEGIN LOG PROGRAM ARGUMENT...
//   trace kill NUMBER FOLDER BEGIN LOG PROGRAM ARGUMENT...
//   trace fail NUMBER ERRNO once|always FOLDER BEGIN LOG PROGRAM ARGUMENT...
//
// Calls count once the file BEGIN exists. LOG ends with the call that was the last to begin.
#include <unistd.h>

#include <cstdio>
#include <span>
#include <string>

#include "tests/crash/tracer.h"

namespace evenkeel {
namespace {

constexpr int kMisused = 1;
constexpr int kNotStarted = 127;

// The next word, or none.
std::string take(std::span<char*>& words) {
  if (words.empty()) return {};
  std::string word = words.front();
  words = words.subspan(1);
  return word;
}

int run(std::span<char*> words) {
  TracePlan plan;
  const std::string mode = take(words);
  if (mode == "kill" || mode == "fail") {
    plan.mode = mode == "kill" ? TracePlan::Mode::kill : TracePlan::Mode::fail;
    plan.number = std::stoul(take(words));
  }
  if (mode == "fail") {
    plan.error = std::stoi(take(words));
    plan.is_always = take(words) == "always";
  }
  plan.folder = take(words);
  plan.begin = take(words);
  plan.log = take(words);
  if (words.empty()) {
    std::fprintf(stderr, "usage: see trace.cc\n");
    return kMisused;
  }
  return trace(plan, [&words] {
    execv(words.front(), words.data());  // argv ends with a null pointer
    std::perror(words.front());
    _exit(kNotStarted);
  });
}

}  // namespace
}  // namespace evenkeel

int main(int count, char** words) {
  return evenkeel::run(std::span(words, static_cast<size_t>(count)).subspan(1));
}
