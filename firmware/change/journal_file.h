// The journal's file, whatever state it is in: opened, made anew or put aside. What may wait for a
// disk is all here, for a thread of its own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "firmware/change/journal.h"
#include "firmware/change/journal_database.h"

namespace evenkeel {

// Of one thread at a time.
class Journal::File {
 public:
  explicit File(std::string path) : path_(std::move(path)) {}

  // Opens it if need be. A damaged one is kept as PATH.damaged, the last one only, and the new one
  // begins with an event that says so.
  Status open(const JournalBounds& bounds, WallTime now);

  // All or none of them, of kMaxEventBytesWritten at most. After an error it is closed.
  // REQUIRES: open() succeeded last
  Status write(const std::vector<Event>& events, WallTime now);
  Status prune(const JournalBounds& bounds, WallTime now);

  // None while it is closed.
  std::vector<Event> list(const EventFilter& filter, size_t limit) const;

 private:
  Status fail(const Status& status, WallTime now);
  bool put_aside(const std::string& why, WallTime now);

  std::string path_;
  std::unique_ptr<Database> database_;  // none: it is closed
  std::optional<Event> first_;          // to be written into the next one
};

// By keeld itself, of the journal.
Event event_of_journal(std::string what, WallTime now);

}  // namespace evenkeel
