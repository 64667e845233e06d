#include "firmware/change/journal_file.h"

#include <cstdio>

#include "firmware/base/check.h"

namespace evenkeel {

Event event_of_journal(std::string what, WallTime now) {
  return {.when = now,
          .kind = "journal",
          .who = "keeld",
          .what = std::move(what),
          .generation = 0,
          .subject = {}};
}

Status Journal::File::open(const JournalBounds& bounds, WallTime now) {
  if (database_) return {};
  bool is_damaged = false;
  Result<std::unique_ptr<Database>> opened = Database::open(path_, bounds, is_damaged);
  if (!opened.ok() && is_damaged && put_aside(opened.message(), now)) {
    opened = Database::open(path_, bounds, is_damaged);
  }
  if (!opened.ok()) return Error{opened.message()};
  database_ = std::move(opened.value());
  if (!first_) return {};
  const Status written = write({*first_}, now);
  if (written.ok()) first_.reset();
  return written;
}

Status Journal::File::write(const std::vector<Event>& events, WallTime now) {
  REQUIRE(database_ != nullptr);
  return fail(database_->insert(events), now);
}

Status Journal::File::prune(const JournalBounds& bounds, WallTime now) {
  REQUIRE(database_ != nullptr);
  const WallTime oldest = now > bounds.age ? now - bounds.age : 0;
  return fail(database_->prune(oldest, bounds), now);
}

std::vector<Event> Journal::File::list(const EventFilter& filter, size_t limit) const {
  return database_ ? database_->list(filter, limit) : std::vector<Event>();
}

// The next open() begins a new file, if the old one is at fault.
Status Journal::File::fail(const Status& status, WallTime now) {
  if (status.ok()) return status;
  const bool is_damaged = database_->is_damaged();
  database_.reset();
  if (is_damaged) put_aside(status.message(), now);
  return status;
}

// The database, and its log, which belongs to no other one.
bool Journal::File::put_aside(const std::string& why, WallTime now) {
  const std::string kept = path_ + ".damaged";
  std::remove((kept + "-wal").c_str());
  std::rename((path_ + "-wal").c_str(), (kept + "-wal").c_str());
  if (std::rename(path_.c_str(), kept.c_str()) != 0) return false;
  first_ = event_of_journal("the journal was damaged, and is kept as " + kept + ": " + why, now);
  return true;
}

}  // namespace evenkeel
