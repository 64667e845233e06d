#include "firmware/change/journal.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "firmware/base/limits.h"
#include "firmware/change/journal_database.h"

namespace evenkeel {
namespace {

void cut(std::string& text, size_t most) {
  constexpr std::string_view kMark = " [cut]";
  if (text.size() <= most) return;
  size_t end = most - kMark.size();
  // Not within a character of UTF-8.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
  text += kMark;
}

Event bounded(const Event& event) {
  Event result = event;
  cut(result.what, kMaxEventText);
  for (std::string* name : {&result.kind, &result.who, &result.subject}) cut(*name, kMaxName);
  return result;
}

bool is_wanted(const Event& event, const EventFilter& filter) {
  return (filter.kind.empty() || filter.kind == event.kind) &&
         (filter.subject.empty() || filter.subject == event.subject) &&
         (filter.generation == 0 || filter.generation == event.generation);
}

Event event_of_journal(std::string what, WallTime now) {
  return {.when = now,
          .kind = "journal",
          .who = "keeld",
          .what = std::move(what),
          .generation = 0,
          .subject = {}};
}

}  // namespace

Journal::Journal(std::string path, const JournalBounds& bounds, WallTime now)
    : path_(std::move(path)), bounds_(bounds) {
  open(now);
}
Journal::Journal(Journal&&) noexcept = default;
Journal& Journal::operator=(Journal&&) noexcept = default;
Journal::~Journal() = default;

void Journal::open(WallTime now) {
  bool is_damaged = false;
  Result<std::unique_ptr<Database>> opened = Database::open(path_, bounds_, is_damaged);
  if (!opened.ok() && is_damaged && put_aside(opened.message(), now)) {
    opened = Database::open(path_, bounds_, is_damaged);
  }
  if (!opened.ok()) return degrade(opened.message());
  database_ = std::move(opened.value());
  write_memory(now);
}

// The next tend() begins a new file, if the old one is at fault.
void Journal::fail(const std::string& why, WallTime now) {
  const bool is_damaged = database_->is_damaged();
  degrade(why);
  if (is_damaged) put_aside(why, now);
}

// The database, and its log, which belongs to no other one.
bool Journal::put_aside(const std::string& why, WallTime now) {
  const std::string kept = path_ + ".damaged";
  std::remove((kept + "-wal").c_str());
  std::rename((path_ + "-wal").c_str(), (kept + "-wal").c_str());
  if (std::rename(path_.c_str(), kept.c_str()) != 0) return false;
  remember(event_of_journal("the journal was damaged, and is kept as " + kept + ": " + why, now));
  return true;
}

void Journal::degrade(const std::string& why) {
  database_.reset();
  alarm_ = "the journal " + path_ + " cannot be written (" + why + "): the last " +
           std::to_string(kMaxEventsInMemory) +
           " events are kept in memory until it can; make room on its disk, or mend it";
}

void Journal::remember(Event event) {
  memory_.push_back(std::move(event));
  if (memory_.size() <= kMaxEventsInMemory) return;
  memory_.pop_front();
  ++lost_;
}

std::vector<Event> Journal::first_in_memory() const {
  std::vector<Event> events;
  size_t bytes = 0;
  for (const Event& event : memory_) {
    bytes += event.what.size() + 4 * kMaxName;
    if (bytes > kMaxEventBytesWritten) break;
    events.push_back(event);
  }
  return events;
}

// As much as one step may take; the alarm ends with the last of it.
void Journal::write_memory(WallTime now) {
  if (lost_ > 0) {
    const std::string what = std::to_string(lost_) + " events before those in memory are lost";
    if (const Status written = database_->insert({event_of_journal(what, now)}); !written.ok()) {
      return fail(written.message(), now);
    }
    lost_ = 0;
  }
  const std::vector<Event> events = first_in_memory();
  if (!events.empty()) {
    if (const Status written = database_->insert(events); !written.ok()) {
      return fail(written.message(), now);
    }
  }
  memory_.erase(memory_.begin(), memory_.begin() + static_cast<std::ptrdiff_t>(events.size()));
  if (memory_.empty()) alarm_.clear();
}

void Journal::append(const Event& event) {
  if (listener_) listener_(event);
  remember(bounded(event));
  if (database_) write_memory(event.when);
}

std::vector<Event> Journal::list(const EventFilter& filter) const {
  const size_t limit = std::min(filter.limit, kMaxEventsListed);
  std::vector<Event> events;
  for (auto event = memory_.rbegin(); event != memory_.rend() && events.size() < limit; ++event) {
    if (is_wanted(*event, filter)) events.push_back(*event);
  }
  if (database_ && events.size() < limit) {
    const std::vector<Event> older = database_->list(filter, limit - events.size());
    events.insert(events.end(), older.begin(), older.end());
  }
  return events;
}

void Journal::tend(WallTime now) {
  if (!database_) {
    open(now);
  } else {
    write_memory(now);
  }
  if (!database_) return;
  const WallTime oldest = now > bounds_.age ? now - bounds_.age : 0;
  const Status pruned = database_->prune(oldest, bounds_);
  if (!pruned.ok()) fail(pruned.message(), now);
}

}  // namespace evenkeel
