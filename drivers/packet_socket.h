// Frames past the kernel's own stack: what is sent leaves by an interface as it is, and what comes
// in there is heard before the stack has an opinion of it, if it passes a filter.
#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "drivers/descriptor.h"
#include "firmware/base/status.h"

namespace evenkeel {

class PacketSocket {
 public:
  // On an interface of the network namespace that this thread is in.
  static Result<PacketSocket> open(uint32_t interface, std::span<const sock_filter> filter);

  // Readable: there is something to receive. Neither of the two waits.
  int descriptor() const { return descriptor_.get(); }
  // Answers 0, or errno.
  int send(std::span<const uint8_t> frame);
  // How much of a frame the filter lets through, at most what there is room for; none: there is no
  // more.
  std::optional<size_t> receive(std::span<uint8_t> room);

 private:
  explicit PacketSocket(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

  Descriptor descriptor_;
};

}  // namespace evenkeel
