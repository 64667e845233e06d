// Generated traffic in buffers as a NIC's driver leaves them: fixed places 2,304 bytes apart, each
// with a descriptor, headroom and data, used in turn. Filling them is not part of any measurement.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "firmware/base/address.h"
#include "firmware/base/limits.h"
#include "firmware/base/pages.h"
#include "firmware/wire/frame.h"

namespace evenkeel::bench {

struct Flow {
  Address source;
  Address destination;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
};

// VIP number `service`: one address each, port 443.
Address vip(bool is_v4, uint32_t service);

// Different flows to `services` VIPs in turn, from random sources.
std::vector<Flow> make_flows(size_t count, uint32_t services, bool is_v4, uint64_t seed);

// 64-byte TCP packets (as on the wire with their check sequence); IPv6 ones have 78.
class Buffers {
 public:
  static constexpr size_t kCount = 1024;

  Buffers();

  // Puts a packet of each flow into the next buffers. REQUIRES: flows.size() <= kCount
  void fill(std::span<const Flow* const> flows, bool is_opening);
  // What a receive call yields: up to one burst, from buffer `first` on.
  void receive(size_t first, std::span<Frame> ret_frames);

 private:
  static constexpr size_t kData = 2048;

  struct Descriptor {
    uint8_t* buffer;
    uint16_t data_offset;
    uint16_t length;
  };
  struct alignas(128) Place {
    alignas(128) Descriptor descriptor;
    std::array<uint8_t, kFrameHeadroom + kData> bytes;
  };

  PageArray<Place> places_;
};

}  // namespace evenkeel::bench
