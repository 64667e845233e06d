#include "firmware/change/repository.h"

#include <git2/sys/repository.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <utility>

#include "firmware/change/files.h"
#include "firmware/change/libgit2.h"
#include "firmware/change/loose_objects.h"
#include "firmware/change/repository_layout.h"

namespace evenkeel {
namespace {

constexpr const char* kFileName = "evenkeel.conf";
constexpr const char* kNotes = "refs/notes/commits";

std::string name_of(const ObjectId& id) { return "the object " + id; }
std::string missing(const ObjectId& id) { return name_of(id) + " is missing or damaged"; }

Result<GitRepository> open_bare(const std::string& path) {
  git_repository* made = nullptr;
  if (git_repository_open_bare(&made, path.c_str()) != 0) {
    return git_failure(path + " is no git repository");
  }
  return GitRepository(made);
}

// libgit2 puts off reading it.
bool has_whole_config(git_repository* repository) {
  git_config* config = nullptr;
  const int error = git_repository_config_snapshot(&config, repository);
  git_config_free(config);
  return error == 0;
}

Result<GitRepository> open_mended(const std::string& path, std::vector<std::string>& ret_damage) {
  Result<GitRepository> opened = open_bare(path);
  if (opened.ok() && has_whole_config(opened.value().get())) return opened;
  ret_damage.push_back(git_failure(path + "/config is damaged, and made anew").message);
  if (Status renewed = renew_file(path, "config"); !renewed.ok()) return Error{renewed.message()};
  return open_bare(path);
}

// The folder of this name in a tree, or none.
Result<GitTree> folder_in(git_repository* repository, const git_tree* tree,
                          const std::string& name) {
  const git_tree_entry* entry =
      tree == nullptr ? nullptr : git_tree_entry_byname(tree, name.c_str());
  if (entry == nullptr) return GitTree();
  git_tree* found = nullptr;
  if (git_tree_lookup(&found, repository, git_tree_entry_id(entry)) != 0) {
    return git_failure("the folder " + name + " of the notes is missing or damaged");
  }
  return GitTree(found);
}

// A tree like `base`, which may be none, with this entry.
Result<ObjectId> tree_with(git_repository* repository, const git_tree* base,
                           const std::string& name, const ObjectId& what, git_filemode_t mode) {
  git_treebuilder* made = nullptr;
  if (git_treebuilder_new(&made, repository, base) != 0) {
    return git_failure("a tree cannot be made");
  }
  const std::unique_ptr<git_treebuilder, Freed<git_treebuilder_free>> builder(made);
  const git_oid entry = oid_of(what);
  git_oid id{};
  if (git_treebuilder_insert(nullptr, made, name.c_str(), &entry, mode) != 0 ||
      git_treebuilder_write(&id, made) != 0) {
    return git_failure("a tree with " + name + " cannot be written");
  }
  return id_of(id);
}

}  // namespace

struct Repository::Handles {
  explicit Handles(const std::string& folder) : objects(folder) {}

  GitLibrary library;
  LooseObjects objects;
  GitObjects database;
  GitRepository repository;
};

Repository::Repository(std::string path, std::unique_ptr<Handles> handles)
    : path_(std::move(path)), handles_(std::move(handles)) {}
Repository::Repository(Repository&&) noexcept = default;
Repository& Repository::operator=(Repository&&) noexcept = default;
Repository::~Repository() = default;

Status Repository::create(const std::string& path) { return make_repository(path); }

Result<Repository> Repository::open(const std::string& path, std::vector<std::string>& ret_damage) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return Error{path + " is no folder"};
  }
  const std::string folder = path + "/objects";
  auto handles = std::make_unique<Handles>(folder);
  mend_repository(path, ret_damage);
  Result<GitRepository> opened = open_mended(path, ret_damage);
  if (!opened.ok()) return Error{opened.message()};
  handles->repository = std::move(opened.value());
  Result<GitObjects> database = object_database(folder);
  if (!database.ok()) return Error{database.message()};
  handles->database = std::move(database.value());
  git_repository_set_odb(handles->repository.get(), handles->database.get());
  return Repository(path, std::move(handles));
}

Result<ObjectId> Repository::put(const Commit& commit) {
  Result<ObjectId> text = handles_->objects.write(GIT_OBJECT_BLOB, commit.text);
  if (!text.ok()) return text;
  const git_oid oid = oid_of(text.value());
  std::string entries = std::string("100644 ") + kFileName + '\0';
  entries.append(reinterpret_cast<const char*>(oid.id), GIT_OID_RAWSZ);
  Result<ObjectId> tree = handles_->objects.write(GIT_OBJECT_TREE, entries);
  if (!tree.ok()) return tree;
  return put_commit(commit, tree.value());
}

Result<ObjectId> Repository::put_commit(const Commit& commit, const ObjectId& tree) {
  git_repository* repository = handles_->repository.get();
  const git_oid tree_oid = oid_of(tree);
  git_tree* found = nullptr;
  if (git_tree_lookup(&found, repository, &tree_oid) != 0) return git_failure(missing(tree));
  const GitTree tree_object(found);
  GitCommit parent;
  if (commit.parent) {
    const git_oid parent_oid = oid_of(*commit.parent);
    git_commit* looked_up = nullptr;
    if (git_commit_lookup(&looked_up, repository, &parent_oid) != 0) {
      return git_failure(missing(*commit.parent));
    }
    parent.reset(looked_up);
  }
  const git_commit* parents = parent.get();
  const GitSignature author = signature_of(commit.author, commit.when);
  git_buf content{};
  const int error =
      git_commit_create_buffer(&content, repository, author.get(), author.get(), nullptr,
                               commit.message.c_str(), found, parent ? 1 : 0, &parents);
  if (error != 0) return git_failure("a commit cannot be made in " + path_);
  Result<ObjectId> id = handles_->objects.write(GIT_OBJECT_COMMIT, {content.ptr, content.size});
  git_buf_dispose(&content);
  return id;
}

Result<Commit> Repository::get_message(const ObjectId& commit) const {
  const git_oid oid = oid_of(commit);
  git_commit* found = nullptr;
  if (git_commit_lookup(&found, handles_->repository.get(), &oid) != 0) {
    return git_failure(missing(commit));
  }
  const GitCommit object(found);
  const git_signature* author = git_commit_author(found);
  Commit result;
  result.author = author->name;
  result.message = git_commit_message(found);
  result.when = static_cast<WallTime>(std::max<git_time_t>(author->when.time, 0)) * 1'000'000;
  if (git_commit_parentcount(found) > 0) result.parent = id_of(*git_commit_parent_id(found, 0));
  return result;
}

Result<Commit> Repository::get(const ObjectId& commit) const {
  Result<Commit> result = get_message(commit);
  if (!result.ok()) return result;
  const git_oid oid = oid_of(commit);
  git_commit* found = nullptr;
  if (git_commit_lookup(&found, handles_->repository.get(), &oid) != 0) {
    return git_failure(missing(commit));
  }
  const GitCommit object(found);
  git_tree* tree = nullptr;
  if (git_commit_tree(&tree, found) != 0) return git_failure("the tree of " + missing(commit));
  const GitTree tree_object(tree);
  const git_tree_entry* entry = git_tree_entry_byname(tree, kFileName);
  if (entry == nullptr) return Error{name_of(commit) + " has no " + kFileName};
  git_blob* blob = nullptr;
  if (git_blob_lookup(&blob, handles_->repository.get(), git_tree_entry_id(entry)) != 0) {
    return git_failure("the text of " + missing(commit));
  }
  const GitBlob blob_object(blob);
  result.value().text.assign(static_cast<const char*>(git_blob_rawcontent(blob)),
                             static_cast<size_t>(git_blob_rawsize(blob)));
  return result;
}

Result<std::optional<ObjectId>> Repository::reference(const std::string& name) const {
  git_reference* found = nullptr;
  const int error = git_reference_lookup(&found, handles_->repository.get(), name.c_str());
  const GitReference reference(found);
  if (error == GIT_ENOTFOUND) return std::optional<ObjectId>();
  if (error != 0) return git_failure(name + " in " + path_ + " is damaged");
  const git_oid* target = git_reference_target(found);
  if (target == nullptr) return Error{name + " in " + path_ + " names no commit"};
  return std::optional<ObjectId>(id_of(*target));
}

Status Repository::move_once(const std::string& name, const ObjectId& to,
                             const std::optional<ObjectId>& from) {
  const git_oid target = oid_of(to);
  const git_oid expected = from ? oid_of(*from) : git_oid{};
  git_reference* made = nullptr;
  const int error =
      git_reference_create_matching(&made, handles_->repository.get(), name.c_str(), &target, 1,
                                    from ? &expected : nullptr, "evenkeel");
  const GitReference reference(made);
  if (error == 0) return {};
  return git_failure(name + " in " + path_ + " cannot be moved");
}

Status Repository::move_reference(const std::string& name, const ObjectId& to,
                                  const std::optional<ObjectId>& from) {
  Status moved = move_once(name, to, from);
  if (moved.ok() || from) return moved;
  const Result<std::optional<ObjectId>> there = reference(name);
  if (there.ok() && there.value()) return moved;
  // What is damaged may be in the way.
  std::error_code ignored;
  std::filesystem::remove_all(path_ + "/" + name, ignored);
  return move_once(name, to, from);
}

Status Repository::remove_reference(const std::string& name) {
  if (git_reference_remove(handles_->repository.get(), name.c_str()) == 0) return {};
  return git_failure(name + " in " + path_ + " cannot be removed");
}

std::vector<std::string> Repository::references(const std::string& folder) const {
  std::set<std::string> names;
  // libgit2 passes over those that are damaged.
  std::error_code error;
  using Folder = std::filesystem::directory_iterator;
  for (Folder each(path_ + "/" + folder, error), end; !error && each != end;
       each.increment(error)) {
    names.insert(each->path().filename().string());
  }
  git_reference_iterator* made = nullptr;
  const std::string pattern = folder + "/*";
  if (git_reference_iterator_glob_new(&made, handles_->repository.get(), pattern.c_str()) == 0) {
    const GitIterator iterator(made);
    const char* name = nullptr;
    while (git_reference_next_name(&name, made) == 0) names.insert(name + folder.size() + 1);
  }
  return {names.begin(), names.end()};
}

std::string Repository::note(const ObjectId& commit) const {
  const git_oid oid = oid_of(commit);
  git_note* found = nullptr;
  if (git_note_read(&found, handles_->repository.get(), kNotes, &oid) != 0) return {};
  const GitNote note(found);
  return git_note_message(found);
}

Status Repository::set_note(const ObjectId& commit, const std::string& note,
                            const std::string& author, WallTime when) {
  Result<std::optional<ObjectId>> before = reference(kNotes);
  const std::optional<ObjectId> parent = before.ok() ? before.value() : std::nullopt;
  Result<ObjectId> noted = put_note(commit, note, author, when, parent);
  if (!noted.ok() && parent) noted = put_note(commit, note, author, when, std::nullopt);
  if (!noted.ok()) return Error{noted.message()};
  return move_reference(kNotes, noted.value(), parent);
}

// In a folder for each first two digits, as git itself has them once they are many: in one tree all
// names would be written again for each note.
Result<ObjectId> Repository::put_note(const ObjectId& commit, const std::string& note,
                                      const std::string& author, WallTime when,
                                      const std::optional<ObjectId>& parent) {
  git_repository* repository = handles_->repository.get();
  GitTree root;
  if (parent) {
    const git_oid parent_oid = oid_of(*parent);
    git_commit* before = nullptr;
    if (git_commit_lookup(&before, repository, &parent_oid) != 0) {
      return git_failure(missing(*parent));
    }
    const GitCommit owner(before);
    git_tree* tree = nullptr;
    if (git_commit_tree(&tree, before) != 0) return git_failure(missing(*parent));
    root.reset(tree);
  }
  const std::string folder = commit.substr(0, 2);
  const Result<GitTree> others = folder_in(repository, root.get(), folder);
  if (!others.ok()) return Error{others.message()};
  Result<ObjectId> text = handles_->objects.write(GIT_OBJECT_BLOB, note);
  if (!text.ok()) return text;
  Result<ObjectId> notes = tree_with(repository, others.value().get(), commit.substr(2),
                                     text.value(), GIT_FILEMODE_BLOB);
  if (!notes.ok()) return notes;
  Result<ObjectId> tree =
      tree_with(repository, root.get(), folder, notes.value(), GIT_FILEMODE_TREE);
  if (!tree.ok()) return tree;
  return put_commit(
      {.text = {}, .author = author, .message = "notes", .when = when, .parent = parent},
      tree.value());
}

ObjectId Repository::id_of_text(std::string_view text) {
  const GitLibrary library;
  git_oid oid{};
  CHECK(git_odb_hash(&oid, text.data(), text.size(), GIT_OBJECT_BLOB) == 0);
  return id_of(oid);
}

}  // namespace evenkeel
