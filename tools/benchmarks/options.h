// The command line of a benchmark: numbers within bounds, and the file that its figures go to.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace evenkeel::bench {

struct NumberOption {
  const char* name;  // "--rounds"
  size_t least;
  size_t most;
  size_t* value;
};

// Sets the numbers that are given; answers the file of --json, empty if there is none. What is not
// understood ends the program, and says what there is.
std::string read_options(int count, char** arguments, std::span<const NumberOption> numbers);

}  // namespace evenkeel::bench
