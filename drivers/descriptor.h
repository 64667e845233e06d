// A file descriptor that is closed with its owner.
#pragma once

#include <unistd.h>

#include <utility>

namespace evenkeel {

class Descriptor {
 public:
  Descriptor() = default;
  // Of a call that failed (-1): none.
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }

  bool is_open() const { return number_ >= 0; }
  int get() const { return number_; }
  // It is the caller's to close now.
  int release() { return std::exchange(number_, -1); }

 private:
  int number_ = -1;
};

}  // namespace evenkeel
