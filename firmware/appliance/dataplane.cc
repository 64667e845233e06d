#include "firmware/appliance/dataplane.h"

#include <algorithm>
#include <utility>

#include "drivers/netns.h"
#include "drivers/tap.h"
#include "drivers/tap_config.h"

namespace evenkeel {
namespace {

Status as_status(const std::string& message) { return Error{message}; }

std::vector<Address> vips_of(const Settings& settings) {
  std::vector<Address> vips;
  for (const ServiceSettings& service : settings.services) {
    for (const Prefix& vip : service.vips) {
      if (vip.length == 128) vips.push_back(vip.address);
    }
  }
  return vips;
}

TapConfig tap_config_of(const Settings& settings, size_t port, uint32_t interface) {
  const PortSettings& wanted = settings.ports[port];
  TapConfig config;
  config.name = wanted.name;
  config.interface = interface;
  config.vips = vips_of(settings);
  for (const InterfaceAddress& own : wanted.addresses)
    config.addresses.push_back({own.address, own.length});
  for (const RouteSettings& route : wanted.routes) {
    config.routes.push_back({{route.to.address, route.to.length}, route.via});
  }
  return config;
}

}  // namespace

Result<std::unique_ptr<Dataplane>> Dataplane::start(const Settings& settings) {
  std::unique_ptr<Dataplane> dataplane(new Dataplane);
  for (const auto stage : {&Dataplane::start_dpdk, &Dataplane::open_ports,
                           &Dataplane::open_kernel_path, &Dataplane::make_crew}) {
    const Status status = (dataplane.get()->*stage)(settings);
    if (!status.ok()) return Error{status.message()};
  }
  return dataplane;
}

Status Dataplane::start_dpdk(const Settings& settings) {
  EalSpec spec{.file_prefix = settings.eal_prefix,
               .control_core = settings.cpu.control,
               .worker_cores = settings.cpu.workers,
               .memory_mib = settings.memory.mib,
               .hugepages = settings.memory.hugepages,
               .devices = {},
               .extra = settings.eal_extra};
  for (const PortSettings& port : settings.ports) {
    const Result<Device> device =
        parse_device({.port = port.name,
                      .text = port.device,
                      .number = static_cast<uint16_t>(spec.devices.size()),
                      .workers = static_cast<uint16_t>(settings.cpu.workers.size()),
                      .mtu = port.mtu});
    if (!device.ok()) return as_status(device.message());
    spec.devices.push_back(device.value());
  }
  devices_ = spec.devices;
  Result<std::unique_ptr<Eal>> eal = Eal::start(spec);
  if (!eal.ok()) return as_status(eal.message());
  eal_ = std::move(eal.value());
  clock_ = std::make_unique<TscClock>();
  return {};
}

Status Dataplane::open_ports(const Settings& settings) {
  std::vector<PoolSpec::OfPort> of_ports;
  for (size_t i = 0; i < devices_.size(); ++i) {
    of_ports.push_back({.traits = devices_[i].traits, .mtu = settings.ports[i].mtu});
  }
  const auto workers = static_cast<uint16_t>(eal_->workers());
  Result<Pool> pool =
      Pool::make({.buffers = settings.memory.buffers, .workers = workers, .ports = of_ports});
  if (!pool.ok()) return as_status(pool.message());
  pool_ = std::make_unique<Pool>(std::move(pool.value()));
  for (size_t i = 0; i < devices_.size(); ++i) {
    Result<std::unique_ptr<Port>> port = Port::open({.name = settings.ports[i].name,
                                                     .device = devices_[i],
                                                     .workers = workers,
                                                     .mtu = settings.ports[i].mtu,
                                                     .vlan = settings.ports[i].vlan},
                                                    pool_->get());
    if (!port.ok()) return as_status(port.message());
    ports_.push_back(std::move(port.value()));
  }
  if (!settings.memory.hugepages) return {};  // nobody could attach
  Result<std::unique_ptr<Capture>> capture = Capture::start();
  if (!capture.ok()) return as_status(capture.message());
  capture_ = std::move(capture.value());
  return {};
}

Status Dataplane::open_kernel_path(const Settings& settings) {
  const std::string& where = network_namespace_ = settings.kernel.network_namespace;
  KernelPath::Spec spec{
      .ports = {}, .workers = eal_->workers(), .pool = pool_->get(), .now = [clock = *clock_] {
        return clock.now();
      }};
  Status opened = in_network_namespace(where, [&]() -> Status {
    for (size_t i = 0; i < ports_.size(); ++i) {
      const PortSettings& port = settings.ports[i];
      Result<Tap> tap = Tap::open({.name = port.name, .mac = ports_[i]->mac(), .mtu = port.mtu});
      if (!tap.ok()) return as_status(tap.message());
      interfaces_.push_back(tap.value().interface());
      spec.ports.push_back({.tap = std::move(tap.value()),
                            .mac = ports_[i]->mac(),
                            .vlan = port.vlan,
                            .mtu = port.mtu});
    }
    return {};
  });
  if (!opened.ok()) return opened;
  Result<std::unique_ptr<KernelPath>> path = KernelPath::start(std::move(spec));
  if (!path.ok()) return as_status(path.message());
  kernel_path_ = std::move(path.value());
  Result<NetlinkRequests> requests = NetlinkRequests::open(where);
  if (!requests.ok()) return as_status(requests.message());
  requests_ = std::make_unique<NetlinkRequests>(std::move(requests.value()));
  Status configured = configure_kernel(settings);
  if (!configured.ok()) return configured;

  std::vector<Neighbours::Port> named;
  for (size_t i = 0; i < ports_.size(); ++i) {
    named.push_back({.name = settings.ports[i].name, .interface = interfaces_[i]});
  }
  Result<Neighbours> neighbours = Neighbours::open(where, std::move(named), clock_->now());
  if (!neighbours.ok()) return as_status(neighbours.message());
  neighbours_ = std::make_unique<Neighbours>(std::move(neighbours.value()));
  return {};
}

Status Dataplane::configure_kernel(const Settings& settings) {
  std::string first_error;
  for (size_t i = 0; i < interfaces_.size(); ++i) {
    const Status status = configure_tap(*requests_, tap_config_of(settings, i, interfaces_[i]));
    if (!status.ok() && first_error.empty()) first_error = status.message();
  }
  kernel_path_->set_vips(vips_of(settings));
  return first_error.empty() ? Status() : as_status(first_error);
}

Status Dataplane::make_crew(const Settings& settings) {
  Result<Turns> turns = Turns::make();
  if (!turns.ok()) return as_status(turns.message());
  turns_ = std::make_unique<Turns>(std::move(turns.value()));
  const size_t flow_memory_bytes = size_t{settings.memory.flow_memory_mib} << 20;
  for (size_t i = 0; i < eal_->workers(); ++i) {
    Member member;
    Result<std::unique_ptr<Evidence>> evidence =
        Evidence::make({.slots = kMaxBackends, .services = kMaxServices});
    if (!evidence.ok()) return as_status(evidence.message());
    member.evidence = std::move(evidence.value());
    Result<FlowMemory> memory = FlowMemory::make(flow_memory_bytes, {});
    if (!memory.ok()) return as_status(memory.message());
    member.memory = std::make_unique<FlowMemory>(std::move(memory.value()));
    Result<Handshakes> handshakes = Handshakes::make(*member.evidence, kHandshakesDefault);
    if (!handshakes.ok()) return as_status(handshakes.message());
    member.handshakes = std::make_unique<Handshakes>(std::move(handshakes.value()));
    member.liveness = std::make_unique<Liveness>();
    crew_.push_back(std::move(member));
  }
  return {};
}

void Dataplane::launch_workers(const Settings& settings, Slot<Plan>& slot, const Secret& secret) {
  WorkerSpec spec{.number = 0,
                  .ports = {},
                  .pool = pool_->get(),
                  .to_kernel = nullptr,
                  .from_kernel = nullptr,
                  .kernel_packets_per_second = settings.kernel.packets_per_second,
                  .is_adaptive = settings.idle == Idle::adaptive};
  for (; spec.number < crew_.size(); ++spec.number) {
    spec.ports.clear();
    for (const std::unique_ptr<Port>& port : ports_) {
      spec.ports.push_back({.ethdev = port->id(),
                            .receives = spec.number < port->receive_queues(),
                            .mac = port->mac()});
    }
    spec.to_kernel = kernel_path_->to_kernel(spec.number);
    spec.from_kernel = spec.number == 0 ? kernel_path_->from_kernel() : nullptr;
    Member& member = crew_[spec.number];
    member.pipeline =
        std::make_unique<Pipeline>(secret, *member.evidence, *member.memory, *member.handshakes,
                                   *turns_, static_cast<uint32_t>(crew_.size()));
    member.worker = std::make_unique<Worker>(spec, slot, *clock_, *member.pipeline,
                                             *member.evidence, *member.liveness);
    eal_->launch(spec.number, [worker = member.worker.get()] { worker->run(); });
    ++launched_;
  }
}

void Dataplane::stop_workers() {
  for (size_t i = 0; i < launched_; ++i) crew_[i].liveness->must_stop.write(1);
  for (size_t i = 0; i < launched_; ++i) eal_->wait(i);
  launched_ = 0;
}

Observation Dataplane::observe() const {
  Observation seen;
  seen.ports.resize(ports_.size());
  for (const Member& member : crew_) {
    seen.worker_loops.push_back(member.liveness->loops.read());
    seen.no_buffer += member.liveness->no_buffer.read();
    for (size_t port = 0; port < ports_.size(); ++port) {
      seen.ports[port].transmit_full += member.liveness->ports[port].transmit_full.read();
    }
  }
  for (size_t port = 0; port < ports_.size(); ++port) {
    const PortCounts counts = ports_[port]->counts();
    seen.ports[port].link_is_up = ports_[port]->link_is_up();
    seen.ports[port].missed = counts.missed;
    seen.ports[port].no_buffer = counts.no_buffer;
  }
  seen.buffers_free = pool_->free_buffers();
  return seen;
}

Result<std::vector<PacketSocket>> Dataplane::open_packet_sockets(
    std::span<const sock_filter> filter) const {
  std::vector<PacketSocket> sockets;
  const Status opened = in_network_namespace(network_namespace_, [&]() -> Status {
    for (const uint32_t interface : interfaces_) {
      Result<PacketSocket> socket = PacketSocket::open(interface, filter);
      if (!socket.ok()) return as_status(socket.message());
      sockets.push_back(std::move(socket.value()));
    }
    return {};
  });
  if (!opened.ok()) return Error{opened.message()};
  return sockets;
}

std::vector<const Evidence*> Dataplane::evidence() const {
  std::vector<const Evidence*> all;
  for (const Member& member : crew_) all.push_back(member.evidence.get());
  return all;
}

Tick Dataplane::window() const { return FlowTimeouts().finished + 2; }

}  // namespace evenkeel
