// Every generation of the settings, in a git repository that plain git can read, clone and push:
// who made it, when, why, what was waived, what came of it. A generation is on the disk for good
// before its number is known to anybody, and which one is confirmed is one reference, moved by one
// rename(): a crash or a power cut at any moment leaves the old one or the new one.
//
//   refs/heads/confirmed     what the box boots; HEAD, so that a clone checks it out
//   refs/generations/N       a commit each, whose parent is the generation it was made from
//   refs/latches/ID          generations that were rolled back by themselves, by their text's ID
//   refs/notes/commits       what came of each, as `git log` shows it
//
// Damage never stops the box: open() makes do with the newest generation that verifies and says
// what is damaged. If the repository is of no use at all, it is put aside, and a new one begins
// with the copy of the text that was confirmed last, FOLDER/last-forwarded.conf. Nor does a disk
// that hangs: what it does not answer in time is refused, as is all that is asked until it does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/base/errand.h"
#include "firmware/base/status.h"

namespace evenkeel {

// NOLINTBEGIN(readability-redundant-member-init): gcc 12 warns of members without.

// A rule that was set aside for one generation, and why.
struct Waiver {
  std::string rule{};
  std::string reason{};

  friend bool operator==(const Waiver&, const Waiver&) = default;
};

struct Generation {
  std::string text{};  // of the settings, as it was written, its @includes taken in
  std::string who{};
  std::string why{};
  WallTime when = 0;  // kept to the second
  std::vector<Waiver> waivers{};
  uint64_t base = 0;  // the generation that it was made from; 0: none
  // Given by the archive:
  uint64_t number = 0;    // from 1; the number of a generation is never used again
  std::string outcome{};  // what note() said, all of it; empty: nothing yet
};

// NOLINTEND(readability-redundant-member-init)

// Control thread only. One at a time for each folder, which open() sees to.
//
// Invariants:
//  1. confirmed() is what is on the disk: it verifies, by every hash and by its number.
//  2. What refs/heads/confirmed names was named by refs/generations/N before, and is never changed.
//  3. Numbers rise; none is given twice, whatever is damaged.
class Archive {
 public:
  // Opens FOLDER/settings.git, or makes it. An error only if there is no such folder and none can
  // be made, or another process has it open. A disk that cannot be written is damage: the box
  // boots.
  static Result<Archive> open(const std::string& folder);

  Archive(Archive&&) noexcept;
  Archive& operator=(Archive&&) noexcept;
  ~Archive();

  // How long a disk may take before it hangs; none, as at the beginning: for ever.
  void set_patience(std::optional<Errand::Patience> patience);

  // Ends what a disk that hung has done since, for a timer. What was refused by then is taken back.
  void tend();

  // None: the archive is new, or nothing in it is of use. Store a generation and confirm it.
  const std::optional<Generation>& confirmed() const;

  // What is damaged or could not be done, one sentence each; empty: all is well.
  const std::vector<std::string>& damage() const;

  // Returns the number, when the generation would survive a power cut.
  // REQUIRES: generation.base is 0 or was stored.
  Result<uint64_t> store(const Generation& generation);

  // From here on the box boots `number`. If this fails, it boots what it would have before.
  Status confirm(uint64_t number);

  // The number that store() gives next, unless it fails before.
  uint64_t next() const;

  Result<Generation> read(uint64_t number) const;

  // The newest first, without their texts; what cannot be read is left out.
  Result<std::vector<Generation>> history(size_t limit) const;

  // Adds a line to the outcome of `number`: of who judged it (keeld or an operator), and when.
  Status note(uint64_t number, std::string_view outcome, std::string_view who, WallTime when);

  // Marks the text of `number` as one that was rolled back by itself; confirm() of the same text
  // takes the mark away.
  Status latch(uint64_t number);

  // Takes the mark away from the text of `number`.
  Status unlatch(uint64_t number);

  // The generation that was latched with this text, if any; 0: one whose number is damaged.
  Result<std::optional<uint64_t>> latched(std::string_view text) const;

 private:
  struct State;
  struct Desk;
  explicit Archive(std::shared_ptr<State> state);

  std::unique_ptr<Desk> desk_;
};

}  // namespace evenkeel
