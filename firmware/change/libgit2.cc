#include "firmware/change/libgit2.h"

#include <algorithm>
#include <array>

#include "firmware/base/check.h"

namespace evenkeel {

GitLibrary::GitLibrary() {
  CHECK(git_libgit2_init() > 0);
  git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
  git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1);
  git_libgit2_opts(GIT_OPT_ENABLE_CACHING, 0);
  // Whoever owns the folder: this runs nothing that is in it.
  git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
  for (const int level : {GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM,
                          GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL}) {
    git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
  }
}

GitLibrary::~GitLibrary() { git_libgit2_shutdown(); }

git_oid oid_of(const std::string& id) {
  git_oid oid{};
  REQUIRE(id.size() == GIT_OID_HEXSZ && git_oid_fromstr(&oid, id.c_str()) == 0);
  return oid;
}

std::string id_of(const git_oid& oid) {
  std::array<char, GIT_OID_HEXSZ + 1> digits{};
  git_oid_tostr(digits.data(), digits.size(), &oid);
  return digits.data();
}

Error git_failure(const std::string& what) {
  const ::git_error* last = git_error_last();
  return Error{what + ": " + (last != nullptr ? last->message : "libgit2 does not say why")};
}

GitSignature signature_of(const std::string& name, WallTime when) {
  std::string clean;
  std::ranges::copy_if(name, std::back_inserter(clean), [](char each) {
    return static_cast<unsigned char>(each) >= ' ' && each != '<' && each != '>' && each != 0x7f;
  });
  git_signature* signature = nullptr;
  const auto seconds = static_cast<git_time_t>(when / 1'000'000);
  const std::string address = clean + "@evenkeel";
  if (git_signature_new(&signature, clean.c_str(), address.c_str(), seconds, 0) != 0) {
    CHECK(git_signature_new(&signature, "unknown", "unknown@evenkeel", seconds, 0) == 0);
  }
  return GitSignature(signature);
}

}  // namespace evenkeel
