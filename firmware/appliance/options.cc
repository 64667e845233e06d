#include "firmware/appliance/options.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace evenkeel {
namespace {

struct Option {
  std::string_view name;
  std::string_view value;  // what is to follow it
  std::string Options::* member;
  std::optional<Command> command;  // that it asks for
};

constexpr std::array kOptions = {
    Option{"--config", "a settings file", &Options::settings_path, Command::run},
    Option{"--import", "a settings file", &Options::settings_path, Command::import_file},
    Option{"--check", "a settings file", &Options::settings_path, Command::check},
    Option{"--seed", "a settings file", &Options::settings_path, std::nullopt},
    Option{"--state", "a folder", &Options::state, std::nullopt},
};

}  // namespace

Result<Options> parse_options(std::span<const char* const> arguments) {
  Options options;
  std::string_view asked_by;
  std::string_view needs_archive;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--help" || argument == "-h") return Options{.command = Command::help};
    if (argument == "--version") return Options{.command = Command::version};
    const auto option = std::ranges::find(kOptions, argument, &Option::name);
    if (option == kOptions.end()) {
      return Error{"'" + std::string(argument) + "' is no option of keeld; see keeld --help"};
    }
    if (i + 1 == arguments.size()) {
      return Error{std::string(argument) + " needs the name of " + std::string(option->value) +
                   " after it"};
    }
    options.*(option->member) = arguments[++i];
    if (argument == "--seed" || (argument == "--state" && needs_archive.empty())) {
      needs_archive = argument;
    }
    if (!option->command) continue;
    if (!asked_by.empty() && asked_by != argument) {
      return Error{std::string(asked_by) + " and " + std::string(argument) +
                   " exclude each other; see keeld --help"};
    }
    asked_by = argument;
    options.command = *option->command;
  }
  const bool has_archive = options.command == Command::manage ||
                           (options.command == Command::import_file && needs_archive != "--seed");
  if (!needs_archive.empty() && !has_archive) {
    return Error{std::string(asked_by) + " does not take " + std::string(needs_archive) +
                 "; see keeld --help"};
  }
  return options;
}

}  // namespace evenkeel
