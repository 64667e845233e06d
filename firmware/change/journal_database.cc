#include "firmware/change/journal_database.h"

#include <algorithm>
#include <array>

#include "firmware/base/limits.h"

namespace evenkeel {
namespace {

// A file that another version made is not read by guess.
constexpr int kVersion = 1;

// Of 4 kB each, with those of the indexes: kMaxEventBytesWritten, twice over.
constexpr int64_t kPagesOfOneInsert = 64;

// Of auto_vacuum, only a new file takes notice. The log is folded in every 4 MB, and cut back then.
constexpr const char* kSetUp =
    "PRAGMA locking_mode = EXCLUSIVE;"
    "PRAGMA auto_vacuum = INCREMENTAL;"
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA journal_size_limit = 4194304;"
    "PRAGMA temp_store = MEMORY;";

constexpr const char* kMake =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE event (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL,"
    " kind TEXT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, generation INTEGER NOT NULL,"
    " subject TEXT NOT NULL);"
    "CREATE INDEX event_by_kind ON event (kind);"
    "CREATE INDEX event_by_subject ON event (subject);"
    "CREATE INDEX event_by_generation ON event (generation);"
    "PRAGMA user_version = 1;"
    "COMMIT;";

constexpr const char* kInsert =
    "INSERT INTO event (time, kind, who, what, generation, subject) VALUES (?, ?, ?, ?, ?, ?)";

int bind_text(sqlite3_stmt* statement, int place, std::string_view text) {
  return sqlite3_bind_text64(statement, place, text.data(), text.size(), SQLITE_TRANSIENT,
                             SQLITE_UTF8);
}

std::string text_of(sqlite3_stmt* statement, int column) {
  const unsigned char* text = sqlite3_column_text(statement, column);
  const int length = sqlite3_column_bytes(statement, column);
  return text == nullptr
             ? std::string()
             : std::string(reinterpret_cast<const char*>(text), static_cast<size_t>(length));
}

Event event_of(sqlite3_stmt* row) {
  Event event;
  event.id = static_cast<uint64_t>(sqlite3_column_int64(row, 0));
  event.when = static_cast<WallTime>(sqlite3_column_int64(row, 1));
  event.kind = text_of(row, 2);
  event.who = text_of(row, 3);
  event.what = text_of(row, 4);
  event.generation = static_cast<uint64_t>(sqlite3_column_int64(row, 5));
  event.subject = text_of(row, 6);
  return event;
}

}  // namespace

Error Journal::Database::failed() const {
  const int code = sqlite3_errcode(handle_.get());
  is_damaged_ = is_damaged_ || code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
  return Error{sqlite3_errmsg(handle_.get())};
}

Status Journal::Database::run(const char* statements) {
  if (sqlite3_exec(handle_.get(), statements, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return failed();
}

Result<int64_t> Journal::Database::number(const char* query) const {
  sqlite3_stmt* prepared = nullptr;
  const int error = sqlite3_prepare_v2(handle_.get(), query, -1, &prepared, nullptr);
  const Statement statement(prepared);
  if (error != SQLITE_OK || sqlite3_step(prepared) != SQLITE_ROW) return failed();
  return sqlite3_column_int64(prepared, 0);
}

Result<std::unique_ptr<Journal::Database>> Journal::Database::open(const std::string& path,
                                                                   const JournalBounds& bounds,
                                                                   bool& ret_is_damaged) {
  std::unique_ptr<Database> database(new Database);
  sqlite3* handle = nullptr;
  const int error =
      sqlite3_open_v2(path.c_str(), &handle,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  database->handle_.reset(handle);
  if (error != SQLITE_OK) return database->failed();
  if (const Status prepared = database->prepare_file(bounds); !prepared.ok()) {
    ret_is_damaged = database->is_damaged();
    return Error{prepared.message()};
  }
  const Result<int64_t> version = database->number("PRAGMA user_version");
  if (!version.ok()) return Error{version.message()};
  if (version.value() != kVersion) {
    ret_is_damaged = true;
    return Error{"it is of version " + std::to_string(version.value())};
  }
  sqlite3_stmt* insert = nullptr;
  if (sqlite3_prepare_v2(handle, kInsert, -1, &insert, nullptr) != SQLITE_OK) {
    ret_is_damaged = true;
    return database->failed();
  }
  database->insert_.reset(insert);
  return database;
}

Status Journal::Database::prepare_file(const JournalBounds& bounds) {
  if (Status set_up = run(kSetUp); !set_up.ok()) return set_up;
  const Result<int64_t> tables = number("SELECT count(*) FROM sqlite_schema");
  if (!tables.ok()) return Error{tables.message()};
  if (tables.value() == 0) {
    if (Status made = run(kMake); !made.ok()) return made;
  }
  return set_bounds(bounds);
}

// SQLite itself then keeps the file from growing beyond them.
Status Journal::Database::set_bounds(const JournalBounds& bounds) {
  const Result<int64_t> page = number("PRAGMA page_size");
  if (!page.ok()) return Error{page.message()};
  const uint64_t bytes = std::max<uint64_t>(bounds.bytes, kMinJournalBytes);
  const uint64_t pages = bytes / static_cast<uint64_t>(page.value());
  return run(("PRAGMA max_page_count = " + std::to_string(pages)).c_str());
}

Status Journal::Database::insert_once(const std::vector<Event>& events) {
  if (Status begun = run("BEGIN IMMEDIATE"); !begun.ok()) return begun;
  for (const Event& event : events) {
    sqlite3_stmt* insert = insert_.get();
    sqlite3_reset(insert);
    sqlite3_bind_int64(insert, 1, static_cast<sqlite3_int64>(event.when));
    bind_text(insert, 2, event.kind);
    bind_text(insert, 3, event.who);
    bind_text(insert, 4, event.what);
    sqlite3_bind_int64(insert, 5, static_cast<sqlite3_int64>(event.generation));
    bind_text(insert, 6, event.subject);
    if (sqlite3_step(insert) != SQLITE_DONE) {
      Error error = failed();
      sqlite3_reset(insert);
      return error;
    }
  }
  sqlite3_reset(insert_.get());
  return run("COMMIT");
}

// Whether a full file is full because of them, and not because the disk is.
bool Journal::Database::is_at_bounds() const {
  const Result<int64_t> pages = number("PRAGMA page_count");
  const Result<int64_t> most = number("PRAGMA max_page_count");
  return pages.ok() && most.ok() && pages.value() + kPagesOfOneInsert >= most.value();
}

Status Journal::Database::insert(const std::vector<Event>& events) {
  Status inserted = insert_once(events);
  if (inserted.ok() || sqlite3_errcode(handle_.get()) != SQLITE_FULL) return inserted;
  if (sqlite3_get_autocommit(handle_.get()) == 0 && !run("ROLLBACK").ok()) return inserted;
  if (!is_at_bounds() || !remove_oldest(kEventsPrunedAtOnce).ok()) return inserted;
  return insert_once(events);
}

Status Journal::Database::remove_oldest(size_t count) {
  const std::string statement =
      "DELETE FROM event WHERE id IN (SELECT id FROM event ORDER BY id LIMIT " +
      std::to_string(count) + ")";
  return run(statement.c_str());
}

Status Journal::Database::prune(WallTime oldest, const JournalBounds& bounds) {
  const std::string too_old =
      "DELETE FROM event WHERE id IN (SELECT id FROM event ORDER BY id LIMIT " +
      std::to_string(kEventsPrunedAtOnce) + ") AND time < " + std::to_string(oldest);
  if (Status pruned = run(too_old.c_str()); !pruned.ok()) return pruned;
  const Result<int64_t> page = number("PRAGMA page_size");
  const Result<int64_t> pages = number("PRAGMA page_count");
  const Result<int64_t> unused = number("PRAGMA freelist_count");
  for (const Result<int64_t>* read : {&page, &pages, &unused}) {
    if (!read->ok()) return Error{read->message()};
  }
  const uint64_t bytes = std::max<uint64_t>(bounds.bytes, kMinJournalBytes);
  const auto used = static_cast<uint64_t>((pages.value() - unused.value()) * page.value());
  // Room is kept for what happens until the next time.
  if (used > bytes - bytes / 8) {
    if (Status pruned = remove_oldest(kEventsPrunedAtOnce); !pruned.ok()) return pruned;
  }
  if (static_cast<uint64_t>(pages.value() * page.value()) > bytes) {
    if (Status shrunk = run("PRAGMA incremental_vacuum(1000)"); !shrunk.ok()) return shrunk;
  }
  return set_bounds(bounds);
}

std::vector<Event> Journal::Database::list(const EventFilter& filter, size_t limit) const {
  std::string query = "SELECT id, time, kind, who, what, generation, subject FROM event WHERE 1";
  if (!filter.kind.empty()) query += " AND kind = ?1";
  if (!filter.subject.empty()) query += " AND subject = ?2";
  if (filter.generation != 0) query += " AND generation = " + std::to_string(filter.generation);
  query += " ORDER BY id DESC LIMIT " + std::to_string(limit);
  sqlite3_stmt* prepared = nullptr;
  std::vector<Event> events;
  if (sqlite3_prepare_v2(handle_.get(), query.c_str(), -1, &prepared, nullptr) != SQLITE_OK) {
    return events;
  }
  const Statement statement(prepared);
  if (!filter.kind.empty()) bind_text(prepared, 1, filter.kind);
  if (!filter.subject.empty()) bind_text(prepared, 2, filter.subject);
  while (sqlite3_step(prepared) == SQLITE_ROW) events.push_back(event_of(prepared));
  return events;
}

}  // namespace evenkeel
