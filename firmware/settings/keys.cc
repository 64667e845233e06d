#include "firmware/settings/keys.h"

#include "firmware/base/limits.h"
#include "firmware/settings/keys_fields.h"

namespace evenkeel {
namespace {

// --- Choices -------------------------------------------------------------------------------------

template <typename T>
constexpr Choice choice(std::string_view name, T value) {
  return {.name = name, .value = static_cast<int64_t>(value)};
}

constexpr Choice kIdles[] = {choice("adaptive", Idle::adaptive), choice("poll", Idle::poll)};
constexpr Choice kProtocols[] = {choice("tcp", Protocol::tcp), choice("udp", Protocol::udp),
                                 choice("sctp", Protocol::sctp)};
constexpr Choice kModes[] = {choice("l2_direct", Mode::l2_direct),
                             choice("l3_direct", Mode::l3_direct),
                             choice("ipip", Mode::ipip),
                             choice("gre", Mode::gre),
                             choice("gue", Mode::gue),
                             choice("vxlan", Mode::vxlan),
                             choice("geneve", Mode::geneve),
                             choice("nat", Mode::nat)};
static_assert(std::size(kModes) == static_cast<size_t>(Mode::nat) + 1);
static_assert(kAllModes == (1u << std::size(kModes)) - 1);
constexpr Choice kAffinities[] = {choice("connection", Affinity::connection),
                                  choice("stateless", Affinity::stateless),
                                  choice("sticky", Affinity::sticky)};
constexpr Choice kHashes[] = {choice("five_tuple", HashOver::five_tuple),
                              choice("source", HashOver::source),
                              choice("source_destination", HashOver::source_destination)};

constexpr Modes kTunnels = modes_of(Mode::ipip) | modes_of(Mode::gre) | modes_of(Mode::gue) |
                           modes_of(Mode::vxlan) | modes_of(Mode::geneve);
constexpr Modes kUdpTunnels = modes_of(Mode::gue) | modes_of(Mode::vxlan) | modes_of(Mode::geneve);
constexpr Modes kEntropyInSource = modes_of(Mode::ipip) | modes_of(Mode::gre);
constexpr Modes kBridging = modes_of(Mode::vxlan) | modes_of(Mode::geneve);

// --- Rows ----------------------------------------------------------------------------------------

constexpr int64_t kMaxCore = 1'023;
constexpr int64_t kMaxText = 256;
constexpr int64_t kMaxPath = 4'095;
constexpr int64_t kMaxRate = 100'000'000;
constexpr int64_t kMaxMemoryMib = 1 << 20;
constexpr int64_t kMaxBuffers = 1 << 24;
constexpr int64_t kMaxWeight = 1'000'000;
constexpr int64_t kMaxList = kMaxPrefixes;
constexpr int64_t kMinPortMtu = 576;

constexpr Key kCpuKeys[] = {
    {.name = "control",
     .form = Form::integer,
     .range = {0, kMaxCore},
     .field = field<&CpuSettings::control>(),
     .help = "Core of everything that is not a worker's, by its number."},
    {.name = "workers",
     .form = Form::integer,
     .range = {0, kMaxCore},
     .is_list = true,
     .count = {1, kMaxWorkers},
     .field = field<&CpuSettings::workers>(),
     .help = "Cores that do nothing but forward, one worker each."},
};

constexpr Key kMemoryKeys[] = {
    {.name = "mib",
     .form = Form::integer,
     .range = {64, kMaxMemoryMib},
     .unit = "MiB",
     .field = field<&MemorySettings::mib>(),
     .help = "Memory for packets: of huge pages, if those are used."},
    {.name = "hugepages",
     .form = Form::boolean,
     .field = field<&MemorySettings::hugepages>(),
     .help = "Whether packets are in huge pages. Without, some drivers do not work, and none are "
             "as fast."},
    {.name = "buffers",
     .form = Form::integer,
     .range = {1'024, kMaxBuffers},
     .field = field<&MemorySettings::buffers>(),
     .help = "Packets that can be in the box at a time."},
    {.name = "flow_memory_mib",
     .form = Form::integer,
     .range = {1, kFlowMemoryBytesMax >> 20},
     .unit = "MiB",
     .field = field<&MemorySettings::flow_memory_mib>(),
     .help = "Memory of each worker for flows that must stay although their bucket has moved."},
};

constexpr Key kKernelKeys[] = {
    {.name = "namespace",
     .form = Form::name,
     .range = {1, kMaxSettingName},
     .none = "that of keeld",
     .field = field<&KernelSettings::network_namespace>(),
     .help = "Network namespace, in `/run/netns`, that the ports' TAP interfaces are in."},
    {.name = "packets_per_second",
     .form = Form::integer,
     .range = {100, kMaxRate},
     .unit = "packets per second",
     .field = field<&KernelSettings::packets_per_second>(),
     .help = "What each worker gives the kernel at most, of each port: so many from neighbours "
             "(ARP, ND, BGP), and as many from others (SSH)."},
};

constexpr Key kRouteKeys[] = {
    {.name = "to",
     .form = Form::prefix,
     .is_required = true,
     .field = field<&RouteSettings::to>(),
     .help = "Where it leads."},
    {.name = "via",
     .form = Form::address,
     .is_required = true,
     .field = field<&RouteSettings::via>(),
     .help = "The router, in a subnet of the port or link-local."},
};

constexpr Key kPortKeys[] = {
    {.name = "name",
     .form = Form::name,
     .range = {1, kMaxPortName},
     .is_required = true,
     .field = field<&PortSettings::name>(),
     .help = "Of the port, and of its TAP interface."},
    {.name = "device",
     .form = Form::text,
     .range = {1, kMaxText},
     .is_required = true,
     .field = field<&PortSettings::device>(),
     .help = "PCI address, as `0000:03:00.0`, or a virtual device of DPDK's with its arguments, as "
             "`net_af_packet,iface=eth1`."},
    {.name = "mtu",
     .form = Form::integer,
     .range = {kMinPortMtu, kMaxMtu},
     .unit = "bytes",
     .field = field<&PortSettings::mtu>(),
     .help = "Largest IP packet that the link takes."},
    {.name = "vlan",
     .form = Form::integer,
     .range = {1, 4'094},
     .none = "untagged",
     .field = field<&PortSettings::vlan>(),
     .help = "Tag of all that the port sends and takes."},
    {.name = "addresses",
     .form = Form::interface_address,
     .is_list = true,
     .count = {0, kMaxText},
     .field = field<&PortSettings::addresses>(),
     .help = "The box's own on this link."},
    {.name = "routes",
     .form = Form::group,
     .is_list = true,
     .count = {0, kMaxList},
     .members = kRouteKeys,
     .field = group<&PortSettings::routes>(),
     .help = "Routes that leave through the port."},
};

constexpr Key kTunnelKeys[] = {
    {.name = "port",
     .form = Form::integer,
     .range = {1, 65'535},
     .none = "the standard one",
     .modes = kUdpTunnels,
     .field = field<&TunnelSettings::port>(),
     .help = "UDP port of the far end."},
    {.name = "source",
     .form = Form::address,
     .none = "that of the route to the backend",
     .modes = kTunnels,
     .field = field<&TunnelSettings::source>(),
     .help = "Source address of the outer header."},
    {.name = "source_entropy_bits",
     .form = Form::integer,
     .range = {0, 32},
     .unit = "bits",
     .modes = kEntropyInSource,
     .field = field<&TunnelSettings::source_entropy_bits>(),
     .help = "Low bits of the source address that differ from flow to flow, so that networks and "
             "NICs spread them; 16 at most of IPv4."},
    {.name = "ttl",
     .form = Form::integer,
     .range = {1, 255},
     .modes = kTunnels,
     .field = field<&TunnelSettings::ttl>(),
     .help = "TTL or hop limit of the outer header."},
    {.name = "vni",
     .form = Form::integer,
     .range = {0, (1 << 24) - 1},
     .modes = kBridging,
     .field = field<&TunnelSettings::vni>(),
     .help = "Virtual network of the backends."},
    {.name = "inner_source_mac",
     .form = Form::mac,
     .modes = kBridging,
     .field = field<&TunnelSettings::inner_source_mac>(),
     .help = "Source of the inner Ethernet frame."},
    {.name = "inner_destination_mac",
     .form = Form::mac,
     .modes = kBridging,
     .field = field<&TunnelSettings::inner_destination_mac>(),
     .help = "Destination of the inner Ethernet frame: the MAC address of every backend's tunnel "
             "interface."},
};

constexpr Key kBackendKeys[] = {
    {.name = "name",
     .form = Form::name,
     .range = {1, kMaxSettingName},
     .is_required = true,
     .field = field<&BackendSettings::name>(),
     .help = "Decides which buckets are the backend's: one that gets another address keeps them."},
    {.name = "address",
     .form = Form::address,
     .is_required = true,
     .field = field<&BackendSettings::address>(),
     .help = "Of the server, or of the far end of the tunnel to it."},
    {.name = "port",
     .form = Form::integer,
     .range = {1, 65'535},
     .none = "the one asked for",
     .modes = modes_of(Mode::nat),
     .field = field<&BackendSettings::port>(),
     .help = "Where the server listens. In other modes it listens where the client asks."},
    {.name = "weight",
     .form = Form::integer,
     .range = {0, kMaxWeight},
     .field = field<&BackendSettings::weight>(),
     .help = "Share of new flows, compared with the other backends; 0: none, but those it has "
             "stay."},
};

constexpr Key kServiceKeys[] = {
    {.name = "name",
     .form = Form::name,
     .range = {1, kMaxSettingName},
     .is_required = true,
     .field = field<&ServiceSettings::name>(),
     .help = "Of the service."},
    {.name = "vips",
     .form = Form::vip,
     .is_list = true,
     .count = {1, kMaxServicePoints},
     .is_required = true,
     .field = field<&ServiceSettings::vips>(),
     .help = "Addresses that clients ask, IPv4, IPv6 or both."},
    {.name = "protocol",
     .form = Form::choice,
     .choices = kProtocols,
     .field = field<&ServiceSettings::protocol>(),
     .help = "What clients speak."},
    {.name = "ports",
     .form = Form::ports,
     .is_required = true,
     .field = field<&ServiceSettings::ports>(),
     .help = "Ports that clients ask. Of services with one VIP, the narrowest range wins."},
    {.name = "mode",
     .form = Form::choice,
     .choices = kModes,
     .field = field<&ServiceSettings::mode>(),
     .help = "How packets get to backends. In every mode but `nat`, servers answer clients "
             "directly, and the VIP must be theirs as well."},
    {.name = "affinity",
     .form = Form::choice,
     .none = "connection; of udp, stateless",
     .choices = kAffinities,
     .field = field<&ServiceSettings::affinity>(),
     .help = "What stays on its backend when others come and go: connections; nothing, as fits "
             "DNS; or every flow, even of protocols without a beginning."},
    {.name = "hash",
     .form = Form::choice,
     .choices = kHashes,
     .field = field<&ServiceSettings::hash>(),
     .help = "What chooses the backend: each flow by itself, or all of a client's to one."},
    {.name = "buckets",
     .form = Form::prime,
     .range = {kMinBuckets, kMaxBuckets},
     .field = field<&ServiceSettings::buckets>(),
     .help = "Size of the service's table: with 100 for each backend, shares are right to 1 %."},
    {.name = "mss",
     .form = Form::integer,
     .range = {kMinMss, kMaxMtu - 40},
     .unit = "bytes",
     .none = "as the client says",
     .field = field<&ServiceSettings::mss>(),
     .help = "Largest TCP segment that may be agreed on, for links on which too-big messages get "
             "lost."},
    {.name = "allow",
     .form = Form::prefix,
     .is_list = true,
     .count = {0, kMaxList},
     .field = field<&ServiceSettings::allow>(),
     .help =
         "Clients that may use the service; none: all that `deny` does not name. Of both lists, "
         "the longest prefix decides."},
    {.name = "deny",
     .form = Form::prefix,
     .is_list = true,
     .count = {0, kMaxList},
     .field = field<&ServiceSettings::deny>(),
     .help = "Clients that may not."},
    {.name = "new_flows_per_source",
     .form = Form::integer,
     .range = {1, kMaxRate},
     .unit = "flows per second",
     .none = "any number",
     .field = field<&ServiceSettings::new_flows_per_source>(),
     .help = "What one client may open."},
    {.name = "tunnel",
     .form = Form::group,
     .members = kTunnelKeys,
     .field = group<&ServiceSettings::tunnel>(),
     .help = "Of the modes that encapsulate."},
    {.name = "dscp",
     .form = Form::integer,
     .range = {1, 63},
     .none = "not set",
     .modes = modes_of(Mode::l3_direct),
     .field = field<&ServiceSettings::dscp>(),
     .help = "Mark by which a server tells the VIP; mode `l3_direct` needs it."},
    {.name = "translation_prefix",
     .form = Form::prefix,
     .modes = modes_of(Mode::nat),
     .field = field<&ServiceSettings::translation_prefix>(),
     .help = "Where in IPv6 the IPv4 addresses are, if VIP and backend are of different IP "
             "versions; a /96."},
    {.name = "backends",
     .form = Form::group,
     .is_list = true,
     .count = {1, kMaxBackendsPerService},
     .is_required = true,
     .members = kBackendKeys,
     .field = group<&ServiceSettings::backends>(),
     .help = "Servers that share the flows."},
};

constexpr Key kSettingsKeys[] = {
    {.name = "name",
     .form = Form::name,
     .range = {1, kMaxSettingName},
     .field = field<&Settings::name>(),
     .help = "Of the box."},
    {.name = "secret_file",
     .form = Form::path,
     .range = {2, kMaxPath},
     .field = field<&Settings::secret_file>(),
     .help =
         "The key of the flow hash; made if it is not there. Boxes that share traffic share it."},
    {.name = "cpu",
     .form = Form::group,
     .members = kCpuKeys,
     .field = group<&Settings::cpu>(),
     .help = "Who runs where."},
    {.name = "memory",
     .form = Form::group,
     .members = kMemoryKeys,
     .field = group<&Settings::memory>(),
     .help = "What the box takes for itself when it starts."},
    {.name = "idle",
     .form = Form::choice,
     .choices = kIdles,
     .field = field<&Settings::idle>(),
     .help = "Whether workers sleep a little while nothing comes, or never."},
    {.name = "eal_extra",
     .form = Form::text,
     .range = {1, kMaxText},
     .is_list = true,
     .count = {0, kMaxText},
     .field = field<&Settings::eal_extra>(),
     .help = "More arguments for DPDK's EAL, for what no key is there for."},
    {.name = "eal_prefix",
     .form = Form::name,
     .range = {1, kMaxSettingName},
     .field = field<&Settings::eal_prefix>(),
     .help = "Names DPDK's files of this process; its telemetry is in `/var/run/dpdk/PREFIX/`."},
    {.name = "kernel",
     .form = Form::group,
     .members = kKernelKeys,
     .field = group<&Settings::kernel>(),
     .help = "What is for the box itself, and so for the kernel."},
    {.name = "ports",
     .form = Form::group,
     .is_list = true,
     .count = {1, kMaxPorts},
     .is_required = true,
     .members = kPortKeys,
     .field = group<&Settings::ports>(),
     .help = "Network ports, numbered as they stand here."},
    {.name = "services",
     .form = Form::group,
     .is_list = true,
     .count = {0, kMaxServices},
     .members = kServiceKeys,
     .field = group<&Settings::services>(),
     .help = "What clients ask, and who answers."},
};

}  // namespace

std::span<const Key> settings_keys() { return kSettingsKeys; }

}  // namespace evenkeel
