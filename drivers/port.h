// A port of the box: one DPDK device with a queue for each worker, opened so that one flow stays on
// one worker.
#pragma once

#include <rte_mempool.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "drivers/device.h"
#include "drivers/interface.h"
#include "firmware/base/status.h"
#include "firmware/wire/headers.h"

namespace evenkeel {

struct PortSpec {
  std::string name;
  Device device;
  uint16_t workers = 1;
  uint16_t mtu = 1500;
  uint16_t vlan = 0;  // 0: untagged
};

// What the device has counted. Not every device counts every loss: of net_af_packet the kernel's
// own counters know what came too fast.
struct PortCounts {
  uint64_t received_packets = 0;
  uint64_t received_bytes = 0;
  uint64_t transmitted_packets = 0;
  uint64_t transmitted_bytes = 0;
  // Lost:
  uint64_t missed = 0;           // came while nobody fetched them
  uint64_t no_buffer = 0;        // came while the pool was empty
  uint64_t receive_errors = 0;   // came broken
  uint64_t transmit_errors = 0;  // taken by the device, and not sent
};

// Invariants:
//  1. Worker n owns transmit queue n, and receive queue n if n < receive_queues().
//  2. What is received lies in one buffer, with DPDK's 128 bytes of headroom before it; with 124 if
//     net_af_packet has put a VLAN tag back that the kernel had taken off. (Of pcap and ring
//     devices it depends on who sends: a packet larger than the buffers comes in more than one.)
class Port {
 public:
  // Queues hold so many packets if the device lets us choose.
  static constexpr uint16_t kReceiveDescriptors = 1024;
  static constexpr uint16_t kTransmitDescriptors = 1024;

  // Opens and starts it. REQUIRES: EAL runs, with this device in its spec; the pool outlives the
  // port.
  static Result<std::unique_ptr<Port>> open(const PortSpec& spec, rte_mempool* pool);
  // Stops and closes it. REQUIRES: no worker uses its queues any more.
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  const std::string& name() const { return name_; }
  // As rte_eth_rx_burst() and rte_eth_tx_burst() want it.
  uint16_t id() const { return id_; }
  uint16_t receive_queues() const { return receive_queues_; }
  uint16_t transmit_queues() const { return transmit_queues_; }
  const Mac& mac() const { return mac_; }

  // Asks the device, and does not wait for it.
  bool link_is_up() const;
  PortCounts counts() const;

  // A stopped port receives and sends nothing. REQUIRES: no worker uses its queues.
  Status start();
  Status stop();

 private:
  Port(const PortSpec& spec, uint16_t id);

  Status configure(const PortSpec& spec, rte_mempool* pool);
  Status set_up_queues(const PortSpec& spec, rte_mempool* pool);
  void find_mac(uint16_t number);
  Error failed(const std::string& what, int error) const;
  Error refused(const Status& status) const;

  const std::string name_;
  const Device device_;
  const uint16_t id_;
  Interface interface_;  // below, if the device stands on one
  uint16_t receive_queues_ = 0;
  uint16_t transmit_queues_ = 0;
  Mac mac_{};
  bool is_started_ = false;
};

}  // namespace evenkeel
