#include "firmware/manage/journal_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace evenkeel {

JournalSocket::JournalSocket(std::string path)
    : path_(std::move(path)),
      socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {}

JournalSocket::~JournalSocket() {
  if (socket_ >= 0) close(socket_);
}

bool JournalSocket::send(std::string_view message) const {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (socket_ < 0 || path_.size() >= sizeof to.sun_path) return false;
  std::memcpy(to.sun_path, path_.c_str(), path_.size() + 1);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): as sockets have it.
  const ssize_t sent = sendto(socket_, message.data(), message.size(), MSG_NOSIGNAL,
                              reinterpret_cast<const sockaddr*>(&to), sizeof to);
  return sent == static_cast<ssize_t>(message.size());
}

}  // namespace evenkeel
