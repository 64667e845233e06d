#include "drivers/device.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace evenkeel {
namespace {

constexpr uint32_t kEthernetHeader = 14;
constexpr uint32_t kVlanTags = 8;

// Of rings that are made of blocks: so many bytes for each queue and direction.
constexpr uint32_t kFramesPerBlock = 16;
constexpr uint32_t kRingBytes = 8u << 20;

constexpr std::array<DeviceTraits, 10> kTable = {{
    // Its fanout hashes addresses and ports, whichever way; of fragments, addresses only. But it
    // reassembles IPv4 fragments first, so that they arrive as one packet, cut off at a frame's
    // end; and when a queue is nearly full its largest flows spill over to another. PACKET_MMAP
    // keeps 66 bytes of a frame for itself (linux/if_packet.h).
    {.name = "net_af_packet",
     .driver = "librte_net_af_packet.so",
     .required = "iface",
     .queues = "qpairs",
     .defaults = "qdisc_bypass=1",
     .spread = Spread::kernel,
     .mtu_by = MtuBy::interface,
     .link_by = LinkBy::interface,
     .hears = Hears::all_if_promiscuous,
     .names = Names::interface,
     .is_merged = true,
     .frame_argument = "framesz",
     .block_argument = "blocksz",
     .count_argument = "framecnt",
     .frame_unit = 2048,
     .headroom = 66},
    // Which fills queues by the interface's own hashing (ethtool -X), before the kernel merges
    // anything: where there is XDP, drivers do not either. It keeps 256 bytes before a
    // packet (XDP_PACKET_HEADROOM), and takes no more than a page for it and all that belongs to
    // it.
    {.name = "net_af_xdp",
     .driver = "librte_net_af_xdp.so",
     .required = "iface",
     .queues = "queue_count",
     .defaults = "start_queue=0",
     .spread = Spread::kernel,
     .mtu_by = MtuBy::interface,
     .link_by = LinkBy::interface,
     .hears = Hears::all_if_promiscuous,
     .names = Names::interface,
     .binds_queues = true,
     .headroom = 256,
     .element_max = 4096},
    // Sends nothing larger than this, whatever the interface's MTU.
    {.name = "net_tap",
     .driver = "librte_net_tap.so",
     .spread = Spread::kernel,
     .mtu_by = MtuBy::interface,
     .link_by = LinkBy::interface_if_present,
     .mtu_max = 1500},
    {.name = "net_virtio_user",
     .driver = "librte_net_virtio.so",
     .required = "path",
     .queues = "queues",
     .defaults = "queue_size=1024,mrg_rxbuf=0,in_order=1",
     .spread = Spread::device,
     .names = Names::virtio_backend},
    // With linear buffers a packet larger than a buffer is dropped, not chained.
    {.name = "net_vhost",
     .driver = "librte_net_vhost.so",
     .required = "iface",
     .queues = "queues",
     .defaults = "linear-buffer=1",
     .names = Names::vhost_socket},
    // Rings of 2^9 packets: larger ones are slower. A client looks for its server when it starts,
    // and never again, so that a server is the one to wait for the other side. A packet in more
    // than one frame leaves a mark
    // in
    // the ring by which a later one is mistaken for its rest, so that frames must hold the largest.
    {.name = "net_memif",
     .driver = "librte_net_memif.so",
     .defaults = "rsize=9",
     .names = Names::memif_socket,
     .frame_argument = "bsize",
     .frame_unit = 2048},
    // What is sent by a queue comes back by the same.
    {.name = "net_ring", .driver = "librte_net_ring.so"},
    // Has as many queues as there are rx_pcap=, tx_pcap= and so on.
    {.name = "net_pcap", .driver = "librte_net_pcap.so", .names = Names::file},
    {.name = "net_null", .driver = "librte_net_null.so"},
    // PCI devices
    {.name = "",
     .spread = Spread::device,
     .mtu_by = MtuBy::driver,
     .hears = Hears::all_multicast_if_told,
     .names = Names::pci},
}};

constexpr const DeviceTraits& kPci = kTable.back();
static_assert(kPci.names == Names::pci);

bool is_hex(std::string_view text, size_t length) {
  return text.size() == length && std::all_of(text.begin(), text.end(), [](unsigned char byte) {
           return std::isxdigit(byte) != 0;
         });
}

// "0000:03:00.0" of that or of "03:00.0"; else nothing.
std::optional<std::string> pci_address(std::string_view text) {
  std::string address(text);
  if (text.size() == 7) address = "0000:" + address;
  std::string_view whole = address;
  if (whole.size() != 12 || whole[4] != ':' || whole[7] != ':' || whole[10] != '.') return {};
  if (!is_hex(whole.substr(0, 4), 4) || !is_hex(whole.substr(5, 2), 2) ||
      !is_hex(whole.substr(8, 2), 2) || whole[11] < '0' || whole[11] > '7') {
    return {};
  }
  std::transform(address.begin(), address.end(), address.begin(),
                 [](unsigned char byte) { return static_cast<char>(std::tolower(byte)); });
  return address;
}

// Up to the first comma; `rest` becomes what is behind it.
std::string_view take_first(std::string_view& rest) {
  const size_t comma = rest.find(',');
  const std::string_view first = rest.substr(0, comma);
  rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  return first;
}

const DeviceTraits* find_traits(std::string_view name) {
  while (!name.empty() && std::isdigit(static_cast<unsigned char>(name.back())) != 0) {
    name.remove_suffix(1);
  }
  const auto* const found = std::find_if(kTable.begin(), kTable.end(),
                                         [&](const DeviceTraits& row) { return row.name == name; });
  return found == kTable.end() || found->name.empty() ? nullptr : found;
}

Error unknown_device(const DeviceUse& use, std::string_view name) {
  std::string known;
  for (const DeviceTraits& row : kTable) {
    if (!row.name.empty()) known += std::string(row.name) + ", ";
  }
  return Error{"Port \"" + use.port + "\": the device \"" + std::string(name) +
               "\" is none that is known; use a PCI address as 0000:03:00.0 "
               "(`dpdk-devbind.py --status` lists them) or one of " +
               known.substr(0, known.size() - 2) + "."};
}

void add(Device& device, std::string_view key, const std::string& value) {
  if (device.argument(key).has_value()) return;
  if (!device.arguments.empty()) device.arguments += ',';
  device.arguments += std::string(key) + '=' + value;
}

void add_frames(Device& device, uint16_t mtu) {
  const DeviceTraits& traits = *device.traits;
  const uint32_t size = buffer_room(traits, mtu);
  const uint32_t block = size * kFramesPerBlock;
  add(device, traits.frame_argument, std::to_string(size));
  if (traits.block_argument.empty()) return;
  add(device, traits.block_argument, std::to_string(block));
  add(device, traits.count_argument, std::to_string(kRingBytes / block * kFramesPerBlock));
}

void add_defaults(Device& device, const DeviceUse& use) {
  const DeviceTraits& traits = *device.traits;
  if (!traits.queues.empty()) add(device, traits.queues, std::to_string(use.workers));
  std::string_view rest = traits.defaults;
  while (!rest.empty()) {
    const std::string_view pair = take_first(rest);
    const size_t equals = pair.find('=');
    add(device, pair.substr(0, equals), std::string(pair.substr(equals + 1)));
  }
  if (!traits.frame_argument.empty()) add_frames(device, use.mtu);
}

}  // namespace

std::span<const DeviceTraits> device_table() { return kTable; }

// virtio's device is told of as many pairs of queues as there are to send or to receive, and fills
// them all: what comes by a queue without buffers is lost, and not counted.
bool spreads_by_itself(std::string_view driver) { return driver.starts_with("net_virtio"); }

std::optional<std::string> Device::argument(std::string_view key) const {
  std::string_view rest = arguments;
  while (!rest.empty()) {
    const std::string_view pair = take_first(rest);
    if (pair.substr(0, pair.find('=')) != key) continue;
    return std::string(pair.substr(std::min(pair.size(), key.size() + 1)));
  }
  return {};
}

Result<Device> parse_device(const DeviceUse& use) {
  std::string_view rest = use.text;
  const std::string_view name = take_first(rest);
  Device device{.traits = &kPci, .port = use.port, .name = "", .arguments = std::string(rest)};
  if (const auto address = pci_address(name)) {
    device.name = *address;
    return device;
  }
  device.traits = find_traits(name);
  if (device.traits == nullptr) return unknown_device(use, name);
  const std::string required(device.traits->required);
  if (!required.empty() && device.argument(required).value_or("").empty()) {
    return Error{"Port \"" + use.port + "\": " + std::string(device.traits->name) + " needs " +
                 required + "=...; write \"" + std::string(device.traits->name) + ',' + required +
                 "=...\"."};
  }
  if (use.mtu > device.traits->mtu_max) {
    return Error{"Port \"" + use.port + "\": " + std::string(device.traits->name) +
                 " carries an mtu of " + std::to_string(device.traits->mtu_max) +
                 " at most; lower the port's mtu."};
  }
  device.name = std::string(device.traits->name) + std::to_string(use.number);
  add_defaults(device, use);
  return device;
}

uint32_t buffer_room(const DeviceTraits& traits, uint16_t mtu) {
  const uint32_t needed = uint32_t{traits.headroom} + kEthernetHeader + kVlanTags + mtu;
  return (needed + traits.frame_unit - 1) / traits.frame_unit * traits.frame_unit;
}

}  // namespace evenkeel
