// The table of commands: one row says all there is to say of one command. Parsing, --help, the man
// page, completion and the interactive mode come from these rows, so none of them can know a
// command or an option that the others do not.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace evenkeel::keel {

class Session;

// What keel ends with.
enum class Exit : uint8_t {
  done = 0,
  refused = 1,      // by the box, and it said why
  usage = 2,        // the command line makes no sense
  unreachable = 3,  // nobody answered, or not in a way that can be understood
  forbidden = 4,    // the box knows the caller, whose role does not allow it
  local = 5,        // something failed on this side: a file, the editor, a capture
};

struct ExitMeaning {
  Exit exit;
  std::string_view meaning;
};
std::span<const ExitMeaning> exit_meanings();

// NOLINTBEGIN(readability-redundant-member-init): gcc 12 warns of members without.
// What a word can be, for completion.
enum class Names : uint8_t {
  none,
  choices,
  key_path,
  value,  // of the key path before it
  part,   // of the view before it: a service, or a generation of the settings
  service,
  backend,
  port,
  rule,
  file,
  command,
};

struct Argument {
  std::string_view name;
  std::string_view help;
  Names names = Names::none;
  bool is_optional = false;
  std::span<const std::string_view> choices = {};
};

struct Option {
  std::string_view name;   // "--confirm"
  std::string_view value;  // what its value is called; empty: it has none
  std::string_view help;
  Names names = Names::none;
  bool is_required = false;
  bool is_repeated = false;
  std::span<const std::string_view> choices = {};
};

// A command line, taken apart by its row.
struct Given {
  std::vector<std::string> arguments;
  std::map<std::string, std::vector<std::string>, std::less<>> options;

  bool has(std::string_view option) const { return options.contains(option); }
  // The last value of an option; empty: it was not given.
  std::string value(std::string_view option) const;
  std::vector<std::string> values(std::string_view option) const;
  std::string argument(size_t at) const { return at < arguments.size() ? arguments[at] : ""; }
};

enum class Section : uint8_t { change, look, runtime, other };

struct Command {
  std::string_view name;
  Section section = Section::other;
  std::string_view summary;  // one line
  std::string_view help;     // paragraphs, parted by empty lines
  std::span<const Argument> arguments = {};
  std::span<const Option> options = {};
  std::string_view refused;  // when it ends with 1; empty: never
  std::span<const std::string_view> examples = {};
  std::string_view role;  // the least that the box asks for; empty: it is not asked
  Exit (*run)(Session& session, const Given& given) = nullptr;
  bool is_interactive_only = false;
};
// NOLINTEND(readability-redundant-member-init)

std::span<const Command> change_commands();
std::span<const Command> look_commands();
std::span<const Command> other_commands();

// All rows, by section and in the order in which people use them.
std::vector<const Command*> all_commands();
const Command* find_command(std::string_view name);

// Options of every command.
std::span<const Option> global_options();

std::string_view title_of(Section section);
// "commit [--confirm TIME] [--why TEXT] ..."
std::string synopsis(const Command& command);

}  // namespace evenkeel::keel
