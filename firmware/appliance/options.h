// What keeld is told on its command line.
#pragma once

#include <span>
#include <string>

#include "firmware/base/status.h"

namespace evenkeel {

enum class Command { run, check, help, version };

struct Options {
  Command command = Command::run;
  std::string settings_path = "/etc/evenkeel/evenkeel.conf";
};

inline constexpr const char* kUsage =
    "usage: keeld [--config FILE]   runs the box by these settings\n"
    "       keeld --check FILE      says what is wrong with the settings, and ends\n"
    "       keeld --help | --version\n"
    "Without --config, the settings are those of /etc/evenkeel/evenkeel.conf.\n"
    "SIGHUP reads the settings again; SIGTERM ends.\n";

// `arguments` without the program's own name.
Result<Options> parse_options(std::span<const char* const> arguments);

}  // namespace evenkeel
