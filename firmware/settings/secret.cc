#include "firmware/settings/secret.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "drivers/descriptor.h"
#include "firmware/base/limits.h"

namespace evenkeel {
namespace {

using Bytes = std::vector<uint8_t>;

Error failed(const std::string& what, const std::string& path) {
  const int error = errno;
  return Error{"the secret file " + path + " " + what + ": " + std::strerror(error)};
}

Status check_file(int file, const std::string& path) {
  struct stat status{};
  if (fstat(file, &status) != 0) return failed("cannot be looked at", path);
  if (!S_ISREG(status.st_mode)) {
    return Error{"the secret file " + path + " is not a regular file: name another in secret_file"};
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Error{"the secret file " + path + " is open to others: chmod 600 " + path +
                 ", and make a new one if anybody may have read it"};
  }
  if (status.st_uid != 0 && status.st_uid != geteuid()) {
    return Error{"the secret file " + path + " belongs to user " + std::to_string(status.st_uid) +
                 ": chown root " + path};
  }
  return {};
}

Result<KeptSecret> read_from(int file, const std::string& path) {
  if (const Status status = check_file(file, path); !status.ok()) return Error{status.message()};
  Bytes bytes(kMaxSecret + 1);
  size_t length = 0;
  while (length < bytes.size()) {
    const ssize_t count = read(file, bytes.data() + length, bytes.size() - length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("cannot be read", path);
    if (count == 0) break;
    length += static_cast<size_t>(count);
  }
  if (length < kMinSecret || length > kMaxSecret) {
    return Error{"the secret file " + path + " has " +
                 (length < kMinSecret ? std::to_string(length) : "too many") + " bytes, and " +
                 std::to_string(kMinSecret) + " to " + std::to_string(kMaxSecret) +
                 " are right: restore it, or remove it for a new one, which moves open flows"};
  }
  bytes.resize(length);
  return KeptSecret{.bytes = std::move(bytes)};
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

Status write_to(int file, const Bytes& bytes, const std::string& path) {
  const ssize_t written = write(file, bytes.data(), bytes.size());
  if (written >= 0 && static_cast<size_t>(written) < bytes.size()) errno = ENOSPC;
  if (written != static_cast<ssize_t>(bytes.size()) || fsync(file) != 0) {
    return failed("cannot be written", path);
  }
  return {};
}

// Its name in its folder is to survive a power cut, too.
Status sync_folder(const std::string& path) {
  const Descriptor folder(open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open() || fsync(folder.get()) != 0) {
    return failed("cannot be put into its folder for good", path);
  }
  return {};
}

// Under another name until it is whole: a crash leaves no half a secret.
Status write_new(const Bytes& bytes, const std::string& path) {
  const std::string draft = path + ".new";
  unlink(draft.c_str());
  const Descriptor file(open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.is_open()) return failed("cannot be made", path);
  Status status = write_to(file.get(), bytes, path);
  // Unlike rename(), this replaces nothing that appeared meanwhile.
  if (status.ok() && link(draft.c_str(), path.c_str()) != 0)
    status = failed("cannot be made", path);
  unlink(draft.c_str());
  return status.ok() ? sync_folder(path) : status;
}

Result<KeptSecret> make(const std::string& path) {
  struct stat status{};
  if (stat(folder_of(path).c_str(), &status) != 0) {
    return failed("cannot be made; its folder must be there", path);
  }
  KeptSecret made{.bytes = Bytes(32)};
  if (getrandom(made.bytes.data(), made.bytes.size(), 0) !=
      static_cast<ssize_t>(made.bytes.size())) {
    return failed("needs random bytes, which the kernel does not give", path);
  }
  if (const Status written = write_new(made.bytes, path); !written.ok()) {
    made.trouble = written.message() +
                   ": the next start may use another secret, which moves open flows; make room on "
                   "its disk, or mend it, and restart keeld";
  }
  return made;
}

}  // namespace

Result<KeptSecret> read_or_make_secret(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  if (file.is_open()) return read_from(file.get(), path);
  if (errno == ENOENT) return make(path);
  return failed("cannot be opened", path);
}

}  // namespace evenkeel
