#include "tools/keel/editor.h"

#include <histedit.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cwchar>
#include <filesystem>

#include "tools/keel/terminal.h"
#include "tools/keel/words.h"

namespace evenkeel::keel {
namespace {

constexpr int kHistoryLines = 1'000;
constexpr size_t kMostListed = 200;
constexpr char kEscapeMark = '\1';  // stands around what has no width in a prompt

// What the line says up to the cursor.
struct Before {
  std::vector<std::string> words;
  std::string partial;
  char open_quote = 0;
};

Before before_cursor(EditLine* line) {
  const LineInfo* info = el_line(line);
  const std::string_view text(info->buffer, static_cast<size_t>(info->cursor - info->buffer));
  Words words = split_words(text);
  Before before{.words = {}, .partial = "", .open_quote = words.open_quote};
  if (words.is_word_begun) {
    before.partial = std::move(words.words.back());
    words.words.pop_back();
  }
  before.words = std::move(words.words);
  return before;
}

// Files and folders whose path begins like `partial`.
void add_files(Completion& to, const std::string& partial) {
  const size_t slash = partial.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : partial.substr(0, slash + 1);
  std::error_code error;
  const std::filesystem::directory_iterator end;
  for (std::filesystem::directory_iterator entry(folder.empty() ? "." : folder, error);
       !error && entry != end; entry.increment(error)) {
    std::error_code unknown;
    const std::string name =
        folder + entry->path().filename().string() + (entry->is_directory(unknown) ? "/" : "");
    if (name.starts_with(partial) && printable(name) == name) to.candidates.push_back({name, ""});
  }
}

// The last step of a path says enough in a list: "services.shop." -> "shop."
std::string_view last_step(std::string_view word) {
  const size_t at = word.find_last_of("./", word.size() - 2);
  return word.size() < 2 || at == std::string_view::npos ? word : word.substr(at + 1);
}

std::string listed(const Completion& completion, size_t columns) {
  std::string text = "\n";
  if (!completion.what.empty()) text += completion.what + "\n";
  const size_t count = std::min(completion.candidates.size(), kMostListed);
  const bool has_help = std::ranges::any_of(
      completion.candidates, [](const Candidate& candidate) { return !candidate.help.empty(); });
  size_t widest = 0;
  for (size_t i = 0; i < count; ++i) {
    widest = std::max(widest, columns_of(last_step(completion.candidates[i].word)));
  }
  const size_t per_line = has_help ? 1 : std::max<size_t>(1, columns / (widest + 4));
  for (size_t i = 0; i < count; ++i) {
    const Candidate& candidate = completion.candidates[i];
    std::string cell = "  " + padded(last_step(candidate.word), widest + 2) + candidate.help;
    text += has_help ? clipped(cell, columns - 1, true) : cell;
    if ((i + 1) % per_line == 0 || i + 1 == count) text += "\n";
  }
  if (count < completion.candidates.size()) {
    text += "  and " + std::to_string(completion.candidates.size() - count) + " more\n";
  }
  return text;
}

// libedit counts what is between two marks as no columns.
std::string with_marks(std::string_view prompt) {
  std::string marked;
  bool is_inside = false;
  for (const char c : prompt) {
    if (c == '\x1b') {
      marked += kEscapeMark;
      is_inside = true;
    }
    marked += c;
    if (is_inside && c == 'm') {
      marked += kEscapeMark;
      is_inside = false;
    }
  }
  return marked;
}

}  // namespace

struct Editor::State {
  Setup setup;
  EditLine* line = nullptr;
  History* history = nullptr;
  std::string prompt;

  static State& of(EditLine* line) {
    void* state = nullptr;
    el_get(line, EL_CLIENTDATA, &state);
    return *static_cast<State*>(state);
  }
  static char* prompt_text(EditLine* line) {
    State& state = of(line);
    state.prompt = with_marks(state.setup.prompt());
    return state.prompt.data();
  }

  Completion completion(const Before& before) const {
    Completion result = complete(before.words, before.partial, true, setup.ask);
    if (result.is_file) add_files(result, before.partial);
    std::ranges::sort(result.candidates, {}, &Candidate::word);
    return result;
  }

  static unsigned char on_tab(EditLine* line, int) {
    const Before before = before_cursor(line);
    const Completion found = of(line).completion(before);
    std::string more = common_beginning(found.candidates);
    if (found.candidates.empty()) return CC_REFRESH_BEEP;
    const bool is_whole = found.candidates.size() == 1 && !more.ends_with('.') &&
                          !more.ends_with('/') && !more.ends_with('=');
    more = more.substr(before.partial.size()) + (is_whole ? " " : "");
    if (!more.empty()) {
      return el_insertstr(line, more.c_str()) == 0 ? CC_REFRESH : CC_REFRESH_BEEP;
    }
    (void)write_out(listed(found, size_of(STDOUT_FILENO).columns));
    return CC_REDISPLAY;
  }

  static unsigned char on_question(EditLine* line, int) {
    const Before before = before_cursor(line);
    // Within a word or a quote it is a character like others.
    if (before.open_quote != 0 || !before.partial.empty()) {
      return el_insertstr(line, "?") == 0 ? CC_REFRESH : CC_REFRESH_BEEP;
    }
    const Completion found = of(line).completion(before);
    const bool is_known = !found.what.empty() || !found.candidates.empty();
    (void)write_out(is_known ? listed(found, size_of(STDOUT_FILENO).columns)
                             : "\nNothing more: Enter.\n");
    return CC_REDISPLAY;
  }

  static unsigned char on_interrupt(EditLine* line, int) {
    const LineInfo* info = el_line(line);
    el_cursor(line, static_cast<int>(info->lastchar - info->cursor));
    el_deletestr(line, static_cast<int>(info->lastchar - info->buffer));
    return CC_REFRESH;
  }

  // The next character; while none comes, a prompt that counts down is drawn again each second.
  static int next_character(EditLine* line, wchar_t* character) {
    std::mbstate_t shift{};
    while (true) {
      pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
      const int ready = poll(&input, 1, of(line).setup.is_counting() ? 1'000 : -1);
      if (ready < 0 && errno != EINTR) return -1;
      if (ready <= 0) {
        el_set(line, EL_REFRESH);
        continue;
      }
      char byte = 0;
      const ssize_t got = read(STDIN_FILENO, &byte, 1);
      if (got <= 0) return static_cast<int>(got);
      const size_t used = std::mbrtowc(character, &byte, 1, &shift);
      if (used == static_cast<size_t>(-2)) continue;
      if (used != static_cast<size_t>(-1)) return 1;
      shift = {};
    }
  }
};

Editor::Editor(Setup setup) : state_(std::make_unique<State>()) {
  state_->setup = std::move(setup);
  state_->history = history_init();
  state_->line = el_init("keel", stdin, stdout, stderr);
  EditLine* line = state_->line;
  HistEvent event{};
  history(state_->history, &event, H_SETSIZE, kHistoryLines);
  history(state_->history, &event, H_SETUNIQUE, 1);
  if (!state_->setup.history_path.empty()) {
    history(state_->history, &event, H_LOAD, state_->setup.history_path.c_str());
  }
  el_set(line, EL_CLIENTDATA, state_.get());
  el_set(line, EL_HIST, history, state_->history);
  el_set(line, EL_EDITOR, "emacs");
  el_set(line, EL_PROMPT_ESC, State::prompt_text, kEscapeMark);
  el_set(line, EL_GETCFN, State::next_character);
  el_set(line, EL_ADDFN, "keel-complete", "Complete", State::on_tab);
  el_set(line, EL_ADDFN, "keel-explain", "Explain", State::on_question);
  el_set(line, EL_ADDFN, "keel-clear", "Begin again", State::on_interrupt);
  el_set(line, EL_BIND, "^I", "keel-complete", nullptr);
  el_set(line, EL_BIND, "?", "keel-explain", nullptr);
  el_set(line, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  // Ctrl-C clears the line instead of ending keel.
  el_set(line, EL_SETTY, "-d", "-isig", nullptr);
  el_set(line, EL_BIND, "^C", "keel-clear", nullptr);
}

Editor::~Editor() {
  el_end(state_->line);
  history_end(state_->history);
}

std::optional<std::string> Editor::read_line() {
  int length = 0;
  const char* text = el_gets(state_->line, &length);
  if (text == nullptr || length <= 0) {
    (void)write_out("\n");
    return std::nullopt;
  }
  std::string line(text, static_cast<size_t>(length));
  while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
  if (line.find_first_not_of(' ') == std::string::npos) return line;
  HistEvent event{};
  history(state_->history, &event, H_ENTER, line.c_str());
  if (!state_->setup.history_path.empty()) {
    history(state_->history, &event, H_SAVE, state_->setup.history_path.c_str());
  }
  return line;
}

}  // namespace evenkeel::keel
