#include "tools/keel/terminal.h"

#include <langinfo.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace evenkeel::keel {
namespace {

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread
  return value != nullptr && *value != '\0';
}

sigset_t only_interrupt() {
  sigset_t set{};
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

void hold_interrupts() {
  const sigset_t set = only_interrupt();
  sigprocmask(SIG_BLOCK, &set, nullptr);
}

bool take_interrupt() {
  const sigset_t set = only_interrupt();
  const timespec at_once{};
  return sigtimedwait(&set, nullptr, &at_once) == SIGINT;
}

Size size_of(int file_descriptor) {
  winsize size{};
  if (isatty(file_descriptor) == 0) return {};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): ioctl is what there is.
  const bool is_known = ioctl(file_descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return is_known ? Size{size.ws_col, size.ws_row} : Size{80, 24};
}

Style style_of(int file_descriptor) {
  const Size size = size_of(file_descriptor);
  const char* terminal = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe): one thread
  const bool is_dumb = terminal == nullptr || std::strcmp(terminal, "dumb") == 0;
  return {.colours = size.columns > 0 && !is_dumb && !is_set("NO_COLOR"),
          .unicode = std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
          .width = size.columns};
}

Status write_out(std::string_view text) {
  const bool is_written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if ((std::fflush(stdout) == 0 && is_written) || errno == EPIPE) return {};
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  return Error{std::string("cannot write the output: ") + std::strerror(errno)};
}

void page(std::string_view text) {
  const Size size = size_of(STDOUT_FILENO);
  const auto lines = static_cast<size_t>(std::ranges::count(text, '\n'));
  if (size.rows == 0 || lines + 1 < size.rows) return (void)write_out(text);
  // Colours pass, and what is short stays on the screen.
  setenv("LESS", "FRX", 0);  // NOLINT(concurrency-mt-unsafe): one thread
  const char* pager =
      is_set("PAGER") ? std::getenv("PAGER") : "less";  // NOLINT(concurrency-mt-unsafe)
  // Ctrl-C is the pager's while it runs.
  const auto before = std::signal(SIGINT, SIG_IGN);
  std::FILE* pipe = popen(pager, "w");
  if (pipe == nullptr) {
    (void)write_out(text);
  } else {
    std::fwrite(text.data(), 1, text.size(), pipe);
    const int ended = pclose(pipe);
    constexpr int kNotFound = 127;  // the shell's
    if (WIFEXITED(ended) && WEXITSTATUS(ended) == kNotFound) (void)write_out(text);
  }
  std::signal(SIGINT, before);
}

}  // namespace evenkeel::keel
