// A frame where it lies: the bytes of one packet, as an mbuf has them. Emitting moves the front;
// nothing in wire allocates or keeps a pointer.
#pragma once

#include <cstddef>
#include <cstdint>

namespace evenkeel {

// Before data, kFrameHeadroom bytes are writable: who makes a frame promises that, nobody checks it
// again. Once the front has moved into them, less is left.
struct Frame {
  uint8_t* data = nullptr;  // first byte, an Ethernet header
  uint32_t length = 0;
  uint8_t port = 0;  // on which it came; once it is to be sent, on which it leaves
};
static_assert(sizeof(Frame) == 16);

}  // namespace evenkeel
