// `keel top` in a terminal: the screen is drawn again and again, and is what it was before when q
// ends it.
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <boost/json/object.hpp>

#include "tools/keel/fields.h"
#include "tools/keel/run.h"
#include "tools/keel/session.h"
#include "tools/keel/terminal.h"
#include "tools/keel/top.h"
#include "tools/keel/units.h"

namespace evenkeel::keel {
namespace {

// The terminal's other screen, and keys that come one by one.
class Screen {
 public:
  Screen() {
    tcgetattr(STDIN_FILENO, &before_);
    termios keys = before_;
    keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
    tcsetattr(STDIN_FILENO, TCSANOW, &keys);
    (void)write_out("\x1b[?1049h\x1b[?25l");
  }
  ~Screen() {
    (void)write_out("\x1b[?25h\x1b[?1049l");
    tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  static void draw(const std::string& text) {
    std::string frame = "\x1b[H";
    for (const char c : text) {
      if (c == '\n') frame += "\x1b[K";
      frame += c;
    }
    (void)write_out(frame + "\x1b[J");
  }
  // Whether somebody wants to leave before the time is over: q, Ctrl-C, Ctrl-D, or a gone terminal.
  static bool is_left_within(uint64_t seconds) {
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (poll(&input, 1, static_cast<int>(seconds) * 1'000) <= 0) return false;
    char key = 0;
    return read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 3 || key == 4;
  }

 private:
  termios before_{};
};

Reply look(Session& session) {
  boost::json::object all;
  for (const char* name : {"status", "services", "backends"}) {
    Reply part = session.get("/v1/" + std::string(name));
    if (!part.is_good()) return part;
    all[name] = std::move(part.body);
  }
  return {.exit = Exit::done, .body = std::move(all)};
}

// The same without a complaint, which would be lost in the screen; null: nobody answers.
boost::json::value look_quietly(const Session& session) {
  constexpr std::chrono::seconds kPatience{10};  // thousands of backends take their time
  boost::json::object all;
  for (const char* name : {"status", "services", "backends"}) {
    boost::json::value part = session.quietly_get("/v1/" + std::string(name), kPatience);
    if (part.is_null()) return nullptr;
    all[name] = std::move(part);
  }
  return all;
}

struct Times {
  uint64_t every = 1;  // seconds
  uint64_t count = 0;  // 0: until somebody leaves
};

Exit watch(Session& session, const Times& times) {
  const Reply first = look(session);
  if (!first.is_good()) return first.exit;
  boost::json::value now = first.body;
  const Screen screen;
  for (uint64_t i = 0; times.count == 0 || i < times.count; ++i) {
    // Who watches a restart wants to see its end.
    if (i > 0) now = look_quietly(session);
    Style style = session.style();
    const Size size = size_of(STDOUT_FILENO);
    style.width = size.columns;
    Screen::draw(now.is_null()
                     ? painted(style, Colour::red, "keeld does not answer, trying again") +
                           "; q ends it\n"
                     : render_top(now, size.rows > 1 ? size.rows - 1 : 1, style));
    if (Screen::is_left_within(times.every)) break;
  }
  return Exit::done;
}

Exit print(Session& session, const Times& times) {
  for (uint64_t i = 0; i < std::max<uint64_t>(times.count, 1); ++i) {
    if (i > 0) sleep(static_cast<unsigned>(times.every));
    const Exit exit = session.show(look(session), [](const auto& answer, const Style& style) {
      return render_top(answer, 0, style);
    });
    if (exit != Exit::done) return exit;
    const Status written = write_out(session.take_output());
    if (!written.ok()) return session.complain(Exit::local, written.message());
  }
  return Exit::done;
}

}  // namespace

Exit run_top(Session& session, const Given& given) {
  Times times;
  if (given.has("--every")) {
    const Result<uint64_t> seconds = parse_seconds(given.value("--every"));
    if (!seconds.ok()) return session.complain(Exit::usage, "--every: " + seconds.message());
    times.every = std::min<uint64_t>(seconds.value(), 3'600);
  }
  if (given.has("--times")) {
    const std::optional<uint64_t> count = parse_id(given.value("--times"));
    if (!count) return session.complain(Exit::usage, "--times needs a number from 1");
    times.count = *count;
  }
  const bool is_live = size_of(STDIN_FILENO).rows > 0 && size_of(STDOUT_FILENO).rows > 0;
  return is_live && !session.json() ? watch(session, times) : print(session, times);
}

}  // namespace evenkeel::keel
