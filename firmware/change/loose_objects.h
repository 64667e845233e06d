// Git's objects that are files of their own, read and written by us instead of by libgit2: its
// reader loops for ever on one that is cut short, and writes beyond its buffer on one that is
// longer than it says (both in 1.5), and its writer takes a damaged one for being there. libgit2
// asks here first, and in its packs for what is not here, or damaged.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "firmware/base/status.h"
#include "firmware/change/libgit2.h"

namespace evenkeel {

struct LooseObject {
  git_object_t type = GIT_OBJECT_INVALID;
  std::string content;
};

class LooseObjects {
 public:
  explicit LooseObjects(std::string folder);  // "settings.git/objects"

  // None: there is no such file. An error: it is damaged.
  Result<std::optional<LooseObject>> read(const std::string& id) const;

  // When it returns, the object would survive a power cut. Returns its ID.
  Result<std::string> write(git_object_t type, std::string_view content) const;

  // Whether it is there, whole, and would survive a power cut.
  bool is_safe(const std::string& id) const;

 private:
  std::string folder_of_object(const std::string& id) const;
  Status make_folder_of_object(const std::string& id) const;

  std::string folder_;
};

// What libgit2 asks for objects: these, and then its packs.
Result<GitObjects> object_database(const std::string& folder);

}  // namespace evenkeel
