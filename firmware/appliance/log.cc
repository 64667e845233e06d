#include "firmware/appliance/log.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace evenkeel {
namespace {

const char* name_of(Level level) {
  switch (level) {
    case Level::error:
      return "error";
    case Level::warning:
      return "warning";
    case Level::notice:
      return "notice";
    case Level::info:
      break;
  }
  return "info";
}

// "2026-11-21T05:33:41.123Z"
std::string utc_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::time_t seconds = milliseconds / 1'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text.data() + length, text.size() - length, ".%03dZ",
                static_cast<int>(milliseconds % 1'000));
  return text.data();
}

}  // namespace

// In one piece, so that lines of two processes never mix. A reader that has gone is no reason to
// stop forwarding.
void Log::write(Level level, std::string_view text) const {
  const std::string whole = line(level, text, is_for_journal_ ? "" : utc_now());
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, whole.data(), whole.size());
}

std::string Log::line(Level level, std::string_view text, std::string_view time) const {
  std::string line = is_for_journal_ ? std::string("<") + static_cast<char>(level) + ">"
                                     : std::string(time) + " " + name_of(level) + ": ";
  for (const char character : text) {
    const bool is_control = static_cast<unsigned char>(character) < ' ' || character == '\x7f';
    line += is_control ? ' ' : character;
  }
  return line + '\n';
}

}  // namespace evenkeel
