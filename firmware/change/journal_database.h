// The journal's file: SQLite's calls, with what went wrong as a sentence.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>
#include <vector>

#include "firmware/base/status.h"
#include "firmware/change/journal.h"

namespace evenkeel {

class Journal::Database {
 public:
  // Opens or makes it. If it is damaged, or not ours, `ret_is_damaged` says so.
  static Result<std::unique_ptr<Database>> open(const std::string& path,
                                                const JournalBounds& bounds, bool& ret_is_damaged);

  // All or none of them, of kMaxEventBytesWritten at most. Makes room and tries again if the bounds
  // are what is in the way.
  Status insert(const std::vector<Event>& events);
  std::vector<Event> list(const EventFilter& filter, size_t limit) const;
  // Removes the oldest events: those before `oldest`, and as many as are too much.
  Status prune(WallTime oldest, const JournalBounds& bounds);

  // Something failed because of what is in the file.
  bool is_damaged() const { return is_damaged_; }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

  Database() = default;
  Status prepare_file(const JournalBounds& bounds);
  Status set_bounds(const JournalBounds& bounds);
  Status run(const char* statements);
  Status insert_once(const std::vector<Event>& events);
  bool is_at_bounds() const;
  Status remove_oldest(size_t count);
  Result<int64_t> number(const char* query) const;
  Error failed() const;

  std::unique_ptr<sqlite3, Close> handle_;
  Statement insert_;
  mutable bool is_damaged_ = false;
};

}  // namespace evenkeel
