#include "drivers/pool.h"

#include <rte_errno.h>
#include <rte_mbuf.h>

#include <algorithm>

#include "drivers/port.h"
#include "firmware/base/limits.h"

namespace evenkeel {
namespace {

constexpr const char* kName = "packets";
// The ring in which buffers lie while no worker has them at hand. Threads that are not alone on
// their core use it too (drivers/kernel_path.h): of this kind, one that is put to sleep in the
// middle does not keep a worker waiting.
constexpr const char* kRing = "ring_mt_rts";

// Behind a buffer's headroom.
uint32_t room_of(const PoolSpec& spec) {
  uint32_t room = RTE_MBUF_DEFAULT_DATAROOM;
  for (const PoolSpec::OfPort& port : spec.ports) {
    room = std::max(room, buffer_room(*port.traits, port.mtu));
  }
  return room;
}

Status check_element(const PoolSpec& spec, uint32_t data_room) {
  const auto element = static_cast<uint32_t>(sizeof(rte_mbuf)) + data_room;
  const uint32_t whole = rte_mempool_calc_obj_size(element, 0, nullptr);
  for (const PoolSpec::OfPort& port : spec.ports) {
    if (port.traits->element_max != 0 && whole > port.traits->element_max) {
      return Error{"Buffers for the largest mtu of all ports take " + std::to_string(whole) +
                   " bytes each, but " + std::string(port.traits->name) + " takes only " +
                   std::to_string(port.traits->element_max) +
                   "; lower the mtu, or use another kind of device."};
    }
  }
  return {};
}

}  // namespace

uint32_t Pool::least_buffers(const PoolSpec& spec) {
  const auto ports = static_cast<uint32_t>(spec.ports.size());
  // A cache holds up to one and a half of its size before it gives back.
  const uint32_t at_hand = kCache * 3 / 2 + 2 * kBurst;
  return spec.workers *
         (ports * (Port::kReceiveDescriptors + Port::kTransmitDescriptors) + at_hand);
}

Result<Pool> Pool::make(const PoolSpec& spec) {
  const uint32_t least = least_buffers(spec);
  if (spec.buffers < least) {
    return Error{"memory.buffers = " + std::to_string(spec.buffers) +
                 " are too few to fill the queues of " + std::to_string(spec.ports.size()) +
                 " ports for " + std::to_string(spec.workers) + " workers; set it to " +
                 std::to_string(least) + " or more."};
  }
  const uint32_t data_room = RTE_PKTMBUF_HEADROOM + room_of(spec);
  const Status fits = check_element(spec, data_room);
  if (!fits.ok()) return Error{fits.message()};
  rte_mempool* const pool = rte_pktmbuf_pool_create_by_ops(
      kName, spec.buffers, kCache, 0, static_cast<uint16_t>(data_room),
      static_cast<int>(rte_socket_id()), kRing);
  if (pool != nullptr) return Pool(pool);
  const size_t mib = ((size_t{data_room} + sizeof(rte_mbuf)) * spec.buffers >> 20) + 1;
  return Error{"memory.buffers = " + std::to_string(spec.buffers) + " of " +
               std::to_string(data_room) + " bytes do not fit the memory there is (" +
               rte_strerror(rte_errno) + "); they take " + std::to_string(mib) +
               " MiB: raise memory.mib above that, or lower memory.buffers or the ports' mtu."};
}

}  // namespace evenkeel
