#include "drivers/port.h"

#include <net/if.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <cstdlib>

namespace evenkeel {
namespace {

constexpr uint16_t kVlanTag = 4;

// Addresses and ports of both families; of fragments, addresses.
constexpr uint64_t kHashed =
    RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP |
    RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV4_SCTP | RTE_ETH_RSS_NONFRAG_IPV4_OTHER |
    RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_TCP |
    RTE_ETH_RSS_NONFRAG_IPV6_UDP | RTE_ETH_RSS_NONFRAG_IPV6_SCTP | RTE_ETH_RSS_NONFRAG_IPV6_OTHER |
    RTE_ETH_RSS_IPV6_EX | RTE_ETH_RSS_IPV6_TCP_EX | RTE_ETH_RSS_IPV6_UDP_EX;

// PCI devices are there since EAL has started; the others are made now.
Result<uint16_t> find_device(const PortSpec& spec) {
  const Device& device = spec.device;
  uint16_t id = 0;
  if ((device.is_pci() ||
       rte_eal_hotplug_add("vdev", device.name.c_str(), device.arguments.c_str()) == 0) &&
      rte_eth_dev_get_port_by_name(device.name.c_str(), &id) == 0) {
    return id;
  }
  return Error{"Port \"" + spec.name + "\": DPDK does not open \"" + device.text() +
               "\"; its own lines on standard error say why, and drivers' arguments are explained "
               "at https://doc.dpdk.org/guides-22.11/nics/."};
}

rte_eth_dev_info info_of(uint16_t id) {
  rte_eth_dev_info info{};
  rte_eth_dev_info_get(id, &info);
  return info;
}

std::string interface_of(uint16_t id) {
  char name[IF_NAMESIZE] = "";
  return ::if_indextoname(info_of(id).if_index, name) == nullptr ? "" : name;
}

bool has_rss(const PortSpec& spec, const rte_eth_dev_info& info) {
  return spec.device.traits->spread == Spread::device &&
         (info.flow_type_rss_offloads & kHashed) != 0;
}

// One queue for each worker, as far as the device has them and fills them.
uint16_t receive_queues_of(const PortSpec& spec, const rte_eth_dev_info& info) {
  const bool is_spread = spec.device.traits->spread != Spread::device || has_rss(spec, info) ||
                         spreads_by_itself(info.driver_name);
  return is_spread ? std::min(spec.workers, info.max_rx_queues) : uint16_t{1};
}

// Who begins at another queue than the first has steered packets there (ethtool -X).
bool takes_whole_interface(const Device& device) {
  return device.traits->binds_queues && device.argument("start_queue").value_or("0") == "0";
}

rte_eth_conf configuration_of(const PortSpec& spec, const rte_eth_dev_info& info,
                              uint16_t receive_queues) {
  rte_eth_conf conf{};
  if (has_rss(spec, info) && receive_queues > 1) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf = kHashed & info.flow_type_rss_offloads;
  }
  if (spec.device.traits->mtu_by == MtuBy::driver) {
    conf.rxmode.mtu = static_cast<uint16_t>(spec.mtu + (spec.vlan == 0 ? 0 : kVlanTag));
  }
  // All buffers are of one pool, and have one owner.
  conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE & info.tx_offload_capa;
  return conf;
}

}  // namespace

Port::Port(const PortSpec& spec, uint16_t id) : name_(spec.name), device_(spec.device), id_(id) {}

Port::~Port() {
  if (is_started_) rte_eth_dev_stop(id_);
  rte_eth_dev_close(id_);
  if (!device_.is_pci()) rte_eal_hotplug_remove("vdev", device_.name.c_str());
}

Error Port::failed(const std::string& what, int error) const {
  return Error{"Port \"" + name_ + "\" (" + device_.name + ") " + what + ": " +
               rte_strerror(std::abs(error)) + "; DPDK's own lines on standard error say why."};
}

Error Port::refused(const Status& status) const {
  return Error{"Port \"" + name_ + "\": " + status.message()};
}

Result<std::unique_ptr<Port>> Port::open(const PortSpec& spec, rte_mempool* pool) {
  const Result<uint16_t> id = find_device(spec);
  if (!id.ok()) return Error{id.message()};
  std::unique_ptr<Port> port(new Port(spec, id.value()));
  if (Status status = port->configure(spec, pool); !status.ok()) return Error{status.message()};
  if (Status status = port->start(); !status.ok()) return Error{status.message()};
  return port;
}

Status Port::configure(const PortSpec& spec, rte_mempool* pool) {
  if (spec.device.traits->link_by != LinkBy::driver) {
    interface_ = Interface(interface_of(id_));
  }
  if (spec.device.traits->is_merged) {
    if (Status status = interface_.stop_merging(); !status.ok()) return refused(status);
  }
  const rte_eth_dev_info info = info_of(id_);
  if (info.max_tx_queues < spec.workers) {
    const std::string_view queues = spec.device.traits->queues;
    return Error{"Port \"" + name_ + "\" (" + device_.name + ") has queues for " +
                 std::to_string(info.max_tx_queues) + " workers only, but there are " +
                 std::to_string(spec.workers) + "; " +
                 (queues.empty() ? "" : "raise " + std::string(queues) + "= in its device, or ") +
                 "name fewer cores in cpu.workers."};
  }
  transmit_queues_ = spec.workers;
  receive_queues_ = receive_queues_of(spec, info);
  if (takes_whole_interface(spec.device)) {
    if (Status status = interface_.check_queues(receive_queues_); !status.ok()) {
      return refused(status);
    }
  }
  const rte_eth_conf conf = configuration_of(spec, info, receive_queues_);
  const uint32_t largest = info.max_mtu;
  if (conf.rxmode.mtu > largest) {
    return Error{"Port \"" + name_ + "\" (" + device_.name + ") takes an mtu of " +
                 std::to_string(largest) + " at most, with the VLAN tag, and not " +
                 std::to_string(conf.rxmode.mtu) + "; lower it."};
  }
  const int error = rte_eth_dev_configure(id_, receive_queues_, transmit_queues_, &conf);
  if (error != 0) return failed("does not take " + std::to_string(spec.workers) + " queues", error);
  // What the driver is told, it has been told by the configuration.
  if (spec.device.traits->mtu_by == MtuBy::interface) {
    if (Status status = interface_.raise_mtu(spec.mtu); !status.ok()) return refused(status);
  }
  find_mac(id_);
  return set_up_queues(spec, pool);
}

Status Port::set_up_queues(const PortSpec& spec, rte_mempool* pool) {
  uint16_t receive = kReceiveDescriptors;
  uint16_t transmit = kTransmitDescriptors;
  int error = rte_eth_dev_adjust_nb_rx_tx_desc(id_, &receive, &transmit);
  const auto socket = static_cast<unsigned>(rte_eth_dev_socket_id(id_));
  for (uint16_t queue = 0; queue < receive_queues_ && error == 0; ++queue) {
    error = rte_eth_rx_queue_setup(id_, queue, receive, socket, nullptr, pool);
  }
  if (error != 0) {
    return failed("does not get receive queues for an mtu of " + std::to_string(spec.mtu), error);
  }
  for (uint16_t queue = 0; queue < transmit_queues_ && error == 0; ++queue) {
    error = rte_eth_tx_queue_setup(id_, queue, transmit, socket, nullptr);
  }
  if (error != 0) return failed("does not get transmit queues", error);
  return {};
}

// A device without an address of its own, as net_ring, gets one that nobody else has: the TAP of
// the port needs it.
void Port::find_mac(uint16_t number) {
  rte_ether_addr address{};
  rte_eth_macaddr_get(id_, &address);
  if (rte_is_zero_ether_addr(&address)) {
    address = {.addr_bytes = {0x02, 0x45, 0x4b, 0x00, 0x01, static_cast<uint8_t>(number)}};
  }
  std::copy(std::begin(address.addr_bytes), std::end(address.addr_bytes), mac_.begin());
}

Status Port::start() {
  if (is_started_) return {};
  const int error = rte_eth_dev_start(id_);
  if (error != 0) return failed("does not start", error);
  is_started_ = true;
  // Of a device that cannot be told, it is the outer side's part.
  switch (device_.traits->hears) {
    case Hears::all_anyway:
      break;
    case Hears::all_if_promiscuous:
      rte_eth_promiscuous_enable(id_);
      break;
    case Hears::all_multicast_if_told:
      if (rte_eth_allmulticast_enable(id_) != 0) rte_eth_promiscuous_enable(id_);
      break;
  }
  return {};
}

Status Port::stop() {
  if (!is_started_) return {};
  const int error = rte_eth_dev_stop(id_);
  if (error != 0) return failed("does not stop", error);
  is_started_ = false;
  return {};
}

bool Port::link_is_up() const {
  if (device_.traits->link_by == LinkBy::driver) {
    rte_eth_link link{};
    return rte_eth_link_get_nowait(id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
  }
  // One that is not seen may have been moved to another network namespace.
  const bool without = device_.traits->link_by == LinkBy::interface_if_present;
  return is_started_ && interface_.is_up().value_or(without);
}

PortCounts Port::counts() const {
  rte_eth_stats stats{};
  rte_eth_stats_get(id_, &stats);
  return {.received_packets = stats.ipackets,
          .received_bytes = stats.ibytes,
          .transmitted_packets = stats.opackets,
          .transmitted_bytes = stats.obytes,
          .missed = stats.imissed,
          .no_buffer = stats.rx_nombuf,
          .receive_errors = stats.ierrors,
          .transmit_errors = stats.oerrors};
}

}  // namespace evenkeel
