// Opening an archive, damaged or not: firmware/change/archive.h says what comes of it.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ranges>
#include <utility>

#include "firmware/base/limits.h"
#include "firmware/change/archive_message.h"
#include "firmware/change/archive_state.h"
#include "firmware/change/files.h"

namespace evenkeel {

Status Archive::State::take_folder() {
  if (mkdir(folder.c_str(), 0755) == 0) complain_of(sync_folder(folder_of(folder)));
  lock = Descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock.is_open()) {
    return Error{"the folder " + folder + " cannot be used: " + std::strerror(errno)};
  }
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return Error{"another keeld works in " + folder + ": end it, or give this one another --state"};
  }
  return {};
}

Status Archive::State::attach_new() {
  if (Status made = Repository::create(path()); !made.ok()) return made;
  numbers.clear();
  repository.reset();
  Result<Repository> opened = Repository::open(path(), damage);
  if (!opened.ok()) return Error{opened.message()};
  repository = std::make_unique<Repository>(std::move(opened.value()));
  return {};
}

void Archive::State::begin_anew() {
  complain(path() + " is of no use: it is kept as " + path() + ".damaged-*, and a new one begins");
  complain_of(attach_new());
}

void Archive::State::attach() {
  struct stat status{};
  if (lstat(path().c_str(), &status) != 0 && errno == ENOENT) return complain_of(attach_new());
  Result<Repository> opened = Repository::open(path(), damage);
  if (opened.ok()) {
    repository = std::make_unique<Repository>(std::move(opened.value()));
  } else {
    complain(opened.message());
    begin_anew();
  }
}

void Archive::State::count_numbers() {
  if (!repository) return;
  for (const std::string& name : repository->references("refs/generations")) {
    uint64_t number = 0;
    const char* end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data(), end, number);
    if (error != std::errc() || stop != end || number == 0 || number > kMaxGeneration) continue;
    numbers.insert(number);
    next = std::max(next, number + 1);
  }
}

void Archive::State::verify_recent() {
  size_t verified = 0;
  for (const uint64_t number : numbers | std::views::reverse) {
    if (++verified > kGenerationsVerified) return;
    if (const Result<FoundGeneration> found = read(number); !found.ok()) {
      complain(found.message());
    }
  }
}

std::optional<Generation> Archive::State::read_copy_file() {
  const Result<std::optional<std::string>> file =
      read_file(copy_path(), kMaxSettingsBytes + kMaxWhy);
  if (!file.ok()) complain(file.message());
  const std::optional<std::string> text = file.ok() ? file.value() : std::nullopt;
  if (!text) return std::nullopt;
  std::optional<Generation> copy = read_copy(*text);
  if (!copy) {
    complain(copy_path() + " is damaged");
    return std::nullopt;
  }
  next = std::max(next, copy->number + 1);
  copy->who = "keeld";
  copy->why = "Restored from last-forwarded.conf, the copy of " + generation_name(copy->number);
  return copy;
}

void Archive::State::find_confirmed() {
  const std::optional<Generation> copy = read_copy_file();
  if (!repository) return fall_back(copy);
  const Result<std::optional<ObjectId>> reference = repository->reference(kConfirmed);
  if (!reference.ok()) {
    complain(reference.message());
    return fall_back(copy);
  }
  const std::optional<ObjectId>& id = reference.value();
  if (!id) {
    if (numbers.empty() && !copy) return;  // new
    complain(std::string(kConfirmed) + " is missing in " + path());
    return fall_back(copy);
  }
  const Result<FoundGeneration> found = read(*id);
  if (!found.ok()) {
    complain("the confirmed generation is damaged: " + found.message());
    return fall_back(copy);
  }
  const Generation& generation = found.value().generation;
  confirmed = generation;
  confirmed_id = *id;
  next = std::max(next, generation.number + 1);
  const bool is_copied = copy && copy->number == generation.number && copy->text == generation.text;
  if (!is_copied) write_copy_file(generation);
}

// Which generations were confirmed, without the reference that says so: those that others were
// made from, and the one that was copied. If none of these can be read, an older one is better than
// one that may just have been rolled back, and any is better than none.
std::optional<FoundGeneration> Archive::State::newest_known(
    const std::optional<Generation>& copy) const {
  std::optional<FoundGeneration> older;
  std::optional<FoundGeneration> newest;
  std::set<uint64_t> confirmed_once;
  if (copy) confirmed_once.insert(copy->number);
  for (const uint64_t number : numbers | std::views::reverse) {
    const Result<FoundGeneration> found = read(number);
    if (found.ok() && confirmed_once.contains(number)) return found.value();
    const Result<Generation> facts = read_facts(number);
    if (facts.ok() && facts.value().base != 0) confirmed_once.insert(facts.value().base);
    if (!found.ok()) continue;
    if (!newest) newest = found.value();
    if (!older && !confirmed_once.empty() && number < *confirmed_once.rbegin()) {
      older = found.value();
    }
  }
  if (copy) return std::nullopt;
  return older ? older : newest;
}

void Archive::State::fall_back(const std::optional<Generation>& copy) {
  std::optional<FoundGeneration> best = newest_known(copy);
  if (copy && (!best || best->generation.number < copy->number ||
               (best->generation.number == copy->number && best->generation.text != copy->text))) {
    best = restore(*copy);
  }
  if (!best) return complain("no generation can be read in " + path());
  complain("the box goes on with " + generation_name(best->generation.number) + ": " +
           best->generation.why);
  make_confirmed(*best);
}

// As a generation of its own: what the copy was made of is not there any more.
FoundGeneration Archive::State::restore(const Generation& copy) {
  for (const bool is_first : {true, false}) {
    if (!repository) break;
    const Result<uint64_t> number = store(copy);
    if (number.ok()) {
      if (const Result<FoundGeneration> found = read(number.value()); found.ok()) {
        return found.value();
      }
    }
    complain("last-forwarded.conf cannot be stored: " +
             (number.ok() ? "it does not read back" : number.message()));
    if (is_first) begin_anew();
  }
  return {.generation = copy};
}

void Archive::State::make_confirmed(const FoundGeneration& found) {
  confirmed = found.generation;
  if (!repository || found.id.empty()) return;
  const Status moved = repository->move_reference(kConfirmed, found.id, std::nullopt);
  complain_of(moved);
  if (!moved.ok()) return;
  confirmed_id = found.id;
  write_copy_file(found.generation);
}

}  // namespace evenkeel
