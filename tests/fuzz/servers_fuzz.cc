// Any set of servers' ports: refused where two VIPs meet in one, and only there; else every port
// leads back to the VIP that a search through all points finds.
#include "firmware/table/servers.h"

#include <cstring>
#include <vector>

#include "firmware/base/check.h"

namespace evenkeel {
namespace {

// How a point is written in the input: few servers, VIPs and ports, so that they meet.
struct Written {
  uint8_t server;
  uint8_t vip;
  uint8_t vip_port;
  uint8_t protocol;
  uint8_t first_port;
  uint8_t ports;
};

ServerPoint read_point(const Written& written) {
  Address server = written.server % 2 == 0 ? Address::v4(Big32(0x0a00'0000)) : Address{};
  server.bytes[15] = written.server % 4;
  const uint16_t vip_port = written.vip_port % 3;
  const auto first =
      static_cast<uint16_t>(written.first_port % 32 + (written.first_port & 0x80) * 511);
  const auto more = static_cast<uint16_t>(vip_port != 0 ? 0 : written.ports % 8);
  return {.server = server,
          .vip = {.vip = Address::v4(Big32(0xc000'0200u + written.vip % 3)),
                  .translation_prefix = {},
                  .vip_port = vip_port},
          .protocol = static_cast<uint8_t>(6 + written.protocol % 2 * 11),
          .first_port = first,
          .last_port = static_cast<uint16_t>(first + more),
          .service = written.vip};
}

bool meet(const ServerPoint& a, const ServerPoint& b) {
  return a.server == b.server && a.protocol == b.protocol && a.first_port <= b.last_port &&
         b.first_port <= a.last_port;
}

bool is_unique(const std::vector<ServerPoint>& points) {
  for (const ServerPoint& a : points) {
    for (const ServerPoint& b : points) {
      if (meet(a, b) && a.vip != b.vip) return false;
    }
  }
  return true;
}

const VipOfServer* naive_find(const std::vector<ServerPoint>& points, const Address& server,
                              uint8_t protocol, uint16_t port) {
  for (const ServerPoint& point : points) {
    if (point.server == server && point.protocol == protocol && point.first_port <= port &&
        port <= point.last_port) {
      return &point.vip;
    }
  }
  return nullptr;
}

void compare(const std::vector<ServerPoint>& points, const ServerLookup& servers) {
  for (const ServerPoint& of_server : points) {
    CHECK(servers.has_server(of_server.server));
    for (const ServerPoint& of_port : points) {
      for (const int port : {of_port.first_port - 1, int{of_port.first_port},
                             int{of_port.last_port}, of_port.last_port + 1}) {
        const auto asked = static_cast<uint16_t>(port);
        const VipOfServer* const found = servers.find(of_server.server, of_port.protocol, asked);
        const VipOfServer* const expected =
            naive_find(points, of_server.server, of_port.protocol, asked);
        CHECK((found == nullptr) == (expected == nullptr));
        CHECK(found == nullptr || *found == *expected);
      }
    }
  }
}

}  // namespace
}  // namespace evenkeel

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace evenkeel;
  constexpr size_t kMostPoints = 24;  // more would find nothing new, only slower
  std::vector<ServerPoint> points;
  for (; size >= sizeof(Written) && points.size() < kMostPoints; size -= sizeof(Written)) {
    Written written{};
    std::memcpy(&written, data, sizeof written);
    data += sizeof written;
    points.push_back(read_point(written));
  }
  const Result<ServerLookup> servers = ServerLookup::build(points);
  CHECK(servers.ok() == is_unique(points));
  if (servers.ok()) {
    compare(points, servers.value());
  } else {
    CHECK(servers.message().find("so a reply cannot be told apart") != std::string::npos);
  }
  return 0;
}
