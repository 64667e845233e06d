#include "tools/keel/help.h"

#include <algorithm>

#include "tools/keel/words.h"

namespace evenkeel::keel {
namespace {

constexpr size_t kHelpColumns = 80;
constexpr size_t kNameColumns = 14;
constexpr Section kSections[] = {Section::change, Section::look, Section::runtime, Section::other};

std::string indented(std::string_view text, size_t indent, size_t columns) {
  std::string result;
  for (const std::string& line : wrapped(text, columns - indent)) {
    result += std::string(indent, ' ') + line + "\n";
  }
  return result;
}

std::vector<std::string_view> paragraphs(std::string_view text) {
  std::vector<std::string_view> result;
  while (!text.empty()) {
    const size_t end = std::min(text.find("\n\n"), text.size());
    result.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return result;
}

std::string heading(const Style& style, std::string_view text) {
  return painted(style, Colour::bold, text) + "\n";
}

// "  name          what it is", the second part wrapped beside the first.
std::string entry(std::string_view name, std::string_view help, size_t name_columns) {
  const size_t indent = 2 + name_columns;
  std::string text = indented(help, indent, kHelpColumns);
  if (columns_of(name) + 2 > name_columns) return "  " + std::string(name) + "\n" + text;
  return "  " + padded(name, name_columns) + text.substr(indent);
}

std::string name_and_value(const Option& option) {
  std::string text(option.name);
  if (!option.value.empty()) text += " " + std::string(option.value);
  return text;
}

std::string sections(const Style& style, bool is_interactive) {
  std::string text;
  for (const Section section : kSections) {
    text += "\n" + heading(style, title_of(section));
    for (const Command* command : all_commands()) {
      if (command->section != section || (command->is_interactive_only && !is_interactive))
        continue;
      text += entry(command->name, command->summary, kNameColumns);
    }
  }
  return text;
}

// Roff reads a leading dot or quote, and every backslash and hyphen, as its own.
std::string roff(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else if (c == '\'') {
      result += "\\(aq";
    } else if (c == '`') {
      result += "\\(ga";
    } else {
      result += c;
    }
  }
  return result.starts_with('.') ? "\\&" + result : result;
}

std::string roff_paragraphs(std::string_view text) {
  std::string result;
  for (const std::string_view paragraph : paragraphs(text)) {
    if (!result.empty()) result += ".PP\n";
    result += roff(paragraph) + "\n";
  }
  return result;
}

std::string roff_entry(std::string_view name, std::string_view help) {
  return ".TP\n.B " + roff(name) + "\n" + roff(help) + "\n";
}

std::string roff_command(const Command& command) {
  std::string text = ".SS " + roff(synopsis(command)) + "\n" + roff(command.summary) + ".\n";
  if (!command.help.empty()) text += ".PP\n" + roff_paragraphs(command.help);
  for (const Argument& argument : command.arguments)
    text += roff_entry(argument.name, argument.help);
  for (const Option& option : command.options)
    text += roff_entry(name_and_value(option), option.help);
  if (!command.refused.empty()) text += ".PP\nEnds with 1 if " + roff(command.refused) + ".\n";
  if (!command.role.empty()) text += ".PP\nRole: " + roff(command.role) + ".\n";
  if (command.examples.empty()) return text;
  text += ".PP\n.RS\n.EX\n";
  for (const std::string_view example : command.examples) text += roff(example) + "\n";
  return text + ".EE\n.RE\n";
}

constexpr std::string_view kAbout =
    "keel is the command line of an Evenkeel box: it changes the settings as a transaction, shows "
    "the box at work, and explains where a flow goes. It speaks HTTP with JSON to keeld over a "
    "Unix "
    "socket.\n\n"
    "A change begins with edit, set, delete or load, which make a candidate. check and plan say "
    "what "
    "is wrong with it and what it would do to the traffic; commit makes it live, on probation; "
    "confirm keeps it. What is not confirmed in time goes back by itself.\n\n"
    "Without a command keel is interactive: Tab completes commands, keys and live names, ? "
    "explains "
    "what can come next, and the prompt shows a pending change with the time that is left.";

constexpr std::string_view kEnvironment[][2] = {
    {"KEEL_SOCKET", "The API's socket, unless --socket names it."},
    {"NO_COLOR",
     "If it is set and not empty, nothing is coloured. Colours are for terminals only."},
    {"VISUAL, EDITOR", "The editor of edit."},
    {"PAGER", "What shows long output in the interactive mode; else less."},
};
constexpr std::string_view kFiles[][2] = {
    {"/run/evenkeel/api.sock", "The API's socket."},
    {"/var/lib/evenkeel/settings.git", "Every generation of the settings; plain git reads it."},
    {"~/.keel_history", "Lines of the interactive mode."},
};

}  // namespace

std::string help_text(const Style& style, bool is_interactive) {
  std::string text;
  if (!is_interactive) {
    text +=
        "usage: keel [--json] [--socket PATH] COMMAND ...\n"
        "       keel                    interactive: Tab completes, ? explains\n"
        "       keel help COMMAND | keel --version | man keel\n";
  }
  text += sections(style, is_interactive);
  text += "\n" + heading(style, "Options of every command");
  for (const Option& option : global_options()) {
    text += entry(name_and_value(option), option.help, kNameColumns + 4);
  }
  text += "\n" + heading(style, "Exit status");
  for (const ExitMeaning& row : exit_meanings()) {
    text += entry(std::to_string(static_cast<int>(row.exit)), row.meaning, 4);
  }
  return text.starts_with('\n') ? text.substr(1) : text;
}

std::string help_text(const Command& command, const Style& style) {
  constexpr size_t kColumns = 20;
  std::string text = "usage: keel " + synopsis(command) + "\n\n";
  text += indented(std::string(command.summary) + ".", 0, kHelpColumns);
  for (const std::string_view paragraph : paragraphs(command.help)) {
    text += "\n" + indented(paragraph, 0, kHelpColumns);
  }
  if (!command.arguments.empty() || !command.options.empty()) text += "\n";
  for (const Argument& argument : command.arguments) {
    text += entry(argument.name, argument.help, kColumns);
  }
  for (const Option& option : command.options) {
    text += entry(name_and_value(option), option.help, kColumns);
  }
  text += "\n";
  if (!command.refused.empty()) {
    text += indented("Ends with 1 if " + std::string(command.refused) + ".", 0, kHelpColumns);
  }
  if (!command.role.empty()) text += "Role: " + std::string(command.role) + ".\n";
  if (!command.examples.empty()) text += "\n" + heading(style, "Examples");
  for (const std::string_view example : command.examples)
    text += "  " + std::string(example) + "\n";
  return text;
}

std::string man_page(std::string_view version) {
  std::string text = ".\\\" Written by `keel --man` from its table of commands.\n";
  text += ".TH KEEL 8 \"\" \"Evenkeel " + roff(version) + "\" \"System administration\"\n";
  text += ".SH NAME\nkeel \\- management command line of an Evenkeel load balancer\n";
  text +=
      ".SH SYNOPSIS\n.B keel\n[\\-\\-json] [\\-\\-socket\n.IR PATH ]\n[\n.I COMMAND\n\\&... "
      "]\n.br\n"
      ".B keel \\-\\-help\n|\n.B \\-\\-version\n";
  text += ".SH DESCRIPTION\n" + roff_paragraphs(kAbout);
  text += ".SH OPTIONS\n";
  for (const Option& option : global_options()) {
    text += roff_entry(name_and_value(option), option.help);
  }
  text += ".SH COMMANDS\n";
  for (const Command* command : all_commands()) text += roff_command(*command);
  text += ".SH EXIT STATUS\n";
  for (const ExitMeaning& row : exit_meanings()) {
    text += roff_entry(std::to_string(static_cast<int>(row.exit)), row.meaning);
  }
  text += ".SH ENVIRONMENT\n";
  for (const auto& [name, help] : kEnvironment) text += roff_entry(name, help);
  text += ".SH FILES\n";
  for (const auto& [name, help] : kFiles) text += roff_entry(name, help);
  return text + ".SH SEE ALSO\n.BR keeld (8),\n.BR dpdk\\-dumpcap (1),\n.BR git (1)\n";
}

std::string bash_completion() {
  // Words that bash has cut at colons are put together again, or addresses would never complete.
  return R"bash(# Completion for bash, printed by `keel completion bash`. keel itself says what can
# come next, so that commands, keys and live names are never out of date.
_keel() {
  local cur words cword word
  _get_comp_words_by_ref -n : cur words cword
  COMPREPLY=()
  while IFS= read -r word; do
    COMPREPLY+=("$(printf '%q' "$word")")
  done < <(keel completion words -- "${words[@]:1:cword}" 2>/dev/null)
  [ ${#COMPREPLY[@]} -gt 0 ] || compopt -o default
  [[ ${COMPREPLY[0]-} == *. || ${COMPREPLY[0]-} == */ ]] && compopt -o nospace
  __ltrim_colon_completions "$cur"
}
complete -F _keel keel
)bash";
}

}  // namespace evenkeel::keel
