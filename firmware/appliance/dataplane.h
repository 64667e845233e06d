// All that packets pass, owned in one place: DPDK, its buffers and ports, the way to the kernel,
// and the workers with what each of them knows. Started in stages, each of which may fail with a
// sentence; ended in the reverse order, whatever had been started.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "drivers/capture.h"
#include "drivers/clock.h"
#include "drivers/eal.h"
#include "drivers/kernel_path.h"
#include "drivers/neighbours.h"
#include "drivers/netlink.h"
#include "drivers/packet_socket.h"
#include "drivers/pool.h"
#include "drivers/port.h"
#include "firmware/appliance/supervisor.h"
#include "firmware/base/status.h"
#include "firmware/exchange/evidence.h"
#include "firmware/exchange/handshakes.h"
#include "firmware/exchange/liveness.h"
#include "firmware/exchange/slot.h"
#include "firmware/exchange/turns.h"
#include "firmware/packet/worker.h"
#include "firmware/settings/settings.h"
#include "firmware/table/hash.h"
#include "firmware/table/memory.h"

namespace evenkeel {

class Dataplane {
 public:
  // DPDK, buffers, ports, TAPs and neighbours; no worker runs yet.
  static Result<std::unique_ptr<Dataplane>> start(const Settings& settings);
  // REQUIRES: no worker runs.
  ~Dataplane() = default;
  Dataplane(const Dataplane&) = delete;
  Dataplane& operator=(const Dataplane&) = delete;

  // From now on packets are forwarded by the slot's plan. REQUIRES: once.
  void launch_workers(const Settings& settings, Slot<Plan>& slot, const Secret& secret);
  // Returns when none reads the slot any more.
  void stop_workers();

  // Brings addresses, VIPs and routes of the TAPs to what the settings say. Everything that can be
  // done is done; the error names the first thing that could not.
  Status configure_kernel(const Settings& settings);

  const TscClock& clock() const { return *clock_; }
  const std::vector<std::unique_ptr<Port>>& ports() const { return ports_; }
  Neighbours& neighbours() { return *neighbours_; }
  const KernelPath& kernel_path() const { return *kernel_path_; }
  const Pool& pool() const { return *pool_; }

  size_t workers() const { return eal_->workers(); }
  const Liveness& liveness(size_t worker) const { return *crew_[worker].liveness; }
  Inquiry& inquiry(size_t worker) const { return crew_[worker].liveness->inquiry; }
  const Evidence& evidence(size_t worker) const { return *crew_[worker].evidence; }
  std::vector<const Evidence*> evidence() const;
  // Longer than any worker remembers a flow.
  Tick window() const;

  // What the supervisor is to judge.
  Observation observe() const;
  // At the kernel's ends of the ports, by port number.
  Result<std::vector<PacketSocket>> open_packet_sockets(std::span<const sock_filter> filter) const;
  // What the kernel sees of a port's cable.
  Status set_link(size_t port, bool is_up) { return kernel_path_->set_link(port, is_up); }

 private:
  // A worker, and what is its own.
  struct Member {
    std::unique_ptr<Evidence> evidence;
    std::unique_ptr<FlowMemory> memory;
    std::unique_ptr<Handshakes> handshakes;
    std::unique_ptr<Liveness> liveness;
    std::unique_ptr<Pipeline> pipeline;
    std::unique_ptr<Worker> worker;
  };

  Dataplane() = default;

  Status start_dpdk(const Settings& settings);
  Status open_ports(const Settings& settings);
  Status open_kernel_path(const Settings& settings);
  Status make_crew(const Settings& settings);

  std::vector<Device> devices_;
  std::unique_ptr<Eal> eal_;
  std::unique_ptr<TscClock> clock_;
  std::unique_ptr<Pool> pool_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::unique_ptr<Capture> capture_;
  std::string network_namespace_;     // of the TAPs
  std::vector<uint32_t> interfaces_;  // of the TAPs, by port number
  std::unique_ptr<NetlinkRequests> requests_;
  std::unique_ptr<KernelPath> kernel_path_;
  std::unique_ptr<Neighbours> neighbours_;
  std::unique_ptr<Turns> turns_;
  std::vector<Member> crew_;
  size_t launched_ = 0;
};

}  // namespace evenkeel
