// The API's Unix socket in the file system. Whoever finds the file finds somebody who listens: it
// is put in place by one rename(), when it listens already. What a keeld that ended left behind is
// replaced; one that somebody still listens on is not.
//
// Its mode is 0666. A file has one group, and three groups may connect, so who may is not up to the
// file but to the peer's credentials (peer.h), by which others are refused with a sentence.
#pragma once

#include <string>

#include "drivers/descriptor.h"
#include "firmware/base/status.h"

namespace evenkeel {

class SocketFile {
 public:
  static Result<SocketFile> listen(const std::string& path);

  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&&) = delete;
  // The name goes, if it is still this socket's.
  ~SocketFile();

  int descriptor() const { return socket_.get(); }

 private:
  SocketFile(Descriptor socket, std::string path, uint64_t inode)
      : socket_(std::move(socket)), path_(std::move(path)), inode_(inode) {}

  Descriptor socket_;
  std::string path_;
  uint64_t inode_;
};

}  // namespace evenkeel
