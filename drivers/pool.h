// The buffers of all packets: one pool, so that a packet that came by one port leaves by another
// without being copied. A packet always fits one buffer, whatever the MTU.
//
// Nobody holds a second reference to a buffer, so that devices may give sent ones back in bulk
// (RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE).
#pragma once

#include <rte_mempool.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "drivers/device.h"
#include "firmware/base/status.h"

namespace evenkeel {

struct PoolSpec {
  struct OfPort {
    const DeviceTraits* traits = nullptr;
    uint16_t mtu = 1500;
  };

  uint32_t buffers = 16'384;
  uint16_t workers = 1;
  std::span<const OfPort> ports;
};

class Pool {
 public:
  // How many buffers a worker keeps at hand for itself.
  static constexpr uint32_t kCache = 256;

  // REQUIRES: EAL runs.
  static Result<Pool> make(const PoolSpec& spec);
  // The fewest buffers with which every queue of every port can be full and every worker still has
  // some.
  static uint32_t least_buffers(const PoolSpec& spec);

  rte_mempool* get() const { return pool_.get(); }
  size_t size() const { return pool_->size; }
  // Counts what workers keep at hand too.
  size_t free_buffers() const { return rte_mempool_avail_count(pool_.get()); }

 private:
  struct Free {
    void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
  };

  explicit Pool(rte_mempool* pool) : pool_(pool) {}

  std::unique_ptr<rte_mempool, Free> pool_;
};

}  // namespace evenkeel
