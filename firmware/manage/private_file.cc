#include "firmware/manage/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "drivers/descriptor.h"

namespace evenkeel {
namespace {

Status check_owner(int file, const std::string& called, const std::string& path) {
  struct stat status{};
  if (fstat(file, &status) != 0) {
    return Error{called + " cannot be looked at: " + std::strerror(errno)};
  }
  if (!S_ISREG(status.st_mode)) return Error{called + " is not a regular file: name another"};
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Error{called + " is open to others: chmod 600 " + path +
                 ", and make a new one if anybody may have read it"};
  }
  if (status.st_uid != 0 && status.st_uid != geteuid()) {
    return Error{called + " belongs to user " + std::to_string(status.st_uid) + ": chown root " +
                 path};
  }
  return {};
}

}  // namespace

Result<std::string> read_private_file(std::string_view what, const std::string& path, size_t most) {
  const std::string called = "the " + std::string(what) + " " + path;
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) return Error{called + " cannot be opened: " + std::strerror(errno)};
  if (const Status status = check_owner(file.get(), called, path); !status.ok()) {
    return Error{status.message()};
  }
  std::string text(most + 1, '\0');
  size_t length = 0;
  while (length < text.size()) {
    const ssize_t count = read(file.get(), text.data() + length, text.size() - length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error{called + " cannot be read: " + std::strerror(errno)};
    if (count == 0) break;
    length += static_cast<size_t>(count);
  }
  if (length > most) {
    return Error{called + " has more than " + std::to_string(most) + " bytes: shorten it"};
  }
  text.resize(length);
  return text;
}

}  // namespace evenkeel
