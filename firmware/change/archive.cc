#include "firmware/change/archive.h"

#include <functional>
#include <string>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/change/archive_state.h"

namespace evenkeel {

// What the control thread has of the archive while another one is at the disk.
struct Archive::Desk {
  std::shared_ptr<State> state;  // the errand's, while one is under way
  std::optional<Generation> confirmed;
  uint64_t next = 1;
  std::vector<std::string> damage;
  Errand errand;

  // REQUIRES: errand.is_free()
  void refresh() {
    const std::optional<Generation>& now = state->confirmed;
    if (now && (!confirmed || confirmed->number != now->number)) confirmed = now;
    next = state->next;
    damage = state->damage;
  }

  Error hangs() const {
    return Error{"the disk of " + state->path() + " does not answer: look after it"};
  }

  // What `work` answers. An error if that takes too long; if it then succeeds after all, `undo` is
  // done.
  template <typename Answer>
  Answer ask(std::function<Answer(State&)> work, std::function<void(State&)> undo = {}) {
    if (!errand.is_free()) return hangs();
    const auto answer = std::make_shared<std::optional<Answer>>();
    const auto late = [this, answer, undo = std::move(undo)] {
      const bool has_happened = answer->has_value() && (*answer)->ok();
      answer->reset();
      if (has_happened && undo) {
        take_back(undo);
      } else {
        refresh();
      }
    };
    const auto work_there = [state = state, answer, work = std::move(work)] {
      answer->emplace(work(*state));
    };
    if (!errand.run(work_there, late)) {
      damage.push_back(hangs().message);  // until refresh()
      return hangs();
    }
    refresh();
    std::optional<Answer> got = std::move(*answer);
    CHECK(got.has_value());
    return *std::move(got);
  }

  void take_back(const std::function<void(State&)>& undo) {
    const auto end = [this] { refresh(); };
    if (errand.run([state = state, undo] { undo(*state); }, end)) end();
  }
};

Archive::Archive(std::shared_ptr<State> state) : desk_(std::make_unique<Desk>()) {
  desk_->state = std::move(state);
  desk_->refresh();
}
Archive::Archive(Archive&&) noexcept = default;
Archive& Archive::operator=(Archive&&) noexcept = default;
Archive::~Archive() = default;

Result<Archive> Archive::open(const std::string& folder) {
  auto state = std::make_shared<State>();
  state->folder = folder;
  if (const Status taken = state->take_folder(); !taken.ok()) return Error{taken.message()};
  state->attach();
  state->count_numbers();
  state->find_confirmed();
  state->verify_recent();
  return Archive(std::move(state));
}

void Archive::set_patience(std::optional<Errand::Patience> patience) {
  desk_->errand.set_patience(patience);
}

void Archive::tend() { (void)desk_->errand.is_free(); }

const std::optional<Generation>& Archive::confirmed() const { return desk_->confirmed; }

const std::vector<std::string>& Archive::damage() const { return desk_->damage; }

uint64_t Archive::next() const { return desk_->next; }

Result<uint64_t> Archive::store(const Generation& generation) {
  return desk_->ask<Result<uint64_t>>(
      [generation](State& state) { return state.store(generation); });
}

// Whoever was told that it is not confirmed goes by that.
Status Archive::confirm(uint64_t number) {
  const std::optional<Generation>& before = desk_->confirmed;
  std::function<void(State&)> undo;
  if (before) {
    undo = [old = before->number](State& state) { state.complain_of(state.confirm(old)); };
  }
  return desk_->ask<Status>([number](State& state) { return state.confirm(number); }, undo);
}

Result<Generation> Archive::read(uint64_t number) const {
  return desk_->ask<Result<Generation>>([number](State& state) -> Result<Generation> {
    Result<FoundGeneration> found = state.read(number);
    if (!found.ok()) return Error{found.message()};
    return std::move(found.value().generation);
  });
}

Result<std::vector<Generation>> Archive::history(size_t limit) const {
  return desk_->ask<Result<std::vector<Generation>>>(
      [limit](const State& state) { return state.history(limit); });
}

Status Archive::note(uint64_t number, std::string_view outcome, std::string_view who,
                     WallTime when) {
  return desk_->ask<Status>([number, outcome = std::string(outcome), who = std::string(who), when](
                                State& state) { return state.note(number, outcome, who, when); });
}

Status Archive::latch(uint64_t number) {
  return desk_->ask<Status>([number](State& state) { return state.latch(number); });
}

Status Archive::unlatch(uint64_t number) {
  return desk_->ask<Status>([number](State& state) { return state.unlatch(number); });
}

Result<std::optional<uint64_t>> Archive::latched(std::string_view text) const {
  return desk_->ask<Result<std::optional<uint64_t>>>(
      [text = std::string(text)](const State& state) { return state.latched(text); });
}

}  // namespace evenkeel
