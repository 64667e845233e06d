// Rules on addresses, on the ways to backends and back, and on the box's own cores.
#include <algorithm>
#include <map>
#include <tuple>

#include "firmware/change/rules_facts.h"
#include "firmware/settings/settings.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

constexpr uint32_t kFullIpv4 = 1'500;       // what clients send unless they know better
constexpr uint32_t kTcpHeadersOfIpv4 = 40;  // IP and TCP, without options
constexpr uint32_t kTcpHeadersOfIpv6 = 60;

bool is_tunnel(Mode mode) { return mode >= Mode::ipip && mode <= Mode::geneve; }

using VipOwners = std::map<Address, const ServiceSettings*>;  // of single addresses

VipOwners vip_owners(const Settings& settings) {
  VipOwners owners;
  for (const ServiceSettings& service : settings.services) {
    for (const Prefix& vip : service.vips) {
      if (vip.length == 128) owners.emplace(vip.address, &service);
    }
  }
  return owners;
}

// Bytes of the largest packet that fits into the tunnel to every backend; none: there is none.
std::optional<uint32_t> room_of(const Plan& plan, const TableShares& shares) {
  std::optional<uint32_t> room;
  for (const TableMember& member : shares.table->members) {
    if (member.weight == 0) continue;
    const Forwarding& way = plan.forwardings[member.slot];
    const uint32_t of_it = uint32_t{way.mtu} - way.overhead;
    room = std::min(room.value_or(of_it), of_it);
  }
  return room;
}

// A port or range of a server in mode nat, and whose replies come from it.
struct ReplyPorts {
  Address server;
  Protocol protocol = Protocol::tcp;
  PortRange ports;
  Address vip;
  const ServiceSettings* service = nullptr;
  const BackendSettings* backend = nullptr;

  auto order() const { return std::tuple(server, protocol, ports.first, ports.last, vip); }
  bool is_of(const ReplyPorts& other) const {
    return server == other.server && protocol == other.protocol;
  }
};

std::vector<ReplyPorts> reply_ports(const Settings& settings) {
  std::vector<ReplyPorts> all;
  for (const ServiceSettings& service : settings.services) {
    if (service.mode != Mode::nat) continue;
    for (const BackendSettings& backend : service.backends) {
      const PortRange ports =
          backend.port == 0 ? service.ports : PortRange{backend.port, backend.port};
      for (const Prefix& vip : service.vips) {
        all.push_back({backend.address, service.protocol, ports, vip.address, &service, &backend});
      }
    }
  }
  std::ranges::sort(all, {}, &ReplyPorts::order);
  return all;
}

}  // namespace

void judge_vip_conflict(const Facts& /*facts*/, const View& side, Findings& ret_findings) {
  const Settings& settings = *side.settings;
  const VipOwners owners = vip_owners(settings);
  for (const PortSettings& port : settings.ports) {
    for (const InterfaceAddress& own : port.addresses) {
      const auto vip = owners.find(own.address);
      if (vip == owners.end()) continue;
      const ServiceSettings& service = *vip->second;
      const bool has_all = service.ports == PortRange{};
      ret_findings.push_back({.where = path_of(service) + ".vips",
                              .what = "VIP " + to_string(own.address) + " of " +
                                      quoted(service.name) + " is the box's own address of port " +
                                      quoted(port.name) +
                                      (has_all ? ", which nobody could reach the box by any more"
                                               : ", whose ports " + to_string(service.ports) +
                                                     " the box itself would not have") +
                                      "; give the service an address of its own",
                              .subject = to_string(own.address),
                              .severity = has_all ? Severity::refuse : Severity::warn});
    }
  }
  for (const ServiceSettings& service : settings.services) {
    if (service.mode == Mode::l2_direct) continue;  // led by MAC address
    for (const BackendSettings& backend : service.backends) {
      const auto vip = owners.find(backend.address);
      if (vip == owners.end()) continue;
      ret_findings.push_back({.where = path_of(service, backend) + ".address",
                              .what = to_string(backend.address) + " of backend " +
                                      quoted(backend.name) + " is a VIP of " +
                                      quoted(vip->second->name) +
                                      ", so that packets would come back to the box; give the "
                                      "server's own address"});
    }
  }
}

void judge_unreachable_next_hop(const Facts& /*facts*/, const View& side, Findings& ret_findings) {
  for (const BackendState& state : side.states) {
    const ServiceSettings& service = side.settings->services[state.service];
    const BackendSettings& backend = service.backends[state.backend];
    if (state.usable || backend.weight == 0 || backend.in_maintenance) continue;
    ret_findings.push_back({.where = path_of(service, backend),
                            .what = "backend " + quoted(backend.name) + " at " +
                                    to_string(backend.address) + " cannot be reached: " +
                                    state.why + "; mend the way, or give it weight 0 until then"});
  }
}

void judge_tunnel_mtu(const Facts& /*facts*/, const View& side, Findings& ret_findings) {
  for (size_t i = 0; i < side.shares.size(); ++i) {
    const ServiceSettings& service = side.settings->services[i];
    if (!is_tunnel(service.mode) || service.protocol != Protocol::tcp) continue;
    for (const std::optional<TableShares>& shares : side.shares[i]) {
      if (!shares.has_value() || !shares->is_open()) continue;
      const uint32_t full = shares->is_v4 ? kFullIpv4 : kMinMtuIpv6;
      const uint32_t headers = shares->is_v4 ? kTcpHeadersOfIpv4 : kTcpHeadersOfIpv6;
      const uint32_t room = room_of(*side.plan, *shares).value_or(full);
      if (room >= full || (service.mss != 0 && service.mss + headers <= room)) continue;
      ret_findings.push_back(
          {.where = path_of(service) + ".mss",
           .what = "packets of " + quoted(shares->name) + " fit into its tunnel up to " +
                   std::to_string(room) + " bytes, less than the " + std::to_string(full) +
                   " that clients may send; raise the port's mtu by " +
                   std::to_string(full - room) +
                   " (needs a restart), or let the servers announce an MSS of " +
                   std::to_string(room - headers) + " or less, and say so by mss",
           .badness = static_cast<double>(full - room)});
    }
  }
}

// Swept by server and first port, with whoever reaches farthest so far.
void judge_nat_ambiguous(const Facts& /*facts*/, const View& side, Findings& ret_findings) {
  const std::vector<ReplyPorts> all = reply_ports(*side.settings);
  const ReplyPorts* farthest = nullptr;
  for (const ReplyPorts& each : all) {
    if (farthest != nullptr && farthest->is_of(each) && each.ports.first <= farthest->ports.last) {
      ret_findings.push_back(
          {.where = path_of(*each.service, *each.backend),
           .what = "replies of " + to_string(each.server) + " from port " + to_string(each.ports) +
                   " could be of VIP " + to_string(each.vip) + " of " + quoted(each.service->name) +
                   " or of VIP " + to_string(farthest->vip) + " of " +
                   quoted(farthest->service->name) + "; give the server a port for each VIP",
           .subject = to_string(each.vip)});
    }
    if (farthest == nullptr || !farthest->is_of(each) || each.ports.last > farthest->ports.last) {
      farthest = &each;
    }
  }
}

void judge_worker_cores(const Facts& facts, const View& side, Findings& ret_findings) {
  const CpuSettings& cpu = side.settings->cpu;
  const auto add = [&](const char* key, uint32_t core, const std::string& what) {
    const std::string subject = std::to_string(core);
    ret_findings.push_back({.where = key,
                            .what = std::string(key) + " has core " + subject + what,
                            .subject = subject});
  };
  const auto is_missing = [&](uint32_t core) { return facts.cores != 0 && core >= facts.cores; };
  const std::string there_are =
      ", and the machine has " + std::to_string(facts.cores) + ", from 0; give one that it has";
  for (const uint32_t core : cpu.workers) {
    if (core == cpu.control) {
      add("cpu.workers", core, ", which is control's; give each a core of its own");
    }
    if (is_missing(core)) add("cpu.workers", core, there_are);
  }
  if (is_missing(cpu.control)) add("cpu.control", cpu.control, there_are);
}

}  // namespace evenkeel
