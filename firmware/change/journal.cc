#include "firmware/change/journal.h"

#include <algorithm>
#include <utility>

#include "firmware/base/limits.h"
#include "firmware/change/journal_file.h"

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

}  // namespace

// What one visit to the file is for, and what came of it.
struct Journal::Visit {
  std::vector<Event> events;
  uint64_t lost = 0;  // that the first of them tells
  WallTime now = 0;
  JournalBounds bounds;
  bool is_tended = false;
  bool is_written = false;
  // NOLINTNEXTLINE(readability-redundant-member-init): gcc 12 warns of members without.
  Status status{};

  void carry_out(File& file) {
    status = file.open(bounds, now);
    if (!status.ok()) return;
    if (!events.empty()) status = file.write(events, now);
    is_written = status.ok();
    if (is_tended && status.ok()) status = file.prune(bounds, now);
  }
};

Journal::Journal(std::string path, const JournalBounds& bounds, WallTime now)
    : path_(std::move(path)), bounds_(bounds), file_(std::make_shared<File>(path_)) {
  visit(now, false);
}
Journal::~Journal() = default;

void Journal::remember(Event event) {
  memory_.push_back(std::move(event));
  if (memory_.size() <= kMaxEventsInMemory) return;
  memory_.pop_front();
  if (under_way_ == 0) {
    ++lost_;
  } else {
    --under_way_;
    ++dropped_;
  }
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
void Journal::visit(WallTime now, bool is_tended) {
  const auto visit = std::make_shared<Visit>(Visit{.events = first_in_memory(),
                                                   .lost = lost_,
                                                   .now = now,
                                                   .bounds = bounds_,
                                                   .is_tended = is_tended});
  under_way_ = visit->events.size();
  if (lost_ > 0) {
    const std::string what = std::to_string(lost_) + " events before those in memory are lost";
    visit->events.insert(visit->events.begin(), event_of_journal(what, now));
  }
  const auto end_of = [this, visit] { end(*visit); };
  if (errand_.run([file = file_, visit] { visit->carry_out(*file); }, end_of)) {
    end_of();
  } else {
    say_it_hangs();
  }
}

void Journal::end(const Visit& visit) {
  if (visit.is_written) {
    memory_.erase(memory_.begin(), memory_.begin() + static_cast<std::ptrdiff_t>(under_way_));
    lost_ -= visit.lost;
  } else {
    lost_ += dropped_;
  }
  under_way_ = 0;
  dropped_ = 0;
  is_open_ = visit.status.ok();
  if (!is_open_) {
    alarm_ = "the journal " + path_ + " cannot be written (" + visit.status.message() +
             "): the last " + std::to_string(kMaxEventsInMemory) +
             " events are kept in memory until it can; make room on its disk, or mend it";
  } else if (memory_.empty()) {
    alarm_.clear();
  }
}

void Journal::say_it_hangs() {
  alarm_ = "the disk of the journal " + path_ + " does not answer: the last " +
           std::to_string(kMaxEventsInMemory) +
           " events are kept in memory until it does; look after it";
}

void Journal::append(const Event& event) {
  if (listener_) listener_(event);
  remember(bounded(event));
  if (errand_.is_free() && is_open_) visit(event.when, false);
}

std::vector<Event> Journal::list(const EventFilter& filter) {
  const size_t limit = std::min(filter.limit, kMaxEventsListed);
  std::vector<Event> events;
  const bool is_free = errand_.is_free();
  for (auto event = memory_.rbegin(); event != memory_.rend() && events.size() < limit; ++event) {
    if (is_wanted(*event, filter)) events.push_back(*event);
  }
  if (!is_free || !is_open_ || events.size() == limit) return events;
  const auto older = std::make_shared<std::vector<Event>>();
  const auto look = [file = file_, older, kind = std::string(filter.kind),
                     subject = std::string(filter.subject), generation = filter.generation,
                     left = limit - events.size()] {
    *older = file->list({.kind = kind, .subject = subject, .generation = generation}, left);
  };
  const auto end_of_hanging = [this] {
    if (memory_.empty()) alarm_.clear();
  };
  if (errand_.run(look, end_of_hanging)) {
    events.insert(events.end(), older->begin(), older->end());
  } else {
    say_it_hangs();
  }
  return events;
}

void Journal::tend(WallTime now) {
  if (errand_.is_free()) visit(now, true);
}

}  // namespace evenkeel
