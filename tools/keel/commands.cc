#include "tools/keel/commands.h"

#include <algorithm>

namespace evenkeel::keel {
namespace {

constexpr ExitMeaning kExits[] = {
    {Exit::done, "Done."},
    {Exit::refused, "The box refused, and said why: a mistake, a rule, a stale base, a wrong id."},
    {Exit::usage, "The command line makes no sense. Nothing was sent."},
    {Exit::unreachable, "keeld cannot be reached, or did not answer as it should."},
    {Exit::forbidden,
     "Your role does not allow it: viewer, operator and approver are Unix groups."},
    {Exit::local, "Something failed on this side: a file, the editor, the capture."},
};

constexpr Option kGlobal[] = {
    {"--json", "", "Print what the API answers, as one line of JSON."},
    {"--socket", "PATH", "The API's socket; else $KEEL_SOCKET, else /run/evenkeel/api.sock.",
     Names::file},
    {"--help", "", "Say what the command does, and end."},
};

}  // namespace

std::span<const ExitMeaning> exit_meanings() { return kExits; }
std::span<const Option> global_options() { return kGlobal; }

std::string Given::value(std::string_view option) const {
  const auto found = options.find(option);
  return found == options.end() || found->second.empty() ? "" : found->second.back();
}

std::vector<std::string> Given::values(std::string_view option) const {
  const auto found = options.find(option);
  return found == options.end() ? std::vector<std::string>{} : found->second;
}

std::vector<const Command*> all_commands() {
  std::vector<const Command*> all;
  for (const auto rows : {change_commands(), look_commands(), other_commands()}) {
    for (const Command& row : rows) all.push_back(&row);
  }
  return all;
}

const Command* find_command(std::string_view name) {
  const std::vector<const Command*> all = all_commands();
  const auto found =
      std::ranges::find_if(all, [name](const Command* row) { return row->name == name; });
  return found == all.end() ? nullptr : *found;
}

std::string_view title_of(Section section) {
  switch (section) {
    case Section::change:
      return "Change the settings";
    case Section::look:
      return "See what is going on";
    case Section::runtime:
      return "Set a backend aside for a while";
    case Section::other:
      return "Other";
  }
  return "";
}

std::string synopsis(const Command& command) {
  std::string text(command.name);
  for (const Argument& argument : command.arguments) {
    const std::string name(argument.name);
    text += argument.is_optional ? " [" + name + "]" : " " + name;
  }
  for (const Option& option : command.options) {
    std::string part(option.name);
    if (!option.value.empty()) part += " " + std::string(option.value);
    text += option.is_required ? " " + part : " [" + part + "]";
    if (option.is_repeated) text += "...";
  }
  return text;
}

}  // namespace evenkeel::keel
