// One line per event, on standard error: for the journal with its level, for a person with the
// time. Control thread only; a packet is never logged.
#pragma once

#include <string>
#include <string_view>

namespace evenkeel {

enum class Level : char { error = '3', warning = '4', notice = '5', info = '6' };  // syslog's

class Log {
 public:
  // Whether the reader is systemd's journal, which keeps the time itself.
  explicit Log(bool is_for_journal) : is_for_journal_(is_for_journal) {}

  void error(std::string_view text) const { write(Level::error, text); }
  void warning(std::string_view text) const { write(Level::warning, text); }
  void notice(std::string_view text) const { write(Level::notice, text); }
  void info(std::string_view text) const { write(Level::info, text); }

  void write(Level level, std::string_view text) const;

  // As written, but for the time: one line, whatever bytes `text` has.
  std::string line(Level level, std::string_view text, std::string_view time) const;

 private:
  const bool is_for_journal_;
};

}  // namespace evenkeel
