// Any set of VIPs is refused, or answered as a search through all of them would.
#include "firmware/table/lookup.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "firmware/base/check.h"
#include "tests/table/naive_lookup.h"

namespace evenkeel {
namespace {

// How a point is written in the input: addresses by their last bytes, so that they meet.
struct Written {
  uint8_t flags;  // 1: IPv4; 2: a single port; 4: bits beyond the prefix are cut off
  uint8_t prefix_length;
  uint8_t protocol;
  std::array<uint8_t, 3> address;
  uint16_t first_port;
  uint16_t last_port;
  uint16_t service;
};
static_assert(sizeof(Written) == 12);

ServicePoint read_point(const Written& written) {
  const bool is_v4 = (written.flags & 1) != 0;
  Address address = is_v4 ? Address::v4(Big32(0x0a000000)) : Address{};
  std::memcpy(address.bytes.data() + 13, written.address.data(), written.address.size());
  const bool is_cut = (written.flags & 4) != 0 && written.prefix_length <= 128;
  return {.address = is_cut ? masked(address, written.prefix_length) : address,
          .prefix_length = written.prefix_length,
          .protocol = written.protocol,
          .first_port = written.first_port,
          .last_port = (written.flags & 2) != 0 ? written.first_port : written.last_port,
          .service = written.service};
}

void compare(const std::vector<ServicePoint>& points, const ServiceLookup& lookup) {
  for (const ServicePoint& of_address : points) {
    const Address& address = of_address.address;
    CHECK(lookup.has_address(address));
    for (const ServicePoint& of_port : points) {
      for (const int port : {of_port.first_port - 1, int{of_port.first_port},
                             int{of_port.last_port}, of_port.last_port + 1}) {
        const auto sent = static_cast<uint16_t>(port);
        CHECK(lookup.find(address, of_port.protocol, sent) ==
              naive_find(points, address, of_port.protocol, sent));
      }
    }
  }
}

}  // namespace
}  // namespace evenkeel

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace evenkeel;
  constexpr size_t kMostPoints = 24;  // more would find nothing new, only slower
  std::vector<ServicePoint> points;
  for (; size >= sizeof(Written) && points.size() < kMostPoints; size -= sizeof(Written)) {
    Written written{};
    std::memcpy(&written, data, sizeof written);
    data += sizeof written;
    points.push_back(read_point(written));
  }
  const Result<ServiceLookup> lookup = ServiceLookup::build(points);
  if (lookup.ok()) {
    compare(points, lookup.value());
  } else {
    CHECK(!points.empty() && !lookup.message().empty());
  }
  return 0;
}
