// What happened and when, in an SQLite database that is bounded by age and by size. An event is on
// the disk before append() returns. A disk that is full, fails or hangs costs nothing but the disk:
// events then go to a bounded ring in memory, alarm() says so, and tend() writes them down as soon
// as the disk takes them again.
//
// The log is a write-ahead log (WAL) with synchronous=FULL: one fsync() per event instead of a
// rollback journal's three, on the thread that also drives a change. It is opened exclusively, so
// that the log's index is in our memory, where a full disk cannot kill the process (SIGBUS), and
// so that no reader can keep the log from being folded in and growing without bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/base/errand.h"
#include "firmware/base/status.h"

namespace evenkeel {

// NOLINTBEGIN(readability-redundant-member-init): gcc 12 warns of members without.

struct Event {
  WallTime when = 0;
  // One word: change, rollout, rule, override, command, backend, port, alert, archive, journal.
  std::string kind{};
  std::string who{};        // "keeld", or the operator
  std::string what{};       // one line for people
  uint64_t generation = 0;  // that it is about; 0: none
  std::string subject{};    // that it is about: a change's id, "SERVICE/BACKEND", a port, a rule
  // Given by the journal:
  uint64_t id = 0;  // rises; 0 while the event is in memory only
};

struct EventFilter {
  size_t limit = 100;          // kMaxEventsListed at most
  std::string_view kind{};     // empty: all
  std::string_view subject{};  // empty: all
  uint64_t generation = 0;     // 0: all
};

// NOLINTEND(readability-redundant-member-init)

struct JournalBounds {
  Microseconds age = 0;
  uint64_t bytes = 0;  // kMinJournalBytes at least
};

// Control thread only.
class Journal {
 public:
  // Always gives a journal; see alarm(). A damaged file is kept as PATH.damaged, the last one only.
  Journal(std::string path, const JournalBounds& bounds, WallTime now);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();

  // How long a disk may take before it hangs; none, as at the beginning: for ever.
  void set_patience(std::optional<Errand::Patience> patience) { errand_.set_patience(patience); }

  // Who is told of every event too: the log.
  void set_listener(std::function<void(const Event&)> listener) { listener_ = std::move(listener); }

  // When it returns, the event would survive a power cut, or alarm() is not empty. Texts of more
  // than kMaxEventText, and names of more than kMaxName, are cut, and say so.
  void append(const Event& event);

  // The newest first, those in memory included; those alone while the disk fails.
  std::vector<Event> list(const EventFilter& filter);

  // Prunes what is too old or too much, and tries to come back to a disk that failed. For a timer
  // of some seconds; never takes long, so much goes in several steps.
  void tend(WallTime now);

  // What is wrong and what to do, in one sentence; empty: all is well.
  const std::string& alarm() const { return alarm_; }

  // From the next tend() on.
  void set_bounds(const JournalBounds& bounds) { bounds_ = bounds; }

 private:
  class Database;
  class File;
  struct Visit;

  void visit(WallTime now, bool is_tended);
  void end(const Visit& visit);
  void remember(Event event);
  std::vector<Event> first_in_memory() const;
  void say_it_hangs();

  std::string path_;
  JournalBounds bounds_;
  std::function<void(const Event&)> listener_;  // none: nobody
  std::shared_ptr<File> file_;                  // the errand's, while one is under way
  bool is_open_ = false;                        // else only tend() tries to write
  std::deque<Event> memory_;                    // what is not on the disk, oldest first
  size_t under_way_ = 0;                        // of these, the first so many are being written
  uint64_t dropped_ = 0;  // that were being written when they no longer fitted
  uint64_t lost_ = 0;     // that no longer fitted there
  std::string alarm_;
  Errand errand_;
};

}  // namespace evenkeel
