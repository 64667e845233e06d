#include "firmware/change/repository_layout.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "firmware/change/files.h"

namespace evenkeel {
namespace {

namespace fs = std::filesystem;

// Those that contain come before what they contain.
constexpr std::array<const char*, 8> kFolders{"objects",      "objects/info", "objects/pack",
                                              "refs",         "refs/heads",   "refs/generations",
                                              "refs/latches", "refs/notes"};

struct LayoutFile {
  const char* name;
  std::string_view content;
};
constexpr std::array<LayoutFile, 3> kFiles{{
    {"HEAD", "ref: refs/heads/confirmed\n"},
    {"config", "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"},
    {"description", "Every generation of this box's settings\n"},
}};

constexpr size_t kMaxHead = 4'096;
constexpr size_t kMaxPackedReferences = 256u << 20;
constexpr size_t kIdLength = 40;

Status make_folder(const std::string& path) {
  if (mkdir(path.c_str(), 0755) == 0) return sync_folder(folder_of(path));
  return Error{path + " cannot be made: " + std::strerror(errno)};
}

void remove_all(const std::string& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

// Names in `folder`, and below it if asked for.
template <typename Iterator>
std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code error;
  for (Iterator each(folder, error), end; !error && each != end; each.increment(error)) {
    found.push_back(each->path().string());
  }
  return found;
}

// Only one process works on the archive: what a lock protects is over.
void remove_leftovers(const std::string& path) {
  for (const std::string& file : files_in<fs::recursive_directory_iterator>(path + "/refs")) {
    if (file.ends_with(".lock")) unlink(file.c_str());
  }
  for (const char* lock : {"/HEAD.lock", "/config.lock", "/packed-refs.lock"}) {
    unlink((path + lock).c_str());
  }
  for (const std::string& file : files_in<fs::directory_iterator>(path + "/objects")) {
    if (file.starts_with(path + "/objects/tmp_obj")) unlink(file.c_str());
  }
}

// Keeps what is at `path`, if anything, as PATH.damaged-1 and so on.
Status put_aside(const std::string& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0 && errno == ENOENT) return {};
  const std::optional<std::string> kept = name_to_keep(path);
  if (kept && rename(path.c_str(), kept->c_str()) == 0) return {};
  return Error{path + " is damaged and cannot be put aside: remove it"};
}

bool is_folder(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool has_whole_head(const std::string& path) {
  const Result<std::optional<std::string>> file = read_file(path + "/HEAD", kMaxHead);
  return file.ok() && file.value().value_or("").starts_with("ref: refs/heads/");
}

// Comments, "ID refs/..." and "^ID", a line each; libgit2 takes a damaged one for an empty one.
bool is_packed_references(std::string_view text) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return false;
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.starts_with('#')) continue;
    const bool is_peeled = line.starts_with('^');
    if (is_peeled) line.remove_prefix(1);
    const std::string_view name = line.substr(std::min(line.size(), kIdLength));
    if (line.substr(0, kIdLength).find_first_not_of("0123456789abcdef") != std::string_view::npos ||
        (is_peeled ? line.size() != kIdLength : !name.starts_with(" refs/"))) {
      return false;
    }
  }
  return true;
}

bool has_whole_packed_references(const std::string& path) {
  const Result<std::optional<std::string>> file =
      read_file(path + "/packed-refs", kMaxPackedReferences);
  return file.ok() && is_packed_references(file.value().value_or(""));
}

void renew(const std::string& path, const std::string& name, std::vector<std::string>& ret_damage) {
  const Status renewed = renew_file(path, name);
  ret_damage.push_back(renewed.ok() ? path + "/" + name + " was damaged, and is made anew"
                                    : renewed.message());
}

}  // namespace

Status make_repository(const std::string& path) {
  const std::string draft = path + ".new";
  remove_all(draft);
  Status status = make_folder(draft);
  for (const char* folder : kFolders) {
    if (status.ok()) status = make_folder(draft + "/" + folder);
  }
  for (const auto& [name, content] : kFiles) {
    if (status.ok()) status = replace_file(draft + "/" + name, content);
  }
  if (status.ok()) status = put_aside(path);
  if (status.ok() && rename(draft.c_str(), path.c_str()) != 0) {
    status = Error{path + " cannot be made: " + std::strerror(errno)};
  }
  if (!status.ok()) {
    remove_all(draft);
    return status;
  }
  return sync_folder(folder_of(path));
}

void mend_repository(const std::string& path, std::vector<std::string>& ret_damage) {
  remove_leftovers(path);
  for (const char* folder : kFolders) {
    const std::string full = path + "/" + folder;
    if (is_folder(full)) continue;
    // Plain git removes empty folders when it packs, which is no damage; something else is.
    struct stat found{};
    if (lstat(full.c_str(), &found) == 0) {
      ret_damage.push_back(full + " is no folder, and is kept beside it");
    }
    Status status = put_aside(full);
    if (status.ok()) status = make_folder(full);
    if (!status.ok()) ret_damage.push_back(status.message());
  }
  if (!has_whole_head(path)) renew(path, "HEAD", ret_damage);
  if (!has_whole_packed_references(path)) renew(path, "packed-refs", ret_damage);
}

Status renew_file(const std::string& path, const std::string& name) {
  const std::string full = path + "/" + name;
  if (Status status = put_aside(full); !status.ok()) return status;
  for (const auto& [file, content] : kFiles) {
    if (name == file) return replace_file(full, content);
  }
  return sync_folder(path);
}

}  // namespace evenkeel
