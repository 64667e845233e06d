#include "firmware/change/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "drivers/descriptor.h"

namespace evenkeel {
namespace {

Error failed(const std::string& path, const char* what) {
  const int error = errno;
  return Error{path + " " + what + ": " + std::strerror(error)};
}

Status write_all(int file, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t count = write(file, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(path, "cannot be written");
    content.remove_prefix(static_cast<size_t>(count));
  }
  if (fsync(file) != 0) return failed(path, "cannot be brought to the disk");
  return {};
}

Status write_draft(const std::string& draft, std::string_view content) {
  // One that a crash left behind may be a link to anywhere.
  unlink(draft.c_str());
  const Descriptor file(open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file.is_open()) return failed(draft, "cannot be made");
  return write_all(file.get(), content, draft);
}

}  // namespace

Result<std::optional<std::string>> read_file(const std::string& path, size_t max_bytes) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open() && errno == ENOENT) return std::optional<std::string>();
  if (!file.is_open()) return failed(path, "cannot be opened");
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return failed(path, "cannot be looked at");
  if (!S_ISREG(status.st_mode)) return Error{path + " is not a regular file"};
  const auto size = static_cast<size_t>(status.st_size);
  if (size > max_bytes) {
    return Error{path + " has more than " + std::to_string(max_bytes) + " bytes"};
  }
  std::string content(size, '\0');
  size_t length = 0;
  while (length < size) {
    const ssize_t count = read(file.get(), content.data() + length, size - length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(path, "cannot be read");
    if (count == 0) break;
    length += static_cast<size_t>(count);
  }
  content.resize(length);
  return std::optional(std::move(content));
}

Status replace_file(const std::string& path, std::string_view content) {
  return replace_file(path, content, path + ".new");
}

Status replace_file(const std::string& path, std::string_view content, const std::string& draft) {
  Status status = write_draft(draft, content);
  if (status.ok() && rename(draft.c_str(), path.c_str()) != 0) {
    status = failed(path, "cannot be replaced");
  }
  if (!status.ok()) {
    unlink(draft.c_str());
    return status;
  }
  return sync_folder(folder_of(path));
}

Status sync_folder(const std::string& folder) {
  const Descriptor descriptor(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor.is_open() || fsync(descriptor.get()) != 0) {
    return failed(folder, "cannot be brought to the disk");
  }
  return {};
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

std::optional<std::string> name_to_keep(const std::string& path) {
  for (int number = 1; number <= 1'000; ++number) {
    std::string name = path + ".damaged-" + std::to_string(number);
    struct stat status{};
    if (lstat(name.c_str(), &status) != 0 && errno == ENOENT) return name;
  }
  return std::nullopt;
}

}  // namespace evenkeel
