// A frame of any bytes with room before it, and beyond that room bytes that nobody may write. Its
// block of memory ends with the frame: behind that, a sanitizer sees whoever reads or writes.
#pragma once

#include <algorithm>
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
  explicit FuzzRoom(const std::vector<uint8_t>& bytes)
      : buffer_(kGuard + kFrameHeadroom + bytes.size(), 0xa5) {
    REQUIRE(bytes.size() <= kLargest);
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
  }

 private:
  static constexpr size_t kGuard = 128;

  std::vector<uint8_t> buffer_;
  std::vector<uint8_t> before_;
  Frame frame_;
};

}  // namespace evenkeel
