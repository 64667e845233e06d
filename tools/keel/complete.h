// What can come next on a command line: commands and options from their table, keys from the box's
// schema, names from the running box. The interactive mode, its `?`, and bash ask the same way.
#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace evenkeel::keel {

struct Candidate {
  std::string word;
  std::string help;
};

struct Completion {
  std::string what;  // "PATH: A key, as in ..."; empty: nothing more to say
  std::vector<Candidate> candidates;
  bool is_file = false;  // a file's name can come
};

// Asks the box; a null if it does not answer.
using Ask = std::function<boost::json::value(std::string_view target)>;

// `words` are complete, `partial` is what there is of the next one. A candidate that ends with '.',
// '/' or '=' goes on.
Completion complete(std::span<const std::string> words, std::string_view partial,
                    bool is_interactive, const Ask& ask);

// What all candidates begin with.
std::string common_beginning(const std::vector<Candidate>& candidates);

}  // namespace evenkeel::keel
