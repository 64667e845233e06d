// The descriptors of probes in one network namespace. To open a socket, to have it watched and to
// close it costs as much as the rest of a probe over TCP: so the socket of one that has ended well
// is dissolved (connect(2) to AF_UNSPEC), and waits here for another, watched as it is.
//
// A server sees no difference: its connection is reset, as by close(2). Nothing of a conversation
// is left to the next one: the kernel drops what has not been read, forgets errors, and gives
// another local address and port. Only options stay.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "drivers/descriptor.h"
#include "firmware/base/limits.h"
#include "firmware/base/status.h"
#include "firmware/health/readiness.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

class ProbeSockets;

// Of one probe.
struct ProbeSocket {
  Descriptor descriptor;
  Readiness::Watch watch;            // none: it has never been watched
  std::weak_ptr<ProbeSockets> home;  // where it may go when it is free; none: it is closed
};

// Invariants:
// 1. What is in free_ is a socket over TCP that is watched for nobody, and has no connection.
// 2. Of each family, at most kMaxFreeSockets are in free_.
class ProbeSockets : public std::enable_shared_from_this<ProbeSockets> {
 public:
  struct Want {
    CheckType type = CheckType::none;
    bool is_v4 = true;
  };

  // REQUIRES: owned by a shared_ptr; the readiness of its sockets outlives it.
  explicit ProbeSockets(std::string network_namespace);
  ProbeSockets(const ProbeSockets&) = delete;
  ProbeSockets& operator=(const ProbeSockets&) = delete;

  // One for each, as open_probe_descriptor() has it; with one visit to the network namespace, if
  // there are not enough free ones.
  std::vector<Result<ProbeSocket>> take(const std::vector<Want>& wanted);

  // Ends what connection it has.
  // REQUIRES: one of take(), of that family, which is watched.
  void give_back(ProbeSocket socket, bool is_v4);

 private:
  using Free = std::vector<ProbeSocket>;

  Result<ProbeSocket> open(const Want& want);

  const std::string network_namespace_;
  std::array<Free, 2> free_;  // by whether it is of IPv4
};

}  // namespace evenkeel
