#include "tools/keel/line.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "tools/keel/words.h"

namespace evenkeel::keel {
namespace {

// What CLI11 fills for one level of a command line.
struct Globals {
  bool json = false;
  bool help = false;
  bool version = false;
  bool man = false;
  std::string socket_path;
};

void add_globals(CLI::App& app, Globals& globals) {
  app.set_help_flag();
  app.add_flag("--json", globals.json);
  app.add_flag("-h,--help", globals.help);
  app.add_option("--socket", globals.socket_path);
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known) {
  const std::optional<std::string_view> near = nearest(word, known);
  return near ? "did you mean " + std::string(*near) + "?" : "";
}

Error wrong_command(const std::string& word, bool is_interactive) {
  std::vector<std::string_view> known;
  for (const Command* command : all_commands()) {
    if (is_interactive || !command->is_interactive_only) known.push_back(command->name);
  }
  const bool is_leaving = is_interactive && (word == "quit" || word == "q");
  const std::string meant = is_leaving ? "did you mean exit?" : did_you_mean(word, known);
  return Error{"there is no command '" + word + "'; " + (meant.empty() ? "see keel help" : meant)};
}

Error wrong_option(const std::string& word, const Command* command) {
  std::vector<std::string_view> known;
  for (const Option& option : global_options()) known.push_back(option.name);
  if (command != nullptr) {
    for (const Option& option : command->options) known.push_back(option.name);
  }
  const std::string meant = did_you_mean(word, known);
  const std::string of = command != nullptr ? " " + std::string(command->name) : "";
  return Error{"keel" + of + " has no option '" + word + "'; " +
               (meant.empty() ? "see keel help" + of : meant)};
}

std::string joined(std::span<const std::string_view> words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    text += i == 0 ? "" : i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

bool takes_the_rest(const Command& command) {
  return !command.arguments.empty() && command.arguments.back().name.ends_with("...");
}

Error missing(const Command& command, std::string_view what) {
  return Error{std::string(command.name) + " needs " + std::string(what) +
               "; the form is: " + synopsis(command)};
}

Error wrong_choice(const Command& command, const Argument& argument, const std::string& word) {
  const std::string meant = did_you_mean(word, {argument.choices.begin(), argument.choices.end()});
  return Error{"'" + word + "' is no " + std::string(argument.name) + " of " +
               std::string(command.name) + "; " +
               (meant.empty() ? "it can be " + joined(argument.choices) : meant)};
}

Status check_arguments(const Command& command, const Given& given) {
  for (size_t i = 0; i < command.arguments.size(); ++i) {
    const Argument& argument = command.arguments[i];
    if (i >= given.arguments.size()) {
      if (argument.is_optional) break;
      return missing(command, argument.name);
    }
    const std::string& word = given.arguments[i];
    const bool is_free = argument.choices.empty() || argument.is_optional;
    if (is_free || std::ranges::find(argument.choices, word) != argument.choices.end()) continue;
    return wrong_choice(command, argument, word);
  }
  if (given.arguments.size() > command.arguments.size() && !takes_the_rest(command)) {
    return Error{std::string(command.name) + " has no use for '" +
                 given.arguments[command.arguments.size()] +
                 "'; the form is: " + synopsis(command) + "; quote what has blanks in it"};
  }
  return {};
}

Status check_choice(const Command& command, const Option& option, const Given& given) {
  if (option.choices.empty()) return {};
  for (const std::string& word : given.values(option.name)) {
    if (std::ranges::find(option.choices, word) != option.choices.end()) continue;
    return Error{"'" + word + "' is no " + std::string(option.value) + " of " +
                 std::string(command.name) + "; it can be " + joined(option.choices)};
  }
  return {};
}

Status check_options(const Command& command, const Given& given) {
  for (const Option& option : command.options) {
    if (Status status = check_choice(command, option, given); !status.ok()) return status;
    if (option.is_required && !given.has(option.name)) {
      return missing(command, std::string(option.name) + " " + std::string(option.value));
    }
  }
  return {};
}

// CLI11 takes its words from the back.
std::vector<std::string> reversed(std::span<const std::string> words) {
  return {words.rbegin(), words.rend()};
}

Result<Given> parse_command(const Command& command, std::span<const std::string> words,
                            Globals& globals) {
  Given given;
  std::map<std::string, std::vector<std::string>, std::less<>> values;
  CLI::App app;
  add_globals(app, globals);
  app.allow_extras();  // the arguments: as an option CLI11 would take `[ a, b ]` apart
  for (const Option& option : command.options) {
    const std::string name(option.name);
    std::vector<std::string>& into = values[name];
    CLI::Option* added = option.value.empty()
                             ? app.add_flag(name, into)
                             : app.add_option(name, into)->expected(1)->allow_extra_args(false);
    if (!option.is_repeated) added->take_last();
    if (option.is_repeated) added->take_all();
  }
  // CLI11 tells what is wrong by exceptions only.
  try {
    app.parse(reversed(words));
  } catch (const CLI::ParseError& wrong) {
    return Error{std::string(wrong.what()) + "; the form is: " + synopsis(command)};
  }
  if (globals.help) return given;
  bool is_behind = false;
  for (const std::string& extra : app.remaining()) {
    if (!is_behind && extra == "--") {
      is_behind = true;
      continue;
    }
    if (!is_behind && extra.size() > 1 && extra[0] == '-') return wrong_option(extra, &command);
    given.arguments.push_back(extra);
  }
  for (auto& [name, into] : values) {
    if (!into.empty()) given.options[name] = into;
  }
  if (Status status = check_arguments(command, given); !status.ok()) return Error{status.message()};
  if (Status status = check_options(command, given); !status.ok()) return Error{status.message()};
  return given;
}

Line without_command(const Globals& globals) {
  Line line{.json = globals.json, .socket_path = globals.socket_path};
  if (globals.help) line.what = Line::What::help;
  if (globals.version) line.what = Line::What::version;
  if (globals.man) line.what = Line::What::man;
  return line;
}

}  // namespace

Result<Line> parse_line(std::span<const std::string> words, bool is_interactive) {
  Globals globals;
  CLI::App app;
  add_globals(app, globals);
  app.add_flag("--version", globals.version);
  app.add_flag("--man", globals.man);
  app.prefix_command();  // ends at the command's name
  try {
    app.parse(reversed(words));
  } catch (const CLI::ParseError& wrong) {
    return Error{std::string(wrong.what()) + "; see keel --help"};
  }
  const std::vector<std::string> rest = app.remaining();
  if (rest.empty()) return without_command(globals);
  if (rest.front().starts_with('-')) return wrong_option(rest.front(), nullptr);
  const Command* command = find_command(rest.front());
  if (command == nullptr || (command->is_interactive_only && !is_interactive)) {
    return wrong_command(rest.front(), is_interactive);
  }
  Result<Given> given = parse_command(*command, std::span(rest).subspan(1), globals);
  if (!given.ok()) return Error{given.message()};
  return Line{.what = globals.help ? Line::What::help : Line::What::run,
              .command = command,
              .given = std::move(given.value()),
              .json = globals.json,
              .socket_path = globals.socket_path};
}

}  // namespace evenkeel::keel
