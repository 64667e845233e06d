// From a server's (address, protocol, port) to the VIP in whose name it answers: how a reply
// through the box is translated back (mode nat), without anything remembered of any flow.
//
// That works where the way there is unique: where no two VIPs, nor two ports of one, become the
// same port of the same server. What is not unique is refused by name when the plan is built.
//
// One probe finds the server, and a binary search its range of ports: nearly always there is one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "firmware/base/address.h"
#include "firmware/base/limits.h"
#include "firmware/base/status.h"
#include "firmware/table/lookup.h"

namespace evenkeel {

// In whose name a server answers.
struct VipOfServer {
  Address vip;
  Address translation_prefix;  // as in ForwardingSpec, if the server is of another family; else ::
  uint16_t vip_port = 0;       // 0: the server's own

  friend bool operator==(const VipOfServer&, const VipOfServer&) = default;
};

// Ports of a server that are those of one service. REQUIRES: one port, if it is not the VIP's own.
struct ServerPoint {
  Address server;
  VipOfServer vip;
  uint8_t protocol = 0;
  uint16_t first_port = 0;
  uint16_t last_port = 0;
  uint16_t service = kNoService;

  friend bool operator==(const ServerPoint&, const ServerPoint&) = default;
};

class ServerLookup {
 public:
  ServerLookup() = default;
  // Refuses, naming the services at fault: one port of a server that answers in the name of two, or
  // more than kMaxServerPoints. Of one VIP, ranges may overlap.
  static Result<ServerLookup> build(
      std::vector<ServerPoint> points,
      const NameOfService& name_of = [](uint16_t number) { return std::to_string(number); });

  bool has_server(const Address& address) const {
    return servers_.find(address, 0, kNoServer) != kNoServer;
  }
  // Null: it answers in nobody's name.
  const VipOfServer* find(const Address& server, uint8_t protocol, Big16 port) const;

  // What it was built of, in that order.
  const std::vector<ServerPoint>& points() const { return points_; }

 private:
  static constexpr uint16_t kNoServer = 0xffff;

  // Protocol and port as one number.
  struct Range {
    uint32_t first;
    uint32_t last;
    VipOfServer vip;
  };

  ProbeTable servers_;            // address -> index in begins_
  std::vector<uint32_t> begins_;  // in ranges_, by server; and the end of the last one
  std::vector<Range> ranges_;     // of each server ascending, apart from each other
  std::vector<ServerPoint> points_;
};

}  // namespace evenkeel
