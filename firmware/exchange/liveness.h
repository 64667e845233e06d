// How a worker itself is doing, beside what its traffic is doing (evidence.h): that it moves, what
// passed each of its ports, what it handed to the kernel. The worker writes, everybody reads; only
// whether it is to stop, and what it is asked, is said by control.
//
// What came in by ports is what pipeline, kernel path and drops have taken: when no packet is under
// way, received + pieces == forwarded (of evidence) + drops (of evidence) + to_kernel + held +
// split. What the kernel sends is counted apart.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/exchange/counter.h"
#include "firmware/exchange/inquiry.h"

namespace evenkeel {

// Packets of one port, by one worker.
struct alignas(kCacheLine) PortTally {
  Counter received;
  Counter transmitted;
  Counter transmit_full;  // dropped: the queue took no more
  Counter to_kernel;
  Counter from_kernel;  // sent on its behalf
};

struct alignas(kCacheLine) Liveness {
  // The worker's
  Counter loops;
  Counter busy_loops;   // in which there was a packet
  Counter busy_cycles;  // of the time stamp counter, in those
  Counter naps;         // times that it slept since there was nothing to do
  Counter held;         // packets that wait for their first fragment
  Counter answers;      // "too big", sent beside what was received
  Counter untold;       // too big as well, but more than are answered
  Counter split;        // packets that did not fit, and were cut
  Counter pieces;       // what became of those, on their way like packets that came
  Counter no_buffer;    // answers and pieces that could not be made: the pool was empty
  SingleWriter<uint32_t> is_running;
  std::array<PortTally, kMaxPorts> ports;

  // Control's
  alignas(kCacheLine) SingleWriter<uint32_t> must_stop;

  Inquiry inquiry;
};

}  // namespace evenkeel
