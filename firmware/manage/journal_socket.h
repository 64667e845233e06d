// The door of systemd's journal: one datagram is one entry. Not by sd_journal_send(), which waits
// for a journal that does not take entries; here an entry that is not taken at once is refused, for
// no log is worth a late plan.
#pragma once

#include <string>
#include <string_view>

namespace evenkeel {

class JournalSocket {
 public:
  static constexpr const char* kPath = "/run/systemd/journal/socket";

  explicit JournalSocket(std::string path = kPath);
  ~JournalSocket();
  JournalSocket(const JournalSocket&) = delete;
  JournalSocket& operator=(const JournalSocket&) = delete;

  // Answers whether the journal has it now.
  bool send(std::string_view message) const;

 private:
  const std::string path_;
  const int socket_;  // below 0: there can be none
};

}  // namespace evenkeel
