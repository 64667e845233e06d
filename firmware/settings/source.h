// Settings text as the parser is to get it: files taken in where `@include` says so, and nothing
// left in it that libconfig 1.5 would take for something else without a word. That library wraps
// numbers of more than 32 bits, forgets everything behind a quote or a comment that is not closed,
// ends at a NUL byte, takes minutes for a group of many keys, and ends the process when it includes
// a folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace evenkeel {

// Something wrong with settings, and where.
struct Mistake {
  std::string file;
  uint32_t line = 0;
  std::string path;  // of the key; empty: it is not about one key
  std::string what;

  friend bool operator==(const Mistake&, const Mistake&) = default;
};
// "lb.conf:12: services[shop].buckets: found 7; allowed: ..."
std::string to_string(const Mistake& mistake);

// Invariants:
//  1. Line n of the text, counted from 1, is of lines[n - 1]; there is an entry for every line.
//  2. Every integer in it has the suffix L, and fits 64 bits.
struct Source {
  struct Line {
    uint32_t file = 0;  // index in files
    uint32_t number = 0;
  };

  std::string text;
  std::string flat;  // as it was written, with each included file where @include stood
  std::vector<Line> lines;
  std::vector<std::string> files;
  std::vector<Mistake> mistakes;  // any: the text is not to be used
};

// What a file includes is named from the folder of that file, or from the root.
Source read_source_file(const std::string& path);
// `name` is what messages call the text; what it includes is named from the working directory.
Source read_source_text(std::string_view text, const std::string& name);

}  // namespace evenkeel
