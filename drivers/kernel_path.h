// What is for the box itself (ARP, ND, BGP, SSH ...) goes to the kernel and what the kernel sends
// goes out, through one thread between the workers and the TAPs of the ports: workers make no
// system calls, so they hand packets over in rings, which this thread polls.
//
// Rings have one writer and one reader each, so neither side can hold up the other: a full ring is
// a counted drop on the side that writes it. The thread is an ordinary one on control's core; what
// it is given in a second is limited by the workers (firmware/base/token_bucket.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "drivers/announce.h"
#include "drivers/descriptor.h"
#include "drivers/tap.h"
#include "firmware/base/address.h"
#include "firmware/base/clock.h"
#include "firmware/base/limits.h"
#include "firmware/base/status.h"
#include "firmware/wire/headers.h"

struct rte_mbuf;
struct rte_mempool;
struct rte_ring;

namespace evenkeel {

// Frames of one port.
struct KernelPathCounts {
  uint64_t to_kernel = 0;
  uint64_t from_kernel = 0;
  uint64_t announced = 0;  // gratuitous ARP and unsolicited advertisements, beside from_kernel
  // Dropped:
  uint64_t wrong_vlan = 0;   // for the kernel, with a tag that is not the port's, or without it
  uint64_t refused = 0;      // for the kernel, which did not take it
  uint64_t no_buffer = 0;    // from it, while the pool was empty
  uint64_t worker_full = 0;  // from it, while the worker did not fetch
};

// Invariants:
//  1. The pool is touched by this thread without a cache of its own, and may be shared with workers
//     only if a thread that is put to sleep in the middle does not make others wait: its ring is of
//     the kind "ring_mt_rts".
//  2. At most kRingSize buffers are on their way from the kernel at a time.
class KernelPath {
 public:
  static constexpr unsigned kRingSize = 1'024;

  struct Port {
    Tap tap;
    Mac mac{};
    uint16_t vlan = 0;  // 0: untagged
    uint16_t mtu = 1500;
  };
  struct Spec {
    std::vector<Port> ports;  // by port number
    size_t workers = 1;
    rte_mempool* pool = nullptr;  // refused if its buffers do not hold a frame of the largest MTU
    std::function<Microseconds()> now;
  };

  // Starts the thread, on the cores that the caller may use.
  static Result<std::unique_ptr<KernelPath>> start(Spec spec);
  KernelPath(const KernelPath&) = delete;
  KernelPath& operator=(const KernelPath&) = delete;
  // Stops it, and gives what is in the rings back to the pool.
  // REQUIRES: no worker uses the rings any more.
  ~KernelPath();

  // Mbufs whose `port` is a port number. A worker is the only writer of its own ring towards the
  // kernel; worker 0 is the only reader of what the kernel sends, whole frames with the port's tag.
  rte_ring* to_kernel(size_t worker) const { return to_kernel_[worker].get(); }
  rte_ring* from_kernel() const { return from_kernel_.get(); }

  // Announces on every port those of `vips` that were not in the list before, three times, a second
  // apart; says no more of those that are not in it now.
  void set_vips(const std::vector<Address>& vips);

  // What the kernel sees of a port's cable. When it comes back, VIPs are announced there again.
  Status set_link(size_t port, bool is_up);

  // By port number.
  std::vector<KernelPathCounts> counts() const;

 private:
  struct FreeRing {
    void operator()(rte_ring* ring) const;
  };
  using Ring = std::unique_ptr<rte_ring, FreeRing>;
  static constexpr size_t kAtOnce = 32;  // frames of one ring or TAP before the next one's turn

  explicit KernelPath(Spec spec);
  Status prepare();

  // The thread's
  void run();
  size_t drain(rte_ring* ring);
  void write_to_tap(rte_mbuf* frame);
  size_t read_tap(size_t port);
  rte_mbuf* make_frame();
  bool send(size_t port, rte_mbuf* frame);
  size_t announce();

  // Constant while the thread runs
  Spec spec_;
  Descriptor epoll_;
  Descriptor wake_;  // readable: the thread is to end
  std::vector<Ring> to_kernel_;
  Ring from_kernel_;

  // The thread's
  std::vector<KernelPathCounts> counts_;

  // Shared, under the mutex
  mutable std::mutex mutex_;
  std::vector<KernelPathCounts> published_;
  Announcements announcements_;

  // Control's
  std::vector<bool> links_;
  std::thread thread_;
};

}  // namespace evenkeel
