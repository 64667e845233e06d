// What an archive is made of. All that may wait for a disk is here, for a thread of its own: daily
// work (archive_state.cc), and finding a generation to go on with when something is damaged
// (archive_recovery.cc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/descriptor.h"
#include "firmware/change/archive.h"
#include "firmware/change/repository.h"

namespace evenkeel {

inline constexpr const char* kConfirmed = "refs/heads/confirmed";

// A generation, and where it is.
struct FoundGeneration {
  Generation generation;
  // NOLINTNEXTLINE(readability-redundant-member-init): gcc 12 warns of members without.
  ObjectId id{};  // empty: not in the repository
};

// Of one thread at a time. What it does is said in archive.h.
struct Archive::State {
  std::string folder;
  Descriptor lock;
  std::unique_ptr<Repository> repository;  // none: the disk has none and takes none
  std::set<uint64_t> numbers;              // of all references, damaged or not
  uint64_t next = 1;
  std::optional<Generation> confirmed;
  std::optional<ObjectId> confirmed_id;  // none: nothing is confirmed, or the disk does not take it
  std::vector<std::string> damage;

  std::string path() const { return folder + "/settings.git"; }
  std::string copy_path() const { return folder + "/last-forwarded.conf"; }
  void complain(const std::string& text);
  void complain_of(const Status& status);

  // In this order, when the archive is opened:
  Status take_folder();
  void attach();
  void count_numbers();
  void find_confirmed();
  void verify_recent();

  Status attach_new();
  void begin_anew();
  std::optional<Generation> read_copy_file();
  void write_copy_file(const Generation& generation);
  void fall_back(const std::optional<Generation>& copy);
  std::optional<FoundGeneration> newest_known(const std::optional<Generation>& copy) const;
  FoundGeneration restore(const Generation& copy);
  void make_confirmed(const FoundGeneration& found);

  // What is there for `number`, verified or not.
  Result<ObjectId> id_of(uint64_t number) const;
  Result<FoundGeneration> read(const ObjectId& id) const;
  Result<FoundGeneration> read(uint64_t number) const;
  // All but the text, whether that is damaged or not.
  Result<Generation> read_facts(uint64_t number) const;

  Result<uint64_t> store(const Generation& asked);
  Status confirm(uint64_t number);
  Result<std::vector<Generation>> history(size_t limit) const;
  Status note(uint64_t number, std::string_view outcome, std::string_view who, WallTime when);
  Status latch(uint64_t number);
  Status unlatch(uint64_t number);
  Result<std::optional<uint64_t>> latched(std::string_view text) const;
};

std::string generation_reference(uint64_t number);
std::string generation_name(uint64_t number);

}  // namespace evenkeel
