// The box at work as metrics. 65,535 backends are some 60 MB of them, so what is the same in many
// lines is written once, and nothing is looked up by name twice.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "firmware/appliance/views.h"
#include "firmware/change/shares.h"

namespace evenkeel {
namespace {

constexpr double kMicrosecondsPerSecond = 1e6;

struct BackendRow {
  std::string labels;
  BackendCounts counts;
  const BackendState* state = nullptr;
  const BackendSettings* backend = nullptr;
  double share = 0;
};

struct BackendCounter {
  std::string_view name;
  std::string_view help;
  uint64_t BackendCounts::* member = nullptr;
};
constexpr BackendCounter kBackendCounters[] = {
    {"evenkeel_backend_packets_total", "Packets sent to a backend", &BackendCounts::packets},
    {"evenkeel_backend_bytes_total", "Bytes of those", &BackendCounts::bytes},
    {"evenkeel_backend_new_flows_total", "Flows that began there", &BackendCounts::new_flows},
    {"evenkeel_backend_handshakes_opened_total", "Sampled handshakes", &BackendCounts::opened},
    {"evenkeel_backend_handshakes_completed_total", "Of those opened: it answered",
     &BackendCounts::completed},
    {"evenkeel_backend_handshakes_retried_total", "SYNs that had to be sent again",
     &BackendCounts::retried},
    {"evenkeel_backend_handshakes_lost_total", "Of those opened: it did not answer in time",
     &BackendCounts::lost},
    {"evenkeel_backend_requests_answered_total", "First requests of sampled flows: it answered",
     &BackendCounts::answered},
    {"evenkeel_backend_requests_unanswered_total",
     "First requests of sampled flows: it did not answer in time", &BackendCounts::unanswered},
    {"evenkeel_backend_resets_total", "Resets that it sent, where its replies pass the box",
     &BackendCounts::server_resets},
};

constexpr size_t kFamiliesOfBackend = std::size(kBackendCounters) + 4;
// Of a line, beside its labels; most are shorter.
constexpr size_t kLineBytes = 60;

void tell_times(Exposition& ret_page, std::string_view service, const BackendTotals::Times& times) {
  std::array<HistogramBucket, BackendTotals::kTimeBounds> buckets;
  for (size_t i = 0; i < buckets.size(); ++i) {
    buckets[i] = {
        .bound = static_cast<double>(BackendTotals::time_bound(i)) / kMicrosecondsPerSecond,
        .count = times.counts[i]};
  }
  ret_page.sample({{"service", service}}, buckets, times.beyond,
                  static_cast<double>(times.sum) / kMicrosecondsPerSecond);
}

// Of a worker, a port: what its number or name is, and how much of each counter it has.
template <size_t kCounters>
struct Counted {
  std::string label;
  std::array<uint64_t, kCounters> values{};
};
struct Family {
  std::string_view name;
  std::string_view help;
};

template <size_t kCounters>
void tell_counters(Exposition& ret_page, std::string_view label, const Family (&names)[kCounters],
                   const std::vector<Counted<kCounters>>& rows) {
  for (size_t i = 0; i < kCounters; ++i) {
    ret_page.counter(names[i].name, names[i].help);
    for (const Counted<kCounters>& row : rows) {
      ret_page.sample({{label, row.label}}, row.values[i]);
    }
  }
}

constexpr Family kWorkerCounters[] = {
    {"evenkeel_worker_received_packets_total", "Packets that a worker took in"},
    {"evenkeel_worker_received_bytes_total", "Bytes of those"},
    {"evenkeel_worker_forwarded_packets_total", "Packets that it sent to backends"},
    {"evenkeel_worker_forwarded_bytes_total", "Bytes of those"},
    {"evenkeel_worker_untold_total", "Packets too big, whose senders were not told: too many"},
    {"evenkeel_worker_no_buffer_total", "Packets that it could not make for want of memory"},
    {"evenkeel_worker_evicted_flows_total", "Flows forgotten for others"},
    {"evenkeel_worker_refused_flows_total", "Flows that flow memory had no place for"},
    {"evenkeel_worker_untracked_handshakes_total",
     "Sampled, but there was no place to follow them"},
    {"evenkeel_worker_naps_total", "Times that it slept, for nothing came"},
};
constexpr Family kPortCounters[] = {
    {"evenkeel_port_received_packets_total", "Packets that came in by a port"},
    {"evenkeel_port_transmitted_packets_total", "Packets that it sent"},
    {"evenkeel_port_received_bytes_total", "Bytes that came in by it"},
    {"evenkeel_port_transmitted_bytes_total", "Bytes that it sent"},
    {"evenkeel_port_queue_full_packets_total", "Dropped: its transmit queue took no more"},
    {"evenkeel_port_missed_packets_total", "Came faster than they were taken"},
    {"evenkeel_port_no_buffer_packets_total", "Lost for want of memory"},
    {"evenkeel_port_receive_errors_total", "Frames that came broken"},
    {"evenkeel_port_transmit_errors_total", "Frames that it could not send"},
    {"evenkeel_port_to_kernel_packets_total", "Packets for the box itself"},
    {"evenkeel_port_from_kernel_packets_total", "Packets of the box itself"},
};

Counted<std::size(kWorkerCounters)> counted_by(const Dataplane& dataplane, size_t worker) {
  const Liveness& liveness = dataplane.liveness(worker);
  const WorkerCounts counts = dataplane.evidence(worker).worker();
  return {.label = std::to_string(worker),
          .values = {counts.received_packets, counts.received_bytes, counts.forwarded_packets,
                     counts.forwarded_bytes, liveness.untold.read(), liveness.no_buffer.read(),
                     counts.evictions, counts.refused_insertions, counts.untracked_handshakes,
                     liveness.naps.read()}};
}

Counted<std::size(kPortCounters)> counted_at(const Dataplane& dataplane, size_t port) {
  const Port& device = *dataplane.ports()[port];
  const PortCounts counts = device.counts();
  std::array<uint64_t, 5> sums{};
  for (size_t worker = 0; worker < dataplane.workers(); ++worker) {
    const PortTally& tally = dataplane.liveness(worker).ports[port];
    const std::array counters = {&tally.received, &tally.transmitted, &tally.transmit_full,
                                 &tally.to_kernel, &tally.from_kernel};
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += counters[i]->read();
  }
  return {.label = device.name(),
          .values = {sums[0], sums[1], counts.received_bytes, counts.transmitted_bytes, sums[2],
                     counts.missed, counts.no_buffer, counts.receive_errors, counts.transmit_errors,
                     sums[3], sums[4]}};
}

}  // namespace

void BoxViews::metrics(Exposition& ret_page) const {
  totals_.read();
  tell_box(ret_page);
  tell_services(ret_page);
  tell_backends(ret_page);
  tell_workers(ret_page);
  tell_ports(ret_page);
}

void BoxViews::tell_box(Exposition& ret_page) const {
  const Dataplane& dataplane = control_.dataplane();
  ret_page.gauge("evenkeel_uptime_seconds", "Since keeld was started",
                 (now() - started_) / kMicrosecondsPerTick);
  ret_page.gauge("evenkeel_buffers", "Packet buffers", uint64_t{dataplane.pool().size()});
  ret_page.gauge("evenkeel_buffers_free", "Packet buffers that nobody has",
                 uint64_t{dataplane.pool().free_buffers()});
  ret_page.counter("evenkeel_dropped_packets_total", "Packets not forwarded, by reason");
  std::array<uint64_t, kReasons> drops{};
  for (size_t worker = 0; worker < dataplane.workers(); ++worker) {
    const WorkerCounts counts = dataplane.evidence(worker).worker();
    for (size_t i = 0; i < kReasons; ++i) drops[i] += counts.drops[i];
  }
  for (size_t i = 1; i < kReasons; ++i) {
    ret_page.sample({{"reason", to_string(static_cast<Reason>(i))}}, drops[i]);
  }
}

void BoxViews::tell_services(Exposition& ret_page) const {
  const std::vector<ServiceSettings>& services = control_.settings().services;
  std::vector<uint64_t> usable(services.size());
  for (const BackendState& state : control_.backends()) usable[state.service] += state.usable;
  ret_page.gauge("evenkeel_service_backends", "Backends of a service");
  for (const ServiceSettings& service : services) {
    ret_page.sample({{"service", service.name}}, uint64_t{service.backends.size()});
  }
  ret_page.gauge("evenkeel_service_backends_usable", "Of those, that take flows");
  for (size_t i = 0; i < services.size(); ++i) {
    ret_page.sample({{"service", services[i].name}}, usable[i]);
  }
  ret_page.histogram("evenkeel_service_handshake_seconds",
                     "From a sampled flow's first SYN to the client's answer; sums are estimates");
  for (const ServiceSettings& service : services) {
    tell_times(ret_page, service.name, totals_.of_service(service.name).handshakes);
  }
  ret_page.histogram("evenkeel_service_response_seconds",
                     "From a sampled flow's first request until the client acknowledges an answer; "
                     "sums are estimates");
  for (const ServiceSettings& service : services) {
    tell_times(ret_page, service.name, totals_.of_service(service.name).responses);
  }
}

void BoxViews::tell_backends(Exposition& ret_page) const {
  const Settings& settings = control_.settings();
  const std::vector<ServiceShares> shares = ShareCounter().count(settings, control_.plan());
  std::vector<BackendRow> rows;
  rows.reserve(control_.backends().size());
  for (const BackendState& state : control_.backends()) {
    const ServiceSettings& service = settings.services[state.service];
    const BackendSettings& backend = service.backends[state.backend];
    rows.push_back(
        {.labels = Exposition::written({{"service", service.name}, {"backend", backend.name}}),
         .counts = totals_.of(service.name + "/" + backend.name),
         .state = &state,
         .backend = &backend,
         .share = share_of(shares[state.service], state.backend)});
  }
  size_t bytes = 0;  // or the page would be copied again and again as it grows
  for (const BackendRow& row : rows) bytes += kFamiliesOfBackend * (row.labels.size() + kLineBytes);
  ret_page.text().reserve(ret_page.text().size() + bytes);
  for (const BackendCounter& counter : kBackendCounters) {
    ret_page.counter(counter.name, counter.help);
    for (const BackendRow& row : rows) ret_page.sample_of(row.labels, row.counts.*counter.member);
  }
  ret_page.gauge("evenkeel_backend_usable",
                 "Whether it may take flows: it can be reached, and its check is not against it");
  for (const BackendRow& row : rows) ret_page.sample_of(row.labels, uint64_t{row.state->usable});
  ret_page.gauge("evenkeel_backend_weight", "Its weight by the settings, overrides taken in");
  for (const BackendRow& row : rows) ret_page.sample_of(row.labels, uint64_t{row.backend->weight});
  ret_page.gauge("evenkeel_backend_share",
                 "Of its service's new flows, by the plan in force: 0 of who is left out");
  for (const BackendRow& row : rows) ret_page.sample_of(row.labels, row.share);
  ret_page.gauge("evenkeel_backend_state", "1, of the state that it is in, as keel shows it");
  for (const BackendRow& row : rows) {
    const std::string& service = settings.services[row.state->service].name;
    const char* const state = state_of(*row.state, overrides_.of(service, row.backend->name));
    ret_page.sample_of(row.labels + ",state=\"" + state + "\"", uint64_t{1});
  }
}

void BoxViews::tell_workers(Exposition& ret_page) const {
  const Dataplane& dataplane = control_.dataplane();
  ret_page.gauge("evenkeel_worker_running", "Whether a worker runs");
  for (size_t i = 0; i < dataplane.workers(); ++i) {
    const bool is_running = dataplane.liveness(i).is_running.read() != 0;
    ret_page.sample({{"worker", std::to_string(i)}}, uint64_t{is_running});
  }
  ret_page.counter("evenkeel_worker_busy_seconds_total", "Time that packets took of its core");
  std::vector<Counted<std::size(kWorkerCounters)>> rows;
  for (size_t i = 0; i < dataplane.workers(); ++i) {
    const Microseconds busy =
        dataplane.clock().microseconds(dataplane.liveness(i).busy_cycles.read());
    ret_page.sample({{"worker", std::to_string(i)}},
                    static_cast<double>(busy) / kMicrosecondsPerSecond);
    rows.push_back(counted_by(dataplane, i));
  }
  tell_counters(ret_page, "worker", kWorkerCounters, rows);
}

void BoxViews::tell_ports(Exposition& ret_page) const {
  const Dataplane& dataplane = control_.dataplane();
  ret_page.gauge("evenkeel_port_up", "Whether the link of a port is up");
  std::vector<Counted<std::size(kPortCounters)>> rows;
  for (size_t i = 0; i < dataplane.ports().size(); ++i) {
    const Port& port = *dataplane.ports()[i];
    ret_page.sample({{"port", port.name()}}, uint64_t{port.link_is_up()});
    rows.push_back(counted_at(dataplane, i));
  }
  tell_counters(ret_page, "port", kPortCounters, rows);
}

}  // namespace evenkeel
