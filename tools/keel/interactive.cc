#include "tools/keel/interactive.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "tools/keel/editor.h"
#include "tools/keel/fields.h"
#include "tools/keel/help.h"
#include "tools/keel/terminal.h"
#include "tools/keel/units.h"
#include "tools/keel/words.h"

namespace evenkeel::keel {
namespace {

using Clock = std::chrono::steady_clock;

// What the prompt knows of the box.
class Pending {
 public:
  explicit Pending(const Session& session) : session_(session) { refresh(); }

  void refresh() {
    status_ = session_.quietly_get("/v1/status");
    asked_ = Clock::now();
  }
  // The prompt as it is now; asks again when a deadline has passed.
  std::string prompt() {
    if (has(status_, "change/deadline_s") && age() > count_of(status_, "change/deadline_s")) {
      refresh();
    }
    return prompt_of(status_, age(), session_.style());
  }
  bool is_counting() const { return has(status_, "change/deadline_s"); }

 private:
  uint64_t age() const {
    const auto since = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - asked_);
    return static_cast<uint64_t>(since.count());
  }

  const Session& session_;
  boost::json::value status_;
  Clock::time_point asked_;
};

Exit run_text(Session& session, const std::string& text) {
  const Words words = split_words(text);
  if (words.open_quote != 0) {
    return session.complain(Exit::usage, std::string("a quote ") + words.open_quote +
                                             " is open; end it, or write \\" + words.open_quote);
  }
  if (words.words.empty()) return Exit::done;
  const Result<Line> line = parse_line(words.words, true);
  if (!line.ok()) return session.complain(Exit::usage, line.message());
  return run_line(session, line.value());
}

std::string history_path() {
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe): one thread
  return home != nullptr && *home != '\0' ? std::string(home) + "/.keel_history" : "";
}

constexpr std::string_view kWelcome =
    "keel: Tab completes, ? explains what can come next, help lists commands, Ctrl-D leaves.\n";

}  // namespace

Exit run_line(Session& session, const Line& line) {
  const bool was_json = session.json();
  session.set_json(was_json || line.json);
  Exit exit = Exit::done;
  if (line.what == Line::What::run) {
    exit = line.command->run(session, line.given);
  } else if (line.what == Line::What::help && line.command != nullptr) {
    session.print(help_text(*line.command, session.style()));
  } else if (line.what == Line::What::help) {
    session.print(help_text(session.style(), session.is_interactive()));
  } else if (line.what == Line::What::version) {
    session.print("keel " VERSION "\n");
  } else if (line.what == Line::What::man) {
    session.print(man_page(VERSION));
  }
  session.set_json(was_json);
  return exit;
}

Exit print_output(Session& session) {
  const Status written = write_out(session.take_output());
  return written.ok() ? Exit::done : session.complain(Exit::local, written.message());
}

Exit run_interactive(Session& session) {
  hold_interrupts();
  Pending pending(session);
  Editor editor(
      {.history_path = history_path(),
       .prompt = [&pending] { return pending.prompt(); },
       .is_counting = [&pending] { return pending.is_counting(); },
       .ask = [&session](std::string_view target) { return session.quietly_get(target); }});
  (void)write_out(kWelcome);
  Exit last = Exit::done;
  while (!session.is_over()) {
    const std::optional<std::string> text = editor.read_line();
    if (!text) break;
    take_interrupt();  // one of before is about nothing that runs now
    last = run_text(session, *text);
    page(session.take_output());
    pending.refresh();
  }
  return last;
}

Exit run_script(Session& session, std::istream& lines) {
  std::string text;
  while (!session.is_over() && std::getline(lines, text)) {
    if (text.starts_with('#')) continue;
    const Exit exit = run_text(session, text);
    const Exit written = print_output(session);
    if (exit != Exit::done) return exit;
    if (written != Exit::done) return written;
  }
  return Exit::done;
}

std::string prompt_of(const boost::json::value& status, uint64_t seconds_since,
                      const Style& style) {
  if (status.is_null()) return painted(style, Colour::red, "keel [no keeld]") + "> ";
  const std::string name = clipped(text_of(status, "name"), 32, style.unicode);
  std::string prompt = painted(style, Colour::bold, name.empty() ? "keel" : name);
  if (has(status, "change/id")) {
    const boost::json::value& change = field(status, "change");
    std::string text = "[change " + text_of(change, "id");
    if (has(change, "deadline_s")) {
      const uint64_t deadline = count_of(change, "deadline_s");
      text += ", " + countdown(deadline - std::min(deadline, seconds_since)) + " left";
    }
    prompt += " " + painted(style, Colour::yellow, text + "]");
  }
  return prompt + "> ";
}

}  // namespace evenkeel::keel
