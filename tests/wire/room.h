// A frame for a test, from text: its buffer is surrounded by bytes that nobody may write.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "firmware/base/check.h"
#include "firmware/wire/frame.h"
#include "tests/wire/packet.h"

namespace evenkeel {

class Room {
 public:
  // `hex` is the frame; what is around it is filled with a pattern.
  explicit Room(const char* hex) {
    CHECK(std::strlen(hex) / 2 + kFrameHeadroom + 2 * kGuard <= kSize);
    bytes_.fill(kPattern);
    write_hex(hex, data(), length_);
    before_ = bytes_;
  }

  uint8_t* data() { return bytes_.data() + kGuard + kFrameHeadroom; }

  Frame frame() { return Frame{.data = data(), .length = length_}; }

  bool is_untouched() const { return bytes_ == before_; }

  // Whether nothing was written but in the room that the frame had, and `frame` lies within it.
  bool holds(const Frame& frame) const {
    const uint8_t* const start = bytes_.data() + kGuard;
    const size_t behind = kGuard + kFrameHeadroom + length_;
    return frame.data >= start && frame.data + frame.length <= bytes_.data() + behind &&
           std::memcmp(bytes_.data(), before_.data(), kGuard) == 0 &&
           std::memcmp(bytes_.data() + behind, before_.data() + behind, kSize - behind) == 0;
  }

 private:
  static constexpr size_t kSize = 4'096;
  static constexpr size_t kGuard = 64;
  static constexpr uint8_t kPattern = 0xa5;

  std::array<uint8_t, kSize> bytes_;
  std::array<uint8_t, kSize> before_;
  uint32_t length_ = 0;
};

}  // namespace evenkeel
