// The rows of the key table that say what the box is: its cores, memory and ports.
#pragma once

#include "firmware/base/limits.h"
#include "firmware/settings/keys_fields.h"

namespace evenkeel::keys_parts {

inline constexpr int64_t kMaxCore = 1'023;
inline constexpr int64_t kMaxMemoryMib = 1 << 20;
inline constexpr int64_t kMaxBuffers = 1 << 24;
inline constexpr int64_t kMinPortMtu = 576;

inline constexpr Key kCpuKeys[] = {
    {.name = "control",
     .since = "0.1",
     .form = Form::integer,
     .range = {0, kMaxCore},
     .field = field<&CpuSettings::control>(),
     .help = "Core of everything that is not a worker's, by its number."},
    {.name = "workers",
     .since = "0.1",
     .form = Form::integer,
     .range = {0, kMaxCore},
     .is_list = true,
     .count = {1, kMaxWorkers},
     .field = field<&CpuSettings::workers>(),
     .help = "Cores that do nothing but forward, one worker each."},
};

inline constexpr Key kMemoryKeys[] = {
    {.name = "mib",
     .since = "0.1",
     .form = Form::integer,
     .range = {64, kMaxMemoryMib},
     .unit = "MiB",
     .field = field<&MemorySettings::mib>(),
     .help = "Memory for packets: of huge pages, if those are used."},
    {.name = "hugepages",
     .since = "0.1",
     .form = Form::boolean,
     .field = field<&MemorySettings::hugepages>(),
     .help = "Whether packets are in huge pages. Without, some drivers do not work, and none are "
             "as fast."},
    {.name = "buffers",
     .since = "0.1",
     .form = Form::integer,
     .range = {1'024, kMaxBuffers},
     .field = field<&MemorySettings::buffers>(),
     .help = "Packets that can be in the box at a time."},
    {.name = "flow_memory_mib",
     .since = "0.1",
     .form = Form::integer,
     .range = {1, kFlowMemoryBytesMax >> 20},
     .unit = "MiB",
     .field = field<&MemorySettings::flow_memory_mib>(),
     .help = "Memory of each worker for flows that must stay although their bucket has moved."},
};

inline constexpr Key kKernelKeys[] = {
    {.name = "namespace",
     .since = "0.1",
     .form = Form::name,
     .range = {1, kMaxSettingName},
     .none = "that of keeld",
     .field = field<&KernelSettings::network_namespace>(),
     .help = "Network namespace, in `/run/netns`, that the ports' TAP interfaces are in."},
    {.name = "packets_per_second",
     .since = "0.1",
     .form = Form::integer,
     .range = {100, kMaxRate},
     .unit = "packets per second",
     .field = field<&KernelSettings::packets_per_second>(),
     .help = "What each worker gives the kernel at most, of each port: so many from neighbours "
             "(ARP, ND, OSPF), as many from others (SSH, BGP, answers to checks), and as many for "
             "VIPs, but no service."},
};

inline constexpr Key kRouteKeys[] = {
    {.name = "to",
     .since = "0.1",
     .form = Form::prefix,
     .is_required = true,
     .field = field<&RouteSettings::to>(),
     .help = "Where it leads."},
    {.name = "via",
     .since = "0.1",
     .form = Form::address,
     .is_required = true,
     .field = field<&RouteSettings::via>(),
     .help = "The router, in a subnet of the port or link-local."},
};

inline constexpr Key kPortKeys[] = {
    {.name = "name",
     .since = "0.1",
     .form = Form::name,
     .range = {1, kMaxPortName},
     .is_required = true,
     .needs_restart = true,
     .field = field<&PortSettings::name>(),
     .help = "Of the port, and of its TAP interface."},
    {.name = "device",
     .since = "0.1",
     .form = Form::text,
     .range = {1, kMaxText},
     .is_required = true,
     .needs_restart = true,
     .field = field<&PortSettings::device>(),
     .help =
         "PCI address, as `0000:03:00.0`, or a virtual device of DPDK's with its arguments, as "
         "`net_af_packet,iface=eth1`. Of that interface and those below it, GRO and LRO "
         "are switched off, and stay so. `net_af_xdp,iface=eth1` wants an interface with as many "
         "queues as workers (`ethtool -L eth1 combined 2`)."},
    {.name = "mtu",
     .since = "0.1",
     .form = Form::integer,
     .range = {kMinPortMtu, kMaxMtu},
     .unit = "bytes",
     .needs_restart = true,
     .field = field<&PortSettings::mtu>(),
     .help = "Largest IP packet that the link takes."},
    {.name = "vlan",
     .since = "0.1",
     .form = Form::integer,
     .range = {1, 4'094},
     .none = "untagged",
     .needs_restart = true,
     .field = field<&PortSettings::vlan>(),
     .help = "Tag of all that the port sends and takes."},
    {.name = "addresses",
     .since = "0.1",
     .form = Form::interface_address,
     .is_list = true,
     .count = {0, kMaxText},
     .field = field<&PortSettings::addresses>(),
     .help = "The box's own on this link."},
    {.name = "routes",
     .since = "0.1",
     .form = Form::group,
     .is_list = true,
     .count = {0, kMaxList},
     .members = kRouteKeys,
     .field = group<&PortSettings::routes>(),
     .help = "Routes that leave through the port."},
};

}  // namespace evenkeel::keys_parts
