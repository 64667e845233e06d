// What the box does with its state folder, one short story each, and what it finds there when it
// starts again. crash.py has the stories told up to each of their system calls.
//
//   scenario STORY PREPARED WORK    makes the folder PREPARED as the story finds it, and then, for
//                                   each line of standard input, works in WORK:
//     record LOG, kill NUMBER, fail NUMBER ERRNO once|always
//                                   tells the story in a copy of PREPARED (tracer.h); every step is
//                                   marked by a line on standard output, and "done CODE" ends it
//     check                         a line of JSON with what a start finds in WORK, and whether
//                                   work can go on
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

#include "firmware/base/check.h"
#include "firmware/change/archive.h"
#include "firmware/change/journal.h"
#include "firmware/change/libgit2.h"
#include "firmware/change/overrides.h"
#include "tests/crash/tracer.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

constexpr WallTime kNoon = 1'763'726'400'000'000;
constexpr Microseconds kMinute = 60'000'000;
constexpr WallTime kLater = kNoon + 10 * kMinute;
constexpr JournalBounds kBounds{.age = 90 * 1'440 * kMinute, .bytes = 64u << 20};

void mark(const std::string& text) {
  const std::string line = text + "\n";
  CHECK(write(STDOUT_FILENO, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
}

std::string outcome(bool is_ok) { return is_ok ? " ok" : " failed"; }

// What the box has open.
class Box {
 public:
  explicit Box(const std::string& folder)
      : archive_(std::move(Archive::open(folder).value())),
        journal_(folder + "/journal.sqlite", kBounds, kNoon),
        overrides_(folder + "/overrides.json", 0, kNoon) {
    tell();
  }

  // Returns its number; 0: it is not stored.
  uint64_t store(const std::string& text, uint64_t base) {
    mark("begin store " + text);
    const Result<uint64_t> stored = archive_.store(
        {.text = text, .who = "anna", .why = "why", .when = kNoon, .waivers = {}, .base = base});
    const std::string number = stored.ok() ? std::to_string(stored.value()) : "0";
    mark("end store " + number + " " + text + outcome(stored.ok()));
    return stored.ok() ? stored.value() : 0;
  }
  void confirm(uint64_t number, const std::string& text) {
    mark("begin confirm " + text);
    const Status confirmed = archive_.confirm(number);
    mark("end confirm " + text + outcome(confirmed.ok()));
    tell();
  }
  void note(uint64_t number, const std::string& text) {
    mark("begin note");
    mark("end note" + outcome(archive_.note(number, text, "keeld", kNoon).ok()));
  }
  void latch(uint64_t number) {
    mark("begin latch");
    mark("end latch" + outcome(archive_.latch(number).ok()));
  }
  void append(const std::string& text) {
    mark("begin append " + text);
    journal_.append({.when = kNoon, .kind = "change", .who = "anna", .what = text});
    mark("end append " + text + outcome(journal_.alarm().empty()));
  }
  void tend(WallTime now) { journal_.tend(now); }
  void add(const std::string& backend, OverrideKind kind, Microseconds lasts) {
    mark("begin override");
    const bool is_ok =
        overrides_
            .add({.backend = backend, .kind = kind, .lasts = lasts, .reason = "why", .who = "anna"},
                 0, kNoon)
            .ok();
    mark("end override" + outcome(is_ok));
    tell();
  }
  void remove_first() {
    mark("begin override");
    const bool is_ok = !overrides_.all().empty() && overrides_.remove(overrides_.all()[0].id).ok();
    mark("end override" + outcome(is_ok));
    tell();
  }
  void expire(Microseconds now) {
    overrides_.expire(now);
    tell();
  }

 private:
  // What it believes to be on the disk; what has ended until kLater does not count.
  void tell() {
    std::string names;
    for (const Override& each : overrides_.all()) {
      if (each.ends > kLater) names += each.request.backend + ",";
    }
    mark("overrides " + names);
    mark("confirmed " + (archive_.confirmed() ? archive_.confirmed()->text : "none"));
  }

  Archive archive_;
  Journal journal_;
  Overrides overrides_;
};

void begin(const std::string& folder) {
  Box box(folder);
  const uint64_t number = box.store("text-1", 0);
  box.confirm(number, "text-1");
  box.note(number, "the first one");
}

// text-2 is confirmed; text-3 was on probation and is latched.
void prepare(const std::string& folder) {
  begin(folder);
  Box box(folder);
  box.confirm(box.store("text-2", 1), "text-2");
  const uint64_t third = box.store("text-3", 2);
  box.note(third, "rolled back");
  box.latch(third);
  box.append("prepared-1");
  box.append("prepared-2");
  box.add("web1", OverrideKind::drain, 60 * kMinute);
}

void prepare_damage(const std::string& folder) {
  prepare(folder);
  namespace fs = std::filesystem;
  // Every object of the archive, as after a bad sector in each.
  for (const auto& entry : fs::recursive_directory_iterator(folder + "/settings.git/objects")) {
    if (!entry.is_regular_file()) continue;
    fs::resize_file(entry.path(), fs::file_size(entry.path()) / 2);
  }
  std::ofstream(folder + "/settings.git/HEAD") << "x";
}

// As after a crash in the middle of everything.
void prepare_leftovers(const std::string& folder) {
  prepare(folder);
  const std::string repository = folder + "/settings.git";
  std::filesystem::create_directories(repository + ".new/objects");
  std::filesystem::remove(folder + "/last-forwarded.conf");
  for (const char* name : {"/refs/heads/confirmed.lock", "/refs/generations/4.lock",
                           "/objects/tmp_obj_evenkeel", "/HEAD.lock"}) {
    std::ofstream(repository + name) << "half";
  }
  for (const char* name : {"/last-forwarded.conf.new", "/overrides.json.new"}) {
    std::ofstream(folder + name) << "half";
  }
}

void prepare_nothing(const std::string& folder) { std::filesystem::create_directory(folder); }

void change(const std::string& folder) {
  Box box(folder);
  const uint64_t number = box.store("text-4", 2);
  box.append("live");
  box.note(number, "on probation");
  box.append("confirming");
  box.confirm(number, "text-4");
  box.note(number, "confirmed");
  box.append("confirmed");
}

void expire(const std::string& folder) {
  Box box(folder);
  const uint64_t number = box.store("text-4", 2);
  box.append("live");
  box.append("expired");
  box.latch(number);
  box.note(number, "rolled back");
}

// Back to an old text, and then to one that is latched, which confirming it ends.
void back(const std::string& folder) {
  Box box(folder);
  box.confirm(box.store("text-1", 2), "text-1");
  box.confirm(box.store("text-3", 4), "text-3");
}

void override_backends(const std::string& folder) {
  Box box(folder);
  box.add("shop/web2", OverrideKind::maintenance, 60 * kMinute);
  box.add("web1", OverrideKind::drain, 30 * kMinute);
  box.add("web9", OverrideKind::drain, kMinute);
  box.remove_first();
  box.expire(kMinute);
  box.add("web3", OverrideKind::drain, 60 * kMinute);
}

void journal(const std::string& folder) {
  Box box(folder);
  for (int number = 1; number <= 12; ++number) box.append("event-" + std::to_string(number));
  box.tend(kNoon);
  box.append("last");
}

void only_open(const std::string& folder) { const Box box(folder); }

struct Story {
  std::function<void(const std::string&)> prepare;
  std::function<void(const std::string&)> run;
};

const std::map<std::string, Story>& stories() {
  static const std::map<std::string, Story> kStories{
      {"begin", {prepare_nothing, begin}},
      {"change", {prepare, change}},
      {"expire", {prepare, expire}},
      {"back", {prepare, back}},
      {"overrides", {prepare, override_backends}},
      {"journal", {prepare, journal}},
      {"damage", {prepare_damage, only_open}},
      {"leftovers", {prepare_leftovers, change}},
  };
  return kStories;
}

// After whatever happened, one more change, and it stays.
bool goes_on(const std::string& folder) {
  uint64_t number = 0;
  {
    Archive archive = std::move(Archive::open(folder).value());
    const uint64_t base = archive.confirmed() ? archive.confirmed()->number : 0;
    const Result<uint64_t> stored = archive.store({.text = "next", .who = "bo", .base = base});
    if (!stored.ok() || !archive.confirm(stored.value()).ok()) return false;
    number = stored.value();
    if (!archive.note(number, "good", "bo", kNoon).ok()) return false;
  }
  const Archive archive = std::move(Archive::open(folder).value());
  return archive.confirmed() && archive.confirmed()->text == "next" &&
         archive.confirmed()->number == number && !archive.confirmed()->outcome.empty();
}

json::object found_in(const std::string& folder) {
  json::object found;
  {
    const Archive archive = std::move(Archive::open(folder).value());
    found["confirmed"] = archive.confirmed() ? archive.confirmed()->text : "none";
    found["damage"] = json::value_from(archive.damage());
    json::object generations;
    const std::vector<Generation> history = archive.history(100).value();
    for (const Generation& each : history) {
      const Result<Generation> read = archive.read(each.number);
      generations[std::to_string(each.number)] = read.ok() ? read.value().text : "damaged";
    }
    found["generations"] = generations;
  }
  Overrides overrides(folder + "/overrides.json", 0, kLater);
  overrides.expire(0);
  std::string names;
  for (const Override& each : overrides.all()) names += each.request.backend + ",";
  found["overrides"] = names;
  found["trouble"] = overrides.trouble();
  Journal journal(folder + "/journal.sqlite", kBounds, kNoon);
  found["alarm"] = journal.alarm();
  json::array events;
  for (const Event& each : journal.list({.limit = 1'000})) events.push_back(json::value(each.what));
  found["events"] = events;
  found["goes_on"] = goes_on(folder);
  return found;
}

// In a process of its own, so that one that hangs or dies is one that failed.
void check(const std::string& folder) {
  std::cout.flush();
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    alarm(20);
    std::cout << json::serialize(found_in(folder)) << std::endl;
    _exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  if (status != 0) std::cout << R"({"died":)" << status << "}" << std::endl;
}

class Teller {
 public:
  Teller(const Story& story, std::string prepared, std::string work)
      : story_(story), prepared_(std::move(prepared)), work_(std::move(work)) {
    story_.prepare(prepared_);
    mark("done 0");
  }

  void follow(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "check") return check(work_);
    TracePlan plan{.folder = work_};
    if (command == "record") {
      words >> plan.log;
    } else {
      std::string often;
      words >> plan.number >> plan.error >> often;
      plan.mode = command == "kill" ? TracePlan::Mode::kill : TracePlan::Mode::fail;
      plan.is_always = often == "always";
    }
    std::filesystem::remove_all(work_);
    std::filesystem::copy(prepared_, work_, std::filesystem::copy_options::recursive);
    mark("done " + std::to_string(trace(plan, [this] { story_.run(work_); })));
  }

 private:
  const Story& story_;
  const std::string prepared_;
  const std::string work_;
  const GitLibrary library_;  // starting it takes longer than all the rest
};

int tell(int count, char** words) {
  if (count != 4 || !stories().contains(words[1])) {
    std::fprintf(stderr, "usage: scenario STORY PREPARED WORK\n");
    return 1;
  }
  Teller teller(stories().at(words[1]), words[2], words[3]);
  for (std::string line; std::getline(std::cin, line);) teller.follow(line);
  return 0;
}

}  // namespace
}  // namespace evenkeel

int main(int count, char** words) { return evenkeel::tell(count, words); }
