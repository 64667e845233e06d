// What keeld is told on its command line.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "firmware/base/status.h"

namespace evenkeel {

enum class Command : uint8_t {
  manage,       // runs the box by the confirmed settings of its archive
  run,          // runs the box by a file
  import_file,  // makes a file the confirmed settings
  check,
  help,
  version,
};

struct Options {
  Command command = Command::manage;
  std::string settings_path = "/etc/evenkeel/evenkeel.conf";  // of manage: for an empty archive
  std::string state = "/var/lib/evenkeel";
};

inline constexpr const char* kUsage =
    "usage: keeld [--state DIR] [--seed FILE]    runs the box; keel changes its settings\n"
    "       keeld --config FILE                  runs the box by this file alone\n"
    "       keeld --import FILE [--state DIR]    makes FILE what the next start boots\n"
    "       keeld --check FILE                   says what is wrong with the settings, and ends\n"
    "       keeld --help | --version\n"
    "DIR (/var/lib/evenkeel) holds every generation of the settings, and the confirmed one is\n"
    "booted; if there is none yet, FILE (/etc/evenkeel/evenkeel.conf) becomes the first.\n"
    "With --config, SIGHUP reads the file again. SIGTERM ends.\n";

// `arguments` without the program's own name.
Result<Options> parse_options(std::span<const char* const> arguments);

}  // namespace evenkeel
