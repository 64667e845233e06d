// Files that are either as they were or as they are to be, whatever happens in between: written
// under another name, on the disk before they get theirs, and their folder after that.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "firmware/base/status.h"

namespace evenkeel {

// All of a regular file; none: there is no such file. An error if it has more than `max_bytes`.
Result<std::optional<std::string>> read_file(const std::string& path, size_t max_bytes);

// Everybody may read it. PATH.new, or `draft` in the same file system, is used, and removed if this
// fails.
Status replace_file(const std::string& path, std::string_view content);
Status replace_file(const std::string& path, std::string_view content, const std::string& draft);

// What was made, renamed or removed in `folder` survives a power cut.
Status sync_folder(const std::string& folder);

// The folder that `path` is in.
std::string folder_of(const std::string& path);

// PATH.damaged-1, or the first such name that is free; none: there are a thousand already.
std::optional<std::string> name_to_keep(const std::string& path);

}  // namespace evenkeel
