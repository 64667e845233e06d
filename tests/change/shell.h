// Plain commands beside the product: above all git, which must be able to read what it writes.
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "firmware/base/check.h"

namespace evenkeel {

struct Outcome {
  int status = 0;
  std::string output;  // errors included
};

inline Outcome run(const std::string& command) {
  FILE* pipe = ::popen(("{ " + command + " ; } 2>&1").c_str(), "r");
  CHECK(pipe != nullptr);
  Outcome outcome;
  for (int byte = std::fgetc(pipe); byte != EOF; byte = std::fgetc(pipe)) {
    outcome.output += static_cast<char>(byte);
  }
  outcome.status = WEXITSTATUS(::pclose(pipe));
  return outcome;
}

// Of a command that must succeed.
inline std::string output_of(const std::string& command) {
  const Outcome outcome = run(command);
  if (outcome.status != 0) {
    std::fprintf(stderr, "%s: %s\n", command.c_str(), outcome.output.c_str());
  }
  CHECK(outcome.status == 0);
  return outcome.output;
}

// Whoever's configuration is about, the tests' repositories are the tests'.
inline std::string git(const std::string& repository) {
  return "GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null git -c safe.directory='*' --git-dir=" +
         repository + " ";
}

}  // namespace evenkeel
