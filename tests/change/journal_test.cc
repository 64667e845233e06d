#include "firmware/change/journal.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "firmware/base/limits.h"
#include "tests/change/disk.h"
#include "tests/change/hanging_disk.h"
#include "tests/change/shell.h"
#include "tests/cmocka.h"
#include "tests/settings/files.h"

namespace evenkeel {
namespace {

constexpr Microseconds kSecond = 1'000'000;
constexpr Microseconds kDay = 86'400 * kSecond;
constexpr WallTime kNow = 20'000 * kDay;
constexpr JournalBounds kBounds{.age = 90 * kDay, .bytes = 64u << 20};

Event event(const std::string& what, WallTime when = kNow) {
  return {.when = when,
          .kind = "change",
          .who = "anna",
          .what = what,
          .generation = 7,
          .subject = "c-7"};
}

std::vector<std::string> texts(Journal& journal, const EventFilter& filter) {
  std::vector<std::string> found;
  for (const Event& each : journal.list(filter)) found.push_back(each.what);
  return found;
}

void tend_until_well(Journal& journal) {
  for (int times = 0; times < 1'000 && !journal.alarm().empty(); ++times) journal.tend(kNow);
  assert_string_equal(journal.alarm().c_str(), "");
}

using Texts = std::vector<std::string>;

void what_is_appended_is_listed_after_a_restart(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("journal.sqlite");
  {
    Journal journal(path, kBounds, kNow);
    assert_string_equal(journal.alarm().c_str(), "");
    journal.append(event("first"));
    journal.append({.when = kNow + 1,
                    .kind = "backend",
                    .who = "keeld",
                    .what = "down\0\xff" + std::string("\n'\""),
                    .subject = "shop/web1"});
    assert_true(texts(journal, {}) == (Texts{"down\n'\"", "first"}) ||
                journal.list({}).size() == 2);
  }
  Journal journal(path, kBounds, kNow);
  const std::vector<Event> events = journal.list({});
  assert_int_equal(events.size(), 2);
  assert_true(events[0].id > events[1].id && events[1].id > 0);
  assert_int_equal(events[1].when, kNow);
  assert_string_equal(events[1].kind.c_str(), "change");
  assert_string_equal(events[1].who.c_str(), "anna");
  assert_string_equal(events[1].what.c_str(), "first");
  assert_int_equal(events[1].generation, 7);
  assert_string_equal(events[1].subject.c_str(), "c-7");
  assert_string_equal(events[0].subject.c_str(), "shop/web1");
}

void filters(void** /*state*/) {
  const Folder folder;
  Journal journal(folder.path("journal.sqlite"), kBounds, kNow);
  for (int number = 0; number < 10; ++number) {
    Event each = event(std::to_string(number));
    if (number % 2 == 1) each.kind = "port";
    if (number % 3 == 0) each.subject = "x' OR 1";
    each.generation = static_cast<uint64_t>(number / 5 + 1);
    journal.append(each);
  }
  assert_true(texts(journal, {.limit = 2}) == (Texts{"9", "8"}));
  assert_true(texts(journal, {.limit = 0}).empty());
  assert_true(texts(journal, {.kind = "port"}) == (Texts{"9", "7", "5", "3", "1"}));
  assert_true(texts(journal, {.subject = "x' OR 1"}) == (Texts{"9", "6", "3", "0"}));
  assert_true(texts(journal, {.kind = "port", .subject = "x' OR 1"}) == (Texts{"9", "3"}));
  assert_true(texts(journal, {.generation = 1}) == (Texts{"4", "3", "2", "1", "0"}));
  assert_true(texts(journal, {.kind = "none"}).empty());
}

// Nobody closes a journal when the power fails: copied while it is open, it has every event.
void every_append_is_on_the_disk(void** /*state*/) {
  const Folder folder;
  Journal journal(folder.path("journal.sqlite"), kBounds, kNow);
  for (int number = 0; number < 20; ++number) {
    journal.append(event(std::to_string(number)));
    const Folder other;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path(""))) {
      std::filesystem::copy(entry.path(), other.path(entry.path().filename()));
    }
    Journal copy(other.path("journal.sqlite"), kBounds, kNow);
    assert_int_equal(copy.list({}).size(), number + 1);
  }
}

void what_is_old_goes(void** /*state*/) {
  const Folder folder;
  Journal journal(folder.path("journal.sqlite"), kBounds, kNow);
  journal.append(event("old", kNow - 91 * kDay));
  journal.append(event("almost", kNow - 89 * kDay));
  journal.append(event("new"));
  journal.tend(kNow);
  assert_true(texts(journal, {}) == (Texts{"new", "almost"}));
  journal.set_bounds({.age = kDay, .bytes = kBounds.bytes});
  journal.tend(kNow);
  assert_true(texts(journal, {}) == (Texts{"new"}));
  journal.tend(0);  // a clock that stepped back removes nothing
  assert_true(texts(journal, {}) == (Texts{"new"}));
}

void the_file_stays_within_its_bounds(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("journal.sqlite");
  Journal journal(path, {.age = 90 * kDay, .bytes = 0}, kNow);
  const std::string text(kMaxEventText, 'x');
  for (int number = 0; number < 2'000; ++number) {
    journal.append(event(text + std::to_string(number)));
    if (number % 100 == 0) journal.tend(kNow);
    assert_string_equal(journal.alarm().c_str(), "");
  }
  journal.append(event("last"));
  assert_string_equal(journal.list({.limit = 1})[0].what.c_str(), "last");
  assert_true(std::filesystem::file_size(path) <= kMinJournalBytes);
  assert_true(std::filesystem::file_size(path + "-wal") <= 8u << 20);
}

void a_smaller_bound_shrinks_the_file(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("journal.sqlite");
  {
    Journal journal(path, kBounds, kNow);
    for (int number = 0; number < 1'000; ++number) {
      journal.append(event(std::string(kMaxEventText, 'x')));
    }
    journal.append(event("last"));
    journal.set_bounds({.age = 90 * kDay, .bytes = kMinJournalBytes});
    for (int times = 0; times < 20; ++times) {
      journal.tend(kNow);
      journal.append(event("last"));
    }
    assert_string_equal(journal.alarm().c_str(), "");
    assert_string_equal(journal.list({.limit = 1})[0].what.c_str(), "last");
  }
  assert_true(std::filesystem::file_size(path) <= 2 * kMinJournalBytes);
}

void long_texts_are_cut_and_say_so(void** /*state*/) {
  const Folder folder;
  Journal journal(folder.path("journal.sqlite"), kBounds, kNow);
  std::string text;
  while (text.size() < 2 * kMaxEventText) text += "\xe2\x82\xac";
  journal.append(event(text));
  journal.append(event(std::string(kMaxEventText, 'x')));
  const std::vector<Event> events = journal.list({});
  assert_int_equal(events[0].what.size(), kMaxEventText);
  assert_true(events[1].what.ends_with("\xe2\x82\xac [cut]"));
  assert_in_range(events[1].what.size(), kMaxEventText - 3, kMaxEventText);
}

struct Row {
  const char* description;
  void (*damage)(const std::string& path);
};

void overwrite(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

void a_damaged_file_is_kept_and_a_new_one_begins(void** /*state*/) {
  const Row rows[] = {
      {"something else", [](const std::string& path) { overwrite(path, std::string(9'000, 'x')); }},
      {"a header only",
       [](const std::string& path) {
         std::string bytes(100, '\0');
         std::ifstream(path).read(bytes.data(), 100);
         overwrite(path, bytes + std::string(8'000, '\1'));
       }},
      {"a later version",
       [](const std::string& path) {
         output_of("sqlite3 " + path + " 'PRAGMA user_version = 2'");
       }},
      {"another table", [](const std::string& path) {
         output_of("sqlite3 " + path + " 'DROP TABLE event; CREATE TABLE x (y)'");
       }}};
  for (const Row& row : rows) {
    print_message("%s\n", row.description);
    const Folder folder;
    const std::string path = folder.path("journal.sqlite");
    Journal(path, kBounds, kNow).append(event("before"));
    row.damage(path);
    {
      Journal journal(path, kBounds, kNow);
      assert_string_equal(journal.alarm().c_str(), "");
      journal.append(event("after"));
      const std::vector<Event> events = journal.list({});
      assert_int_equal(events.size(), 2);
      assert_string_equal(events[0].what.c_str(), "after");
      assert_string_equal(events[1].kind.c_str(), "journal");
      assert_non_null(strstr(events[1].what.c_str(), (path + ".damaged").c_str()));
    }
    assert_true(std::filesystem::exists(path + ".damaged"));
    assert_int_equal(Journal(path, kBounds, kNow).list({}).size(), 2);
  }
}

// Damage under a running process: found by the next one that looks there.
void damage_while_it_is_open(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("journal.sqlite");
  {
    Journal journal(path, kBounds, kNow);
    for (int number = 0; number < 3'000; ++number) journal.append(event("many"));
  }
  const auto size = std::filesystem::file_size(path);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4'096);
  file << std::string(size - 4'096, '\x7f');
  file.close();
  Journal journal(path, kBounds, kNow);
  for (int number = 0; number < 10; ++number) {
    journal.append(event("after"));
    journal.tend(kNow);
  }
  assert_string_equal(journal.alarm().c_str(), "");
  assert_in_range(journal.list({.limit = 100, .kind = "change"}).size(), 10, 10);
  assert_int_equal(journal.list({.kind = "journal"}).size(), 1);
}

void a_folder_that_is_missing_and_comes(void** /*state*/) {
  const Folder folder;
  Journal journal(folder.path("state/journal.sqlite"), kBounds, kNow);
  assert_non_null(strstr(journal.alarm().c_str(), folder.path("state/journal.sqlite").c_str()));
  journal.append(event("one"));
  journal.tend(kNow);
  journal.append(event("two"));
  assert_true(texts(journal, {}) == (Texts{"two", "one"}));
  assert_true(texts(journal, {.kind = "port"}).empty());
  assert_int_equal(journal.list({})[0].id, 0);
  std::filesystem::create_directory(folder.path("state"));
  journal.tend(kNow);
  assert_string_equal(journal.alarm().c_str(), "");
  assert_true(texts(journal, {}) == (Texts{"two", "one"}));
  assert_int_not_equal(journal.list({})[0].id, 0);
}

void memory_is_bounded_too(void** /*state*/) {
  const Folder folder;
  Journal journal(folder.path("state/journal.sqlite"), kBounds, kNow);
  for (size_t number = 1; number <= kMaxEventsInMemory + 5; ++number) {
    journal.append(event(std::to_string(number)));
  }
  assert_int_equal(journal.list({.limit = SIZE_MAX}).size(), kMaxEventsListed);
  std::filesystem::create_directory(folder.path("state"));
  journal.tend(kNow);
  assert_string_not_equal(journal.alarm().c_str(), "");  // in several steps
  tend_until_well(journal);
  assert_string_equal(journal.list({.limit = 1})[0].what.c_str(),
                      std::to_string(kMaxEventsInMemory + 5).c_str());
  const std::vector<Event> told = journal.list({.kind = "journal"});
  assert_int_equal(told.size(), 1);
  assert_true(told[0].what.starts_with("5 events"));
}

void a_reader_outside_is_no_trouble_for_ever(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("journal.sqlite");
  Journal(path, kBounds, kNow).append(event("one"));
  const std::string count = "sqlite3 " + path + " 'SELECT count(*) FROM event'";
  assert_string_equal(output_of(count).c_str(), "1\n");
  Journal journal(path, kBounds, kNow);
  journal.append(event("two"));
  assert_int_not_equal(run(count).status, 0);  // it is ours now
  assert_string_equal(journal.alarm().c_str(), "");
}

// The disk is full, and then it is not: nothing is lost and nobody need do anything.
void a_disk_that_fails_and_heals(void** /*state*/) {
  const Disk disk(16'384);
  std::optional<Journal> journal;
  journal.emplace(disk.path("journal.sqlite"), kBounds, kNow);
  Texts expected;
  const auto append = [&](const std::string& what) {
    journal->append(event(what));
    expected.insert(expected.begin(), what);
  };
  append("before");
  disk.fill();
  for (int number = 0; number < 600; ++number) {
    append("full " + std::to_string(number) + std::string(2'000, 'x'));
  }
  assert_non_null(strstr(journal->alarm().c_str(), "make room"));
  journal->tend(kNow);
  assert_string_not_equal(journal->alarm().c_str(), "");
  assert_int_equal(texts(*journal, {.limit = 1'000}).size(), 600);
  disk.make_room();
  tend_until_well(*journal);
  assert_true(texts(*journal, {.limit = 1'000}) == expected);
  journal.emplace(disk.path("journal.sqlite"), kBounds, kNow);
  assert_true(texts(*journal, {.limit = 1'000}) == expected);
}

void a_read_only_disk(void** /*state*/) {
  const Disk disk(2'048);
  const std::string path = disk.path("journal.sqlite");
  Journal(path, kBounds, kNow).append(event("before"));
  disk.set_read_only(true);
  Journal journal(path, kBounds, kNow);
  journal.append(event("meanwhile"));
  assert_string_not_equal(journal.alarm().c_str(), "");
  assert_string_equal(journal.list({.limit = 1})[0].what.c_str(), "meanwhile");
  disk.set_read_only(false);
  journal.tend(kNow);
  assert_string_equal(journal.alarm().c_str(), "");
  assert_true(texts(journal, {}) == (Texts{"meanwhile", "before"}));
}

constexpr Errand::Patience kShort{20};

// The disk answers again: ticks until it has.
void answer_until_well(Journal& journal) {
  the_disk().answer();
  journal.set_patience(std::nullopt);
  while (!journal.alarm().empty()) {
    usleep(1'000);
    journal.tend(kNow);
  }
}

// Nobody waits for it twice, nothing is lost, and nothing is written twice.
void a_disk_that_hangs_and_answers(void** /*state*/) {
  const Folder folder;
  std::optional<Journal> journal;
  journal.emplace(folder.path("journal.sqlite"), kBounds, kNow);
  journal->append(event("before"));
  journal->set_patience(kShort);
  the_disk().hang();
  Texts expected{"before"};
  for (int number = 0; number < 1'000; ++number) {
    const std::string what = "meanwhile " + std::to_string(number);
    journal->append(event(what));
    journal->tend(kNow);
    if (number == 0) {
      assert_non_null(strstr(journal->alarm().c_str(), folder.path("journal.sqlite").c_str()));
      assert_non_null(strstr(journal->alarm().c_str(), "does not answer"));
    }
    expected.insert(expected.begin(), what);
  }
  assert_string_not_equal(journal->alarm().c_str(), "");
  const Texts known(expected.begin(), expected.end() - 1);
  assert_true(texts(*journal, {.limit = 1'000}) == known);
  answer_until_well(*journal);
  assert_true(texts(*journal, {.limit = 1'001}) == expected);
  journal.emplace(folder.path("journal.sqlite"), kBounds, kNow);
  assert_true(texts(*journal, {.limit = 1'001}) == expected);
}

// What no longer fits in memory meanwhile is told; what was being written when it was dropped is
// not lost.
void it_hangs_for_long(void** /*state*/) {
  const Folder folder;
  Journal journal(folder.path("journal.sqlite"), kBounds, kNow);
  journal.set_patience(kShort);
  the_disk().hang();
  for (size_t number = 1; number <= kMaxEventsInMemory + 6; ++number) {
    journal.append(event(std::to_string(number)));
  }
  answer_until_well(journal);
  const std::vector<Event> told = journal.list({.kind = "journal"});
  assert_int_equal(told.size(), 1);
  assert_true(told[0].what.starts_with("5 events"));
  const std::vector<Event> all = journal.list({.limit = kMaxEventsListed, .kind = "change"});
  assert_string_equal(all.front().what.c_str(), std::to_string(kMaxEventsInMemory + 6).c_str());
}

void it_hangs_when_it_is_to_be_opened(void** /*state*/) {
  const Folder folder;
  Journal journal(folder.path("state/journal.sqlite"), kBounds, kNow);
  journal.set_patience(kShort);
  assert_string_not_equal(journal.alarm().c_str(), "");
  std::filesystem::create_directory(folder.path("state"));
  the_disk().hang();
  journal.append(event("one"));
  journal.tend(kNow);
  assert_non_null(strstr(journal.alarm().c_str(), "does not answer"));
  journal.append(event("two"));
  answer_until_well(journal);
  assert_true(texts(journal, {}) == (Texts{"two", "one"}));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_mounts()) return kSkipped;
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_is_appended_is_listed_after_a_restart),
      cmocka_unit_test(filters),
      cmocka_unit_test(every_append_is_on_the_disk),
      cmocka_unit_test(what_is_old_goes),
      cmocka_unit_test(the_file_stays_within_its_bounds),
      cmocka_unit_test(a_smaller_bound_shrinks_the_file),
      cmocka_unit_test(long_texts_are_cut_and_say_so),
      cmocka_unit_test(a_damaged_file_is_kept_and_a_new_one_begins),
      cmocka_unit_test(damage_while_it_is_open),
      cmocka_unit_test(a_folder_that_is_missing_and_comes),
      cmocka_unit_test(memory_is_bounded_too),
      cmocka_unit_test(a_reader_outside_is_no_trouble_for_ever),
      cmocka_unit_test(a_disk_that_fails_and_heals),
      cmocka_unit_test(a_read_only_disk),
      cmocka_unit_test(a_disk_that_hangs_and_answers),
      cmocka_unit_test(it_hangs_for_long),
      cmocka_unit_test(it_hangs_when_it_is_to_be_opened),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
