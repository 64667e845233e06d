// Many flows of one service of a Box, and where each of them goes.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/packet/box.h"

namespace evenkeel {

inline constexpr uint16_t kFlows = 600;

inline PlanSpec with_weights(std::vector<uint32_t> weights,
                             Affinity affinity = Affinity::connection) {
  PlanSpec spec = good_spec();
  spec.services[0].affinity = affinity;
  for (ServicePoint& point : spec.services[0].points) {
    if (affinity != Affinity::connection) point.protocol = static_cast<uint8_t>(Protocol::udp);
  }
  for (size_t i = 0; i < weights.size(); ++i) spec.services[0].members[i].weight = weights[i];
  return spec;
}

inline Client numbered(uint16_t flow, Protocol protocol = Protocol::tcp) {
  return {.port = static_cast<uint16_t>(10'000 + flow), .protocol = protocol};
}

// Where each of the flows goes; -1: nowhere.
using Whereabouts = std::vector<int64_t>;

inline Whereabouts send_all(Box& box, const Plan& plan, uint8_t flags, uint16_t first = 0,
                            uint16_t last = kFlows, Protocol protocol = Protocol::tcp) {
  Whereabouts result;
  for (uint16_t i = first; i < last; ++i) {
    result.push_back(box.backend_for(plan, packet_from(numbered(i, protocol), flags)));
  }
  return result;
}

inline size_t differing(const Whereabouts& a, const Whereabouts& b) {
  CHECK(a.size() == b.size());
  size_t count = 0;
  for (size_t i = 0; i < a.size(); ++i) count += a[i] != b[i] ? 1 : 0;
  return count;
}

}  // namespace evenkeel
