// The little of git that the archive needs, over libgit2: objects that verify, and references that
// move in one step. Everything is on the disk for good when a call returns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/base/status.h"

namespace evenkeel {

// Of an object or of what it would be: 40 hexadecimal digits.
using ObjectId = std::string;

// A commit of one file.
struct Commit {
  std::string text;  // of the file
  std::string author;
  std::string message;
  WallTime when = 0;               // kept to the second
  std::optional<ObjectId> parent;  // none: the first
};

class Repository {
 public:
  // A bare one in `path`, whose HEAD is refs/heads/confirmed. It appears whole or not at all; what
  // was there is kept as PATH.damaged-1, -2 and so on.
  static Status create(const std::string& path);

  // What can be mended is mended, and added to `ret_damage`: HEAD, config, packed-refs, locks that
  // a crash left behind. An error if it is no repository even then.
  static Result<Repository> open(const std::string& path, std::vector<std::string>& ret_damage);

  Repository(Repository&&) noexcept;
  Repository& operator=(Repository&&) noexcept;
  ~Repository();

  Result<ObjectId> put(const Commit& commit);
  Result<Commit> get(const ObjectId& commit) const;
  // The same without the text, which is neither read nor verified.
  Result<Commit> get_message(const ObjectId& commit) const;

  // None: there is no such reference. An error: it is damaged.
  Result<std::optional<ObjectId>> reference(const std::string& name) const;
  // Refused if it is no longer `from`; none: it may be anything, or damaged.
  Status move_reference(const std::string& name, const ObjectId& to,
                        const std::optional<ObjectId>& from);
  Status remove_reference(const std::string& name);
  // The last parts of the names of all references in `folder` ("refs/generations"), damaged or not.
  std::vector<std::string> references(const std::string& folder) const;

  // What refs/notes/commits has for a commit; empty: nothing, or it is damaged.
  std::string note(const ObjectId& commit) const;
  // In place of what was there. Notes that are damaged are begun anew.
  Status set_note(const ObjectId& commit, const std::string& note, const std::string& author,
                  WallTime when);

  // The name that `text` has as a file in a commit.
  static ObjectId id_of_text(std::string_view text);

 private:
  struct Handles;
  Repository(std::string path, std::unique_ptr<Handles> handles);

  Status move_once(const std::string& name, const ObjectId& to,
                   const std::optional<ObjectId>& from);
  Result<ObjectId> put_commit(const Commit& commit, const ObjectId& tree);
  Result<ObjectId> put_note(const ObjectId& commit, const std::string& note,
                            const std::string& author, WallTime when,
                            const std::optional<ObjectId>& parent);

  std::string path_;
  std::unique_ptr<Handles> handles_;
};

}  // namespace evenkeel
