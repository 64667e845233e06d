// A command line taken apart by the table of commands, for the shell and for the interactive mode
// alike. What is wrong with it is one sentence, with what was probably meant.
#pragma once

#include <span>
#include <string>

#include "firmware/base/status.h"
#include "tools/keel/commands.h"

namespace evenkeel::keel {

struct Line {
  enum class What : uint8_t { run, help, man, version, interactive };

  What what = What::interactive;
  const Command* command = nullptr;  // of run, and of help if it is about one command
  Given given{};
  bool json = false;
  // NOLINTNEXTLINE(readability-redundant-member-init): gcc 12 warns of members without.
  std::string socket_path{};  // empty: it was not given
};

// `words` without the program's own name.
Result<Line> parse_line(std::span<const std::string> words, bool is_interactive);

}  // namespace evenkeel::keel
