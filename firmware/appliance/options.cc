#include "firmware/appliance/options.h"

#include <string_view>

namespace evenkeel {

Result<Options> parse_options(std::span<const char* const> arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--help" || argument == "-h") return Options{.command = Command::help};
    if (argument == "--version") return Options{.command = Command::version};
    if (argument != "--config" && argument != "--check") {
      return Error{"'" + std::string(argument) + "' is no option of keeld; see keeld --help"};
    }
    if (i + 1 == arguments.size()) {
      return Error{std::string(argument) + " needs the name of a settings file after it"};
    }
    if (argument == "--check") options.command = Command::check;
    options.settings_path = arguments[++i];
  }
  return options;
}

}  // namespace evenkeel
