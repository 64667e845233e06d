// Two ways of talking with the kernel by netlink: asking, which is answered at once since the
// kernel works off a request while it is being sent, and listening to what changes.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "drivers/descriptor.h"
#include "drivers/netlink_messages.h"
#include "firmware/base/status.h"

namespace evenkeel {

class NetlinkRequests {
 public:
  // In a named network namespace, as in netns.h.
  static Result<NetlinkRequests> open(const std::string& network_namespace);

  // What became of request number `index`: `error` is an errno or 0, `message` the answer of one
  // that asked for something.
  using Answer = std::function<void(size_t index, int error, const nlmsghdr* message)>;

  // Sends them all; each is answered, in their order. Not for dumps.
  Status exchange(std::vector<NetlinkRequest>& requests, const Answer& answer);

  // A dump: `take` is called for each message until it answers false; then the rest is not read.
  Status dump(NetlinkRequest request, const std::function<bool(const NetlinkMessage&)>& take);

 private:
  NetlinkRequests(Descriptor socket, std::string network_namespace)
      : socket_(std::move(socket)), network_namespace_(std::move(network_namespace)) {}

  Status exchange_some(std::vector<NetlinkRequest>& requests, size_t begin, size_t end,
                       const Answer& answer);

  Descriptor socket_;
  std::string network_namespace_;
  uint32_t sequence_ = 0;
  std::vector<char> buffer_;
};

class NetlinkEvents {
 public:
  static Result<NetlinkEvents> open(const std::string& network_namespace);

  // Readable when there is something to receive.
  int descriptor() const { return socket_.get(); }

  // Calls `take` for all that has come since, up to a bound: what is left keeps it readable. False
  // if the kernel had to drop some: then everything is to be asked for, and what was waiting is
  // dropped too, since it is older than the answers.
  bool receive(const std::function<void(const NetlinkMessage&)>& take);

 private:
  explicit NetlinkEvents(Descriptor socket) : socket_(std::move(socket)) {}

  void forget();

  Descriptor socket_;
  std::vector<char> buffer_;
};

}  // namespace evenkeel
