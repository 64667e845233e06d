// A frame of any bytes with room around it, and beyond that room bytes that nobody may write.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/wire/frame.h"

namespace evenkeel {

class FuzzRoom {
 public:
  static constexpr size_t kLargest = 4'096;

  // REQUIRES: at most kLargest bytes.
  explicit FuzzRoom(const std::vector<uint8_t>& bytes) {
    REQUIRE(bytes.size() <= kLargest);
    buffer_.fill(0xa5);
    frame_ = Frame{.data = buffer_.data() + kGuard + kFrameHeadroom,
                   .length = static_cast<uint32_t>(bytes.size())};
    std::copy(bytes.begin(), bytes.end(), frame_.data);
    before_ = buffer_;
  }

  const Frame& frame() const { return frame_; }

  void expect_untouched(const Frame& frame) const {
    CHECK(buffer_ == before_);
    CHECK(frame.data == frame_.data && frame.length == frame_.length);
  }

  void expect_within(const Frame& frame) const {
    const uint8_t* const end = frame_.data + frame_.length;
    CHECK(frame.data >= frame_.data - kFrameHeadroom && frame.data + frame.length <= end);
    CHECK(std::memcmp(buffer_.data(), before_.data(), kGuard) == 0);
    const auto behind = static_cast<size_t>(end - buffer_.data());
    CHECK(std::memcmp(end, before_.data() + behind, buffer_.size() - behind) == 0);
  }

 private:
  static constexpr size_t kGuard = 128;

  std::array<uint8_t, kGuard + kFrameHeadroom + kLargest + kGuard> buffer_;
  std::array<uint8_t, sizeof(buffer_)> before_;
  Frame frame_;
};

}  // namespace evenkeel
