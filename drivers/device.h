// What DPDK's drivers differ in, as one table. A port names its device in the settings as DPDK
// does - "net_af_packet,iface=wan0", "0000:03:00.0" - but for what the box knows better: the number
// behind a virtual device's name, how many queues, and arguments that work well here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "firmware/base/limits.h"
#include "firmware/base/status.h"

namespace evenkeel {

// Who spreads packets over a port's receive queues.
enum class Spread : uint8_t {
  device,      // RSS, as far as the device offers it; without, see spreads_by_itself()
  kernel,      // the kernel hashes addresses and ports by itself
  other_side,  // whoever sends chooses the queue
};

// How a port's MTU comes into force.
enum class MtuBy : uint8_t {
  buffers,    // whatever fits a buffer passes
  driver,     // the driver is told, and knows its limits
  interface,  // the network interface below must have at least that
};

// Who knows whether the link is up.
enum class LinkBy : uint8_t {
  driver,
  interface,             // the network interface below; none: down
  interface_if_present,  // as above, but it may have been moved to another network namespace: up
};

// What a device lets through so that solicitations for VIPs are heard.
enum class Hears : uint8_t { all_anyway, all_if_promiscuous, all_multicast_if_told };

// What an argument names: looked at before DPDK does.
enum class Names : uint8_t {
  nothing,
  interface,       // iface: a network interface
  vhost_socket,    // iface: made by us, unless client=1
  virtio_backend,  // path: made by another process, unless server=1
  memif_socket,    // socket: made by us if role=server and socket-abstract=no
  file,            // rx_pcap: a file to read
  pci,             // the device itself
};

struct DeviceTraits {
  static constexpr std::string_view kNone{};

  std::string_view name;              // as settings have it, without a number; of PCI devices: ""
  std::string_view driver = kNone;    // its shared object; of PCI devices: whichever fits
  std::string_view required = kNone;  // the argument that must be there, if any
  std::string_view queues = kNone;    // the argument that says how many queues, if any
  std::string_view defaults = kNone;  // arguments unless the settings have their own
  Spread spread = Spread::other_side;
  MtuBy mtu_by = MtuBy::buffers;
  LinkBy link_by = LinkBy::driver;
  Hears hears = Hears::all_anyway;
  Names names = Names::nothing;
  // Whatever comes by a queue of the interface that is not the port's goes to the kernel, unseen.
  bool binds_queues = false;
  // The kernel hands over what it has merged (GRO, LRO), unless the interface is told not to.
  bool is_merged = false;
  // What a packet lies in: the device's own frames, whose size is an argument, or buffers.
  std::string_view frame_argument = kNone;
  std::string_view block_argument = kNone;  // bytes of many frames, and
  std::string_view count_argument = kNone;  // how many frames there are in all blocks
  uint16_t frame_unit = 1;                  // frames and buffers are a multiple of so many bytes
  uint16_t headroom = 0;                    // of both, beside DPDK's own of a buffer
  uint16_t element_max = 0;  // the largest buffer with all that belongs to it; 0: any
  uint16_t mtu_max = kMaxMtu;
};

// Whether a device whose driver ethdev calls so spreads packets by itself over all queues that it
// is told of, without RSS. What drives a PCI device is known only when it is open.
bool spreads_by_itself(std::string_view driver);

// What a port needs of its device.
struct DeviceUse {
  std::string port;  // its name, for messages
  std::string text;  // as in the settings
  uint16_t number = 0;
  uint16_t workers = 1;
  uint16_t mtu = 1500;
};

struct Device {
  const DeviceTraits* traits = nullptr;
  std::string port;       // whose it is, for messages
  std::string name;       // unique, as ethdev knows it: "net_af_packet0", "0000:03:00.0"
  std::string arguments;  // "iface=wan0,qpairs=2,..."; may be empty

  bool is_pci() const { return traits->names == Names::pci; }
  // "net_af_packet0,iface=wan0,..."
  std::string text() const { return arguments.empty() ? name : name + ',' + arguments; }
  // The value of the first argument "key=value".
  std::optional<std::string> argument(std::string_view key) const;
};

std::span<const DeviceTraits> device_table();

// Looks at the text alone; eal_check.h looks at the machine.
Result<Device> parse_device(const DeviceUse& use);

// Bytes of a buffer, behind DPDK's headroom, that takes any packet of the MTU with two VLAN tags.
uint32_t buffer_room(const DeviceTraits& traits, uint16_t mtu);

}  // namespace evenkeel
