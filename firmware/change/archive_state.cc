#include "firmware/change/archive_state.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "firmware/base/limits.h"
#include "firmware/change/archive_message.h"
#include "firmware/change/files.h"

namespace evenkeel {
namespace {

std::string latch_reference(std::string_view text) {
  return "refs/latches/" + Repository::id_of_text(text);
}

void fill_in(Generation& generation, Commit&& commit) {
  generation.text = std::move(commit.text);
  generation.who = std::move(commit.author);
  generation.when = commit.when;
}

}  // namespace

std::string generation_reference(uint64_t number) {
  return "refs/generations/" + std::to_string(number);
}

std::string generation_name(uint64_t number) { return "generation " + std::to_string(number); }

void Archive::State::complain(const std::string& text) {
  if (damage.size() < kMaxDamage && std::ranges::find(damage, text) == damage.end()) {
    damage.push_back(text);
  }
}

void Archive::State::complain_of(const Status& status) {
  if (!status.ok()) complain(status.message());
}

void Archive::State::write_copy_file(const Generation& generation) {
  complain_of(replace_file(copy_path(), write_copy(generation)));
}

Result<ObjectId> Archive::State::id_of(uint64_t number) const {
  if (!repository) {
    return Error{path() + " cannot be used: free or mend its disk, and restart keeld"};
  }
  const Result<std::optional<ObjectId>> found = repository->reference(generation_reference(number));
  if (!found.ok()) return Error{generation_name(number) + " is damaged: " + found.message()};
  const std::optional<ObjectId>& id = found.value();
  if (!id) return Error{"there is no " + generation_name(number) + ": see keel history"};
  return *id;
}

Result<FoundGeneration> Archive::State::read(const ObjectId& id) const {
  Result<Commit> commit = repository->get(id);
  if (!commit.ok()) return Error{commit.message()};
  FoundGeneration found{.generation = {}, .id = id};
  if (!read_message(commit.value().message, found.generation)) {
    return Error{"the commit " + id + " is no generation"};
  }
  fill_in(found.generation, std::move(commit.value()));
  found.generation.outcome = repository->note(id);
  return found;
}

Result<FoundGeneration> Archive::State::read(uint64_t number) const {
  const Result<ObjectId> id = id_of(number);
  if (!id.ok()) return Error{id.message()};
  Result<FoundGeneration> found = read(id.value());
  if (!found.ok()) return Error{generation_name(number) + " is damaged: " + found.message()};
  if (found.value().generation.number != number) {
    return Error{generation_name(number) + " is damaged: " + generation_reference(number) +
                 " names another one"};
  }
  return found;
}

Result<Generation> Archive::State::read_facts(uint64_t number) const {
  const Result<ObjectId> id = id_of(number);
  if (!id.ok()) return Error{id.message()};
  Result<Commit> commit = repository->get_message(id.value());
  if (!commit.ok()) return Error{commit.message()};
  Generation generation;
  if (!read_message(commit.value().message, generation) || generation.number != number) {
    return Error{generation_reference(number) + " names another commit"};
  }
  fill_in(generation, std::move(commit.value()));
  generation.outcome = repository->note(id.value());
  return generation;
}

Result<uint64_t> Archive::State::store(const Generation& asked) {
  if (!repository) {
    return Error{path() + " cannot be used: free or mend its disk, and restart keeld"};
  }
  Generation generation = asked;
  generation.number = next++;  // even if this fails half way
  if (Status checked = check_message(generation); !checked.ok()) return Error{checked.message()};
  Commit commit{.text = generation.text,
                .author = generation.who,
                .message = write_message(generation),
                .when = generation.when,
                .parent = {}};
  if (generation.base != 0) {
    if (const auto base = read(generation.base); base.ok()) commit.parent = base.value().id;
  }
  const Result<ObjectId> id = repository->put(commit);
  if (!id.ok()) return Error{id.message()};
  const Result<FoundGeneration> stored = read(id.value());
  if (!stored.ok() || stored.value().generation.text != generation.text) {
    return Error{generation_name(generation.number) + " does not read back as it was written to " +
                 path() + ": look after its disk"};
  }
  const std::string name = generation_reference(generation.number);
  const Status moved = repository->move_reference(name, id.value(), std::nullopt);
  if (!moved.ok()) return Error{moved.message()};
  numbers.insert(generation.number);
  return generation.number;
}

Status Archive::State::confirm(uint64_t number) {
  const Result<FoundGeneration> found = read(number);
  if (!found.ok()) return Error{found.message()};
  const auto& [generation, id] = found.value();
  Status moved = repository->move_reference(kConfirmed, id, confirmed_id);
  if (!moved.ok()) {
    // Whether it moved is what a restart would see, whatever failed after that.
    const Result<std::optional<ObjectId>> now = repository->reference(kConfirmed);
    if (!now.ok() || now.value() != id) return moved;
    complain_of(moved);
  }
  confirmed = generation;
  confirmed_id = id;
  write_copy_file(generation);
  const Result<std::optional<uint64_t>> is_latched = latched(generation.text);
  if (is_latched.ok() && is_latched.value()) {
    complain_of(repository->remove_reference(latch_reference(generation.text)));
  }
  return {};
}

Result<std::vector<Generation>> Archive::State::history(size_t limit) const {
  std::vector<Generation> generations;
  for (const uint64_t number : numbers | std::views::reverse) {
    if (generations.size() >= std::min(limit, kMaxHistory)) break;
    Result<Generation> facts = read_facts(number);
    if (facts.ok()) generations.push_back(std::move(facts.value()));
  }
  return generations;
}

Status Archive::State::note(uint64_t number, std::string_view outcome, std::string_view who,
                            WallTime when) {
  const Result<ObjectId> id = id_of(number);
  if (!id.ok()) return Error{id.message()};
  const std::string note = repository->note(id.value()) + write_note(outcome, who, when);
  return repository->set_note(id.value(), note, std::string(who), when);
}

Status Archive::State::latch(uint64_t number) {
  const Result<FoundGeneration> found = read(number);
  if (!found.ok()) return Error{found.message()};
  return repository->move_reference(latch_reference(found.value().generation.text),
                                    found.value().id, std::nullopt);
}

Status Archive::State::unlatch(uint64_t number) {
  const Result<FoundGeneration> found = read(number);
  if (!found.ok()) return Error{found.message()};
  return repository->remove_reference(latch_reference(found.value().generation.text));
}

Result<std::optional<uint64_t>> Archive::State::latched(std::string_view text) const {
  if (!repository) return std::optional<uint64_t>();
  const Result<std::optional<ObjectId>> latch = repository->reference(latch_reference(text));
  if (!latch.ok()) return std::optional<uint64_t>(0);
  const std::optional<ObjectId>& id = latch.value();
  if (!id) return std::optional<uint64_t>();
  const Result<FoundGeneration> found = read(*id);
  return std::optional(found.ok() ? found.value().generation.number : 0);
}

}  // namespace evenkeel
