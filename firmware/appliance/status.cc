#include "firmware/appliance/status.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>
#include <numeric>
#include <string>
#include <vector>

namespace evenkeel {
namespace {

std::string hexadecimal(uint64_t number) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(number));
  return text.data();
}

std::string to_string(const Mac& mac) {
  std::array<char, 18> text{};
  std::snprintf(text.data(), text.size(), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
                mac[3], mac[4], mac[5]);
  return text.data();
}

std::string yes_or_no(bool answer) { return answer ? "yes" : "no"; }

// What all workers have counted for a backend. One that serves both families has a slot for each.
BackendCounts total_of(const Control& control, const std::string& name) {
  BackendCounts total;
  const std::vector<BackendRecord>& records = control.plan().backend_records;
  for (size_t slot = 0; slot < records.size(); ++slot) {
    if (records[slot].name == name) total += control.counts(static_cast<uint16_t>(slot));
  }
  return total;
}

TelemetryFields fields_of(const BackendCounts& counts) {
  return {{"packets", counts.packets},
          {"bytes", counts.bytes},
          {"new_flows", counts.new_flows},
          {"sampled_opened", counts.opened},
          {"sampled_retried", counts.retried},
          {"sampled_completed", counts.completed},
          {"sampled_lost", counts.lost},
          {"sampled_reset", counts.reset},
          {"sampled_retried_flows", counts.retried_flows},
          {"sampled_good", counts.good},
          {"sampled_bad", counts.bad},
          {"sampled_asked", counts.asked},
          {"sampled_answered", counts.answered},
          {"sampled_unanswered", counts.unanswered},
          {"server_resets", counts.server_resets},
          {"zero_windows", counts.zero_windows}};
}

// What all workers have counted for a port.
struct PortCounted {
  uint64_t received = 0;
  uint64_t transmitted = 0;
  uint64_t transmit_full = 0;
  uint64_t to_kernel = 0;
  uint64_t from_kernel = 0;
};

PortCounted counted(const Dataplane& dataplane, size_t port) {
  PortCounted total;
  for (size_t i = 0; i < dataplane.workers(); ++i) {
    const PortTally& tally = dataplane.liveness(i).ports[port];
    total.received += tally.received.read();
    total.transmitted += tally.transmitted.read();
    total.transmit_full += tally.transmit_full.read();
    total.to_kernel += tally.to_kernel.read();
    total.from_kernel += tally.from_kernel.read();
  }
  return total;
}

std::vector<std::string> points_of(const Plan& plan, uint16_t service) {
  std::vector<std::string> texts;
  for (const ServicePoint& point : plan.points) {
    if (point.service != service) continue;
    texts.push_back(to_string(Prefix{point.address, point.prefix_length}) + " protocol " +
                    std::to_string(point.protocol) + " ports " + std::to_string(point.first_port) +
                    "-" + std::to_string(point.last_port));
  }
  return texts;
}

TelemetryFields describe_service(const Plan& plan, uint16_t number) {
  const ServiceRecord& record = plan.service_records[number];
  const Service& service = plan.services[number];
  TelemetryFields fields = {{"name", record.name},
                            {"points", points_of(plan, number)},
                            {"buckets", uint64_t{service.buckets}},
                            {"moved", yes_or_no(service.previous != nullptr)}};
  if (record.table != nullptr) {
    fields.push_back({"members", uint64_t{record.table->members.size()}});
    fields.push_back({"table", hexadecimal(record.table->fingerprint)});
  }
  if (service.guard.closed != Reason::none) {
    fields.push_back({"closed", std::string(to_string(service.guard.closed))});
  }
  return fields;
}

TelemetryFields describe_backend(const Control& control, const BackendState& state) {
  const ServiceSettings& service = control.settings().services[state.service];
  const BackendSettings& backend = service.backends[state.backend];
  TelemetryFields fields = {{"name", backend.name},
                            {"address", to_string(backend.address)},
                            {"weight", uint64_t{backend.weight}},
                            {"usable", yes_or_no(state.usable)}};
  if (!state.usable) fields.push_back({"why", state.why});
  std::ranges::copy(fields_of(total_of(control, service.name + "/" + backend.name)),
                    std::back_inserter(fields));
  return fields;
}

}  // namespace

TelemetryFields describe_plan(const Control& control) {
  const Plan& plan = control.plan();
  const auto services = std::ranges::count_if(
      plan.service_records, [](const ServiceRecord& record) { return !record.name.empty(); });
  const auto moved = std::ranges::count_if(
      plan.service_records, [](const ServiceRecord& record) { return record.moves != nullptr; });
  const auto unusable = std::ranges::count_if(
      control.backends(), [](const BackendState& state) { return !state.usable; });
  return {{"generation", plan.generation},
          {"fingerprint", hexadecimal(plan.fingerprint)},
          {"services", static_cast<uint64_t>(services)},
          {"moved_services", static_cast<uint64_t>(moved)},
          {"backends", uint64_t{control.backends().size()}},
          {"unusable_backends", static_cast<uint64_t>(unusable)}};
}

TelemetryFields describe_drops(const Control& control) {
  std::array<uint64_t, kReasons> drops{};
  for (size_t i = 0; i < control.dataplane().workers(); ++i) {
    const WorkerCounts counts = control.dataplane().evidence(i).worker();
    for (size_t reason = 0; reason < kReasons; ++reason) drops[reason] += counts.drops[reason];
  }
  TelemetryFields fields;
  for (size_t reason = 1; reason < kReasons; ++reason) {
    fields.push_back({to_string(static_cast<Reason>(reason)), drops[reason]});
  }
  return fields;
}

TelemetryFields describe_pool(const Control& control) {
  const Pool& pool = control.dataplane().pool();
  return {{"size", uint64_t{pool.size()}}, {"free", uint64_t{pool.free_buffers()}}};
}

TelemetryFields describe_troubles(const Control& control) {
  return {{"troubles", control.troubles()}};
}

Status list_services(const Control& control, std::string_view, TelemetryPage& page) {
  const Plan& plan = control.plan();
  page.set_total(plan.service_records.size());
  for (size_t i = page.first(); i < plan.service_records.size(); ++i) {
    if (plan.service_records[i].name.empty()) continue;
    if (!page.add(std::to_string(i), describe_service(plan, static_cast<uint16_t>(i)))) break;
  }
  return {};
}

Status list_backends(const Control& control, std::string_view service, TelemetryPage& page) {
  const std::vector<ServiceSettings>& services = control.settings().services;
  const auto named = std::ranges::find(services, service, &ServiceSettings::name);
  if (named == services.end()) {
    return Error{"there is no service '" + std::string(service) +
                 "': ask for /evenkeel/backends,SERVICE; /evenkeel/services lists them"};
  }
  const auto number = static_cast<uint32_t>(named - services.begin());
  const auto first = std::ranges::find(control.backends(), number, &BackendState::service);
  page.set_total(named->backends.size());
  for (size_t i = page.first(); i < named->backends.size(); ++i) {
    const BackendState& state = first[static_cast<ptrdiff_t>(i)];
    if (!page.add(std::to_string(i), describe_backend(control, state))) break;
  }
  return {};
}

Status list_workers(const Control& control, std::string_view, TelemetryPage& page) {
  const Dataplane& dataplane = control.dataplane();
  page.set_total(dataplane.workers());
  for (size_t i = page.first(); i < dataplane.workers(); ++i) {
    const Liveness& liveness = dataplane.liveness(i);
    const WorkerCounts counts = dataplane.evidence(i).worker();
    const TelemetryFields fields = {
        {"running", yes_or_no(liveness.is_running.read() != 0)},
        {"loops", liveness.loops.read()},
        {"busy_loops", liveness.busy_loops.read()},
        {"busy_cycles", liveness.busy_cycles.read()},
        {"naps", liveness.naps.read()},
        {"received", counts.received_packets},
        {"received_bytes", counts.received_bytes},
        {"forwarded", counts.forwarded_packets},
        {"forwarded_bytes", counts.forwarded_bytes},
        {"dropped", std::accumulate(counts.drops.begin(), counts.drops.end(), uint64_t{0})},
        {"held", liveness.held.read()},
        {"answers", liveness.answers.read()},
        {"untold", liveness.untold.read()},
        {"split", liveness.split.read()},
        {"pieces", liveness.pieces.read()},
        {"no_buffer", liveness.no_buffer.read()},
        {"evicted_flows", counts.evictions},
        {"refused_flows", counts.refused_insertions},
        {"untracked_handshakes", counts.untracked_handshakes}};
    if (!page.add(std::to_string(i), fields)) break;
  }
  return {};
}

Status list_ports(const Control& control, std::string_view, TelemetryPage& page) {
  const Dataplane& dataplane = control.dataplane();
  const std::vector<KernelPathCounts> kernel = dataplane.kernel_path().counts();
  page.set_total(dataplane.ports().size());
  for (size_t i = page.first(); i < dataplane.ports().size(); ++i) {
    const Port& port = *dataplane.ports()[i];
    const PortCounts device = port.counts();
    const PortCounted by_workers = counted(dataplane, i);
    const TelemetryFields fields = {{"name", port.name()},
                                    {"device", control.settings().ports[i].device},
                                    {"mac", to_string(port.mac())},
                                    {"link", std::string(port.link_is_up() ? "up" : "down")},
                                    {"received", by_workers.received},
                                    {"transmitted", by_workers.transmitted},
                                    {"transmit_full", by_workers.transmit_full},
                                    {"to_kernel", by_workers.to_kernel},
                                    {"from_kernel", by_workers.from_kernel},
                                    {"kernel_wrong_vlan", kernel[i].wrong_vlan},
                                    {"kernel_refused", kernel[i].refused},
                                    {"kernel_no_buffer", kernel[i].no_buffer},
                                    {"announced", kernel[i].announced},
                                    {"missed", device.missed},
                                    {"no_buffer", device.no_buffer},
                                    {"receive_errors", device.receive_errors},
                                    {"transmit_errors", device.transmit_errors}};
    if (!page.add(std::to_string(i), fields)) break;
  }
  return {};
}

}  // namespace evenkeel
