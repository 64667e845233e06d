// A frame where it lies: the bytes of one packet and the free room before and after them, as an
// mbuf has it. Emitting moves the front; nothing in wire allocates or keeps a pointer.
#pragma once

#include <cstddef>
#include <cstdint>

namespace evenkeel {

struct Frame {
  uint8_t* data = nullptr;  // first byte, an Ethernet header
  uint32_t length = 0;
  uint32_t headroom = 0;  // writable bytes before data
  uint32_t tailroom = 0;  // writable bytes after data + length
  uint8_t port = 0;       // on which it came; once it is to be sent, on which it leaves
};

}  // namespace evenkeel
