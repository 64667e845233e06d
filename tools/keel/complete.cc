#include "tools/keel/complete.h"

#include <algorithm>

#include "tools/keel/client.h"
#include "tools/keel/commands.h"
#include "tools/keel/complete_keys.h"
#include "tools/keel/fields.h"
#include "tools/keel/words.h"

namespace evenkeel::keel {
namespace {

// Where a command line stands.
struct Position {
  const Command* command = nullptr;
  size_t arguments = 0;              // complete ones
  std::string last_argument;         // of them
  const Option* awaiting = nullptr;  // the option whose value comes next
  std::vector<std::string_view> given;
};

const Option* find_option(const Command* command, std::string_view name) {
  const auto in = [name](std::span<const Option> options) -> const Option* {
    const auto found = std::ranges::find(options, name, &Option::name);
    return found == options.end() ? nullptr : &*found;
  };
  if (const Option* option = in(global_options())) return option;
  return command != nullptr ? in(command->options) : nullptr;
}

Position position_after(std::span<const std::string> words) {
  Position at;
  for (const std::string& word : words) {
    if (at.awaiting != nullptr) {
      at.awaiting = nullptr;
    } else if (word.starts_with("--")) {
      const Option* option = find_option(at.command, word.substr(0, word.find('=')));
      if (option == nullptr) continue;
      at.given.push_back(option->name);
      if (!option->value.empty() && word.find('=') == std::string::npos) at.awaiting = option;
    } else if (at.command == nullptr) {
      at.command = find_command(word);
      if (at.command == nullptr) break;
    } else {
      ++at.arguments;
      at.last_argument = word;
    }
  }
  return at;
}

void add(Completion& to, std::string_view partial, std::string word, std::string_view help = "") {
  if (word.starts_with(partial) && printable(word) == word) {
    to.candidates.push_back({std::move(word), std::string(help)});
  }
}

void add_names(Completion& to, std::string_view partial, const boost::json::value& answer,
               std::string_view list, std::string_view end = "") {
  for (const boost::json::value& row : list_of(answer, list)) {
    add(to, partial, raw_text_of(row, "name") + std::string(end));
  }
}

void add_backends(Completion& to, std::string_view partial, const Ask& ask) {
  const size_t slash = partial.find('/');
  if (slash == std::string_view::npos) {
    add_names(to, partial, ask("/v1/services"), "services", "/");
    return;
  }
  const std::string service(partial.substr(0, slash));
  const boost::json::value answer = ask("/v1/backends?service=" + encoded(service));
  for (const boost::json::value& row : list_of(answer, "backends")) {
    add(to, partial, service + "/" + raw_text_of(row, "name"));
  }
}

void add_commands(Completion& to, std::string_view partial, bool is_interactive) {
  for (const Command* command : all_commands()) {
    if (command->is_interactive_only && !is_interactive) continue;
    add(to, partial, std::string(command->name), command->summary);
  }
}

void add_options(Completion& to, std::string_view partial, const Position& at) {
  const auto add_all = [&](std::span<const Option> options) {
    for (const Option& option : options) {
      const bool is_there = std::ranges::find(at.given, option.name) != at.given.end();
      if (!is_there || option.is_repeated) add(to, partial, std::string(option.name), option.help);
    }
  };
  if (at.command != nullptr) add_all(at.command->options);
  add_all(global_options());
}

void add_rules(Completion& to, std::string_view partial, const Ask& ask) {
  const boost::json::value plan = ask("/v1/change/plan");
  for (const boost::json::value& hit : list_of(plan, "hits")) {
    const std::string rule = raw_text_of(hit, "rule");
    const bool is_there =
        std::ranges::find(to.candidates, rule, &Candidate::word) != to.candidates.end();
    if (raw_text_of(hit, "severity") == "refuse" && !is_there) add(to, partial, rule);
  }
}

void add_live(Completion& to, Names names, std::string_view partial, const Position& at,
              bool is_interactive, const Ask& ask) {
  switch (names) {
    case Names::service:
      return add_names(to, partial, ask("/v1/services"), "services");
    case Names::part:
      if (at.last_argument == "settings") return add(to, partial, "candidate");
      return add_names(to, partial, ask("/v1/services"), "services");
    case Names::backend:
      return add_backends(to, partial, ask);
    case Names::port:
      return add_names(to, partial, ask("/v1/ports"), "ports");
    case Names::rule:
      return add_rules(to, partial, ask);
    case Names::command:
      return add_commands(to, partial, is_interactive);
    case Names::key_path:
      for (const Candidate& key : keys_after(partial, ask)) add(to, partial, key.word, key.help);
      return;
    case Names::value: {
      const KeyValues values = values_of(at.last_argument, ask);
      if (!values.allowed.empty()) to.what = "VALUE: " + values.allowed;
      for (const Candidate& value : values.words) add(to, partial, value.word, value.help);
      return;
    }
    case Names::file:
      to.is_file = true;
      return;
    case Names::choices:
    case Names::none:
      return;
  }
}

}  // namespace

Completion complete(std::span<const std::string> words, std::string_view partial,
                    bool is_interactive, const Ask& ask) {
  Completion result;
  const Position at = position_after(words);
  if (at.awaiting != nullptr) {
    result.what = std::string(at.awaiting->value) + ": " + std::string(at.awaiting->help);
    for (const std::string_view choice : at.awaiting->choices)
      add(result, partial, std::string(choice));
    add_live(result, at.awaiting->names, partial, at, is_interactive, ask);
    return result;
  }
  if (partial.starts_with('-')) {
    add_options(result, partial, at);
    return result;
  }
  if (at.command == nullptr) {
    // A word that is no command has nothing behind it.
    const bool is_begun =
        std::ranges::any_of(words, [](const std::string& word) { return !word.starts_with('-'); });
    if (!is_begun || !at.given.empty()) add_commands(result, partial, is_interactive);
    return result;
  }
  if (at.arguments < at.command->arguments.size()) {
    const Argument& argument = at.command->arguments[at.arguments];
    result.what = std::string(argument.name) + ": " + std::string(argument.help);
    for (const std::string_view choice : argument.choices)
      add(result, partial, std::string(choice));
    add_live(result, argument.names, partial, at, is_interactive, ask);
  }
  const bool is_optional = at.arguments >= at.command->arguments.size() ||
                           at.command->arguments[at.arguments].is_optional;
  if (is_optional && partial.empty() && result.candidates.empty()) add_options(result, partial, at);
  return result;
}

std::string common_beginning(const std::vector<Candidate>& candidates) {
  if (candidates.empty()) return "";
  std::string_view common = candidates.front().word;
  for (const Candidate& candidate : candidates) {
    const auto [end, other] = std::ranges::mismatch(common, candidate.word);
    common = common.substr(0, static_cast<size_t>(end - common.begin()));
  }
  return std::string(common);
}

}  // namespace evenkeel::keel
