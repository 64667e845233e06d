// What the operator wants, as plain values with their defaults. load.h makes them from text and
// has checked whatever can be told from the text alone; keys.cc says of every key what it means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "firmware/base/address.h"
#include "firmware/base/limits.h"
#include "firmware/table/hash.h"
#include "firmware/table/prefixes.h"
#include "firmware/table/steer.h"
#include "firmware/wire/forwarding.h"
#include "firmware/wire/headers.h"

namespace evenkeel {

// Of a port: its own address, and how many of the first bits are its subnet's.
struct InterfaceAddress {
  Address address;
  uint8_t length = 128;  // counted from 128 bits: an IPv4 /n is 96 + n

  friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
};

struct CpuSettings {
  uint32_t control = 0;
  std::vector<uint32_t> workers = {1};

  friend bool operator==(const CpuSettings&, const CpuSettings&) = default;
};

struct MemorySettings {
  uint32_t mib = 1'024;
  bool hugepages = true;
  uint32_t buffers = 16'384;
  uint32_t flow_memory_mib = kFlowMemoryBytesDefault >> 20;  // of each worker

  friend bool operator==(const MemorySettings&, const MemorySettings&) = default;
};

// What a worker does while no packet comes.
enum class Idle : uint8_t { adaptive, poll };

struct KernelSettings {
  std::string network_namespace;  // name in /run/netns; empty: our own
  uint32_t packets_per_second = 20'000;

  friend bool operator==(const KernelSettings&, const KernelSettings&) = default;
};

struct RouteSettings {
  Prefix to;
  Address via;

  friend bool operator==(const RouteSettings&, const RouteSettings&) = default;
};

struct PortSettings {
  std::string name;    // of its TAP interface too
  std::string device;  // PCI address, or DPDK virtual device with its arguments
  uint16_t mtu = 1'500;
  uint16_t vlan = 0;  // 0: untagged
  std::vector<InterfaceAddress> addresses;
  std::vector<RouteSettings> routes;

  friend bool operator==(const PortSettings&, const PortSettings&) = default;
};

struct TunnelSettings {
  uint16_t port = 0;  // 0: the encapsulation's standard one
  // None: the address that the kernel would send from.
  std::optional<Address> source = std::nullopt;
  uint8_t source_entropy_bits = 0;
  uint8_t ttl = 64;
  uint32_t vni = 0;
  Mac inner_source_mac = {0x02, 0x45, 0x4b, 0, 0, 1};
  Mac inner_destination_mac = {0x02, 0x45, 0x4b, 0, 0, 2};

  friend bool operator==(const TunnelSettings&, const TunnelSettings&) = default;
};

struct BackendSettings {
  std::string name;
  Address address;
  uint16_t port = 0;  // mode nat; 0: the port that the client asked for
  uint32_t weight = 1;

  friend bool operator==(const BackendSettings&, const BackendSettings&) = default;
};

struct PortRange {
  uint16_t first = 0;
  uint16_t last = 65'535;

  friend bool operator==(const PortRange&, const PortRange&) = default;
};

struct ServiceSettings {
  std::string name;
  std::vector<Prefix> vips;  // of one family or both
  Protocol protocol = Protocol::tcp;
  PortRange ports;
  Mode mode = Mode::ipip;
  std::optional<Affinity> affinity = std::nullopt;  // none: connection; of UDP, stateless
  HashOver hash = HashOver::five_tuple;
  uint32_t buckets = kDefaultBuckets;
  uint16_t mss = 0;           // 0: clients' own stays
  std::vector<Prefix> allow;  // empty: everybody
  std::vector<Prefix> deny;
  uint32_t new_flows_per_source = 0;  // in a second; 0: any number
  TunnelSettings tunnel;
  uint8_t dscp = 0;  // mode l3_direct
  // Mode nat, between the families: where in IPv6 the IPv4 addresses are (RFC 6052).
  Prefix translation_prefix = {.address = {.bytes = {0, 0x64, 0xff, 0x9b}}, .length = 96};
  std::vector<BackendSettings> backends;

  friend bool operator==(const ServiceSettings&, const ServiceSettings&) = default;
};

struct Settings {
  std::string name = "evenkeel";
  std::string secret_file = "/var/lib/evenkeel/secret";
  CpuSettings cpu;
  MemorySettings memory;
  Idle idle = Idle::adaptive;
  std::vector<std::string> eal_extra;
  std::string eal_prefix = "evenkeel";
  KernelSettings kernel;
  std::vector<PortSettings> ports;  // a port's number is its place here
  std::vector<ServiceSettings> services;

  friend bool operator==(const Settings&, const Settings&) = default;
};

}  // namespace evenkeel
