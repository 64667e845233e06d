// libgit2's objects, freed with their owners, and its errors as ours.
#pragma once

#include <git2.h>

#include <memory>
#include <string>

#include "firmware/base/clock.h"
#include "firmware/base/status.h"

namespace evenkeel {

template <auto kFree>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using GitRepository = std::unique_ptr<git_repository, Freed<git_repository_free>>;
using GitObjects = std::unique_ptr<git_odb, Freed<git_odb_free>>;
using GitObject = std::unique_ptr<git_odb_object, Freed<git_odb_object_free>>;
using GitCommit = std::unique_ptr<git_commit, Freed<git_commit_free>>;
using GitTree = std::unique_ptr<git_tree, Freed<git_tree_free>>;
using GitBlob = std::unique_ptr<git_blob, Freed<git_blob_free>>;
using GitReference = std::unique_ptr<git_reference, Freed<git_reference_free>>;
using GitIterator = std::unique_ptr<git_reference_iterator, Freed<git_reference_iterator_free>>;
using GitSignature = std::unique_ptr<git_signature, Freed<git_signature_free>>;
using GitNote = std::unique_ptr<git_note, Freed<git_note_free>>;

// As long as one of these lives, libgit2 may be used. It then writes through to the disk, believes
// no cache, and heeds nobody's configuration but the repository's own.
class GitLibrary {
 public:
  GitLibrary();
  ~GitLibrary();
  GitLibrary(const GitLibrary&) = delete;
  GitLibrary& operator=(const GitLibrary&) = delete;
};

// REQUIRES: 40 hexadecimal digits.
git_oid oid_of(const std::string& id);
std::string id_of(const git_oid& oid);

// After a call that failed: `what` cannot be done, and why.
Error git_failure(const std::string& what);

// None of what git cannot have in a name; never empty.
GitSignature signature_of(const std::string& name, WallTime when);

}  // namespace evenkeel
