// keel, the management command line: the words of the shell, or of a person at its prompt, become
// requests to keeld (line.h, run.h), and its answers become text.
#include <unistd.h>

#include <clocale>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "tools/keel/interactive.h"
#include "tools/keel/session.h"
#include "tools/keel/terminal.h"

namespace evenkeel::keel {
namespace {

std::string socket_path(const Line& line) {
  if (!line.socket_path.empty()) return line.socket_path;
  const char* path = std::getenv("KEEL_SOCKET");  // NOLINT(concurrency-mt-unsafe): one thread
  return path != nullptr && *path != '\0' ? path : "/run/evenkeel/api.sock";
}

Exit run(const Line& line) {
  const bool is_interactive = line.what == Line::What::interactive;
  const bool is_at_terminal =
      size_of(STDIN_FILENO).columns > 0 && size_of(STDOUT_FILENO).columns > 0;
  Style style = style_of(STDOUT_FILENO);
  style.is_prompt = is_interactive;
  Session session({.socket_path = socket_path(line),
                   .style = style,
                   .error_style = style_of(STDERR_FILENO),
                   .json = line.json,
                   .is_interactive = is_interactive});
  if (is_interactive) {
    return is_at_terminal ? run_interactive(session) : run_script(session, std::cin);
  }
  const Exit exit = run_line(session, line);
  const Exit written = print_output(session);
  return exit == Exit::done ? written : exit;
}

int main_of(int count, char** words) {
  // Where the environment names no locale, text is still UTF-8.
  if (std::setlocale(LC_CTYPE, "") == nullptr) std::setlocale(LC_CTYPE, "C.UTF-8");
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> arguments(words + 1, words + count);
  const Result<Line> line = parse_line(arguments, false);
  if (!line.ok()) {
    const Session session({.error_style = style_of(STDERR_FILENO)});
    return static_cast<int>(session.complain(Exit::usage, line.message()));
  }
  return static_cast<int>(run(line.value()));
}

}  // namespace
}  // namespace evenkeel::keel

int main(int count, char** words) { return evenkeel::keel::main_of(count, words); }
