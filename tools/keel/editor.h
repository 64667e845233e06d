// One line from the terminal, with libedit: completion by Tab, explanations by ?, history, and a
// prompt that counts down while nothing is typed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tools/keel/complete.h"

namespace evenkeel::keel {

class Editor {
 public:
  struct Setup {
    std::string history_path;             // empty: history is not kept
    std::function<std::string()> prompt;  // may be coloured
    std::function<bool()> is_counting;    // the prompt changes by itself
    Ask ask;                              // for completion
  };

  explicit Editor(Setup setup);
  ~Editor();
  Editor(const Editor&) = delete;
  Editor& operator=(const Editor&) = delete;

  // Without its line feed; none: the end of input.
  std::optional<std::string> read_line();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace evenkeel::keel
