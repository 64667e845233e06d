// Programs that keel starts for the operator: an editor, a capture.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "firmware/base/status.h"

namespace evenkeel::keel {

// Runs a program in this terminal until it ends, and returns what it ended with; Ctrl-C is its own.
// An error: it could not be started, or a signal ended it. What it says may go to standard error,
// so that standard output has keel's own words only.
enum class Says : uint8_t { as_it_does, on_stderr };
Result<int> run_child(const std::vector<std::string>& words, Says says = Says::as_it_does);

// The whole of a file, or of standard input for "-"; of 16 MiB at most.
Result<std::string> read_file(const std::string& path);

// A file with this text that only its owner may read; it is gone with this object.
class TemporaryFile {
 public:
  static Result<TemporaryFile> with(const std::string& text);
  TemporaryFile(TemporaryFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();

  const std::string& path() const { return path_; }

  // Leaves the file where it is, and says where.
  std::string keep() { return std::exchange(path_, {}); }

 private:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace evenkeel::keel
