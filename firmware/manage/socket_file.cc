#include "firmware/manage/socket_file.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace evenkeel {
namespace {

constexpr int kBacklog = 128;
constexpr mode_t kMode = 0666;
constexpr mode_t kFolderMode = 0755;

Error failed(const std::string& path, const std::string& what) {
  const int error = errno;
  return Error{"the API's socket " + path + " " + what + ": " + std::strerror(error)};
}

Descriptor new_socket() {
  return Descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

sockaddr_un name_of(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  return name;
}

bool somebody_listens(const std::string& path) {
  const Descriptor socket = new_socket();
  const sockaddr_un name = name_of(path);
  const int result = connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name);
  return result == 0 || errno == EAGAIN;  // whose queue is full listens, too
}

Status may_take(const std::string& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return failed(path, "cannot be looked at");
  }
  if (!S_ISSOCK(status.st_mode)) {
    return Error{"the API's socket " + path +
                 " is a file of another kind: remove it, or name another in api.socket"};
  }
  if (somebody_listens(path)) {
    return Error{"somebody listens on the API's socket " + path +
                 " already: end the other keeld, or name another in api.socket"};
  }
  return {};
}

// Its parents too: what is below /run is gone after a reboot.
void make_folder(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    mkdir(path.substr(0, slash).c_str(), kFolderMode);
  }
}

}  // namespace

Result<SocketFile> SocketFile::listen(const std::string& path) {
  const std::string draft = path + ".new";
  if (path.empty() || draft.size() >= sizeof(sockaddr_un::sun_path)) {
    return Error{"the API's socket " + path + " has a name of " + std::to_string(path.size()) +
                 " bytes, and 1 to " + std::to_string(sizeof(sockaddr_un::sun_path) - 5) +
                 " are possible: name another in api.socket"};
  }
  make_folder(path);
  if (const Status status = may_take(path); !status.ok()) return Error{status.message()};
  unlink(draft.c_str());
  Descriptor socket = new_socket();
  const sockaddr_un name = name_of(draft);
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    return failed(path, "cannot be made; its folder must be there");
  }
  struct stat status{};
  const bool is_there = chmod(draft.c_str(), kMode) == 0 && ::listen(socket.get(), kBacklog) == 0 &&
                        stat(draft.c_str(), &status) == 0 &&
                        std::rename(draft.c_str(), path.c_str()) == 0;
  if (!is_there) {
    Error error = failed(path, "cannot be put in place");
    unlink(draft.c_str());
    return error;
  }
  return SocketFile(std::move(socket), path, status.st_ino);
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : socket_(std::move(other.socket_)),
      path_(std::exchange(other.path_, "")),
      inode_(other.inode_) {}

SocketFile::~SocketFile() {
  struct stat status{};
  const bool is_ours =
      !path_.empty() && lstat(path_.c_str(), &status) == 0 && status.st_ino == inode_;
  if (is_ours) unlink(path_.c_str());
}

}  // namespace evenkeel
