#include "firmware/appliance/supervisor.h"

#include <utility>

#include "firmware/base/check.h"

namespace evenkeel {
namespace {

std::string milliseconds(Microseconds time) { return std::to_string(time / 1'000) + " ms"; }

}  // namespace

Supervisor::Supervisor(std::vector<std::string> port_names, const Observation& first,
                       Microseconds now)
    : port_names_(std::move(port_names)),
      last_(first),
      moved_(first.worker_loops.size(), now),
      stalls_(first.worker_loops.size()),
      links_(first.ports.size()),
      full_queues_(first.ports.size()),
      missed_(first.ports.size()),
      looked_(now) {
  REQUIRE(port_names_.size() == first.ports.size());
  for (size_t i = 0; i < stalls_.size(); ++i) stalls_[i].name = "worker " + std::to_string(i);
  for (size_t i = 0; i < port_names_.size(); ++i) {
    links_[i].name = full_queues_[i].name = missed_[i].name = "port " + port_names_[i];
  }
  pool_.name = "packet buffers";
}

std::vector<Notice> Supervisor::observe(const Observation& seen, Microseconds now) {
  REQUIRE(seen.worker_loops.size() == stalls_.size() && seen.ports.size() == links_.size());
  now_ = now;
  events_.clear();
  for (size_t i = 0; i < stalls_.size(); ++i) judge_worker(i, seen);
  for (size_t i = 0; i < links_.size(); ++i) judge_port(i, seen);
  judge_pool(seen);
  last_ = seen;
  looked_ = now;
  return std::move(events_);
}

std::vector<Alert> Supervisor::troubles() const {
  std::vector<Alert> alerts;
  const auto tell = [&alerts](AlertKind kind, const Trouble& trouble) {
    if (!trouble.is_on) return;
    alerts.push_back({.kind = kind, .labels = {}, .text = trouble.name + ": " + trouble.text});
  };
  for (size_t i = 0; i < stalls_.size(); ++i) {
    const Trouble& stall = stalls_[i];
    if (!stall.is_on || stall.last_seen - stall.began < kLongStall) continue;
    tell(AlertKind::worker_stalled, stall);
    alerts.back().labels = {{"worker", std::to_string(i)}};
  }
  const auto tell_ports = [&](AlertKind kind, const std::vector<Trouble>& ports) {
    for (size_t i = 0; i < ports.size(); ++i) {
      tell(kind, ports[i]);
      if (ports[i].is_on) alerts.back().labels = {{"port", port_names_[i]}};
    }
  };
  tell_ports(AlertKind::link_down, links_);
  tell_ports(AlertKind::queue_full, full_queues_);
  tell_ports(AlertKind::packets_missed, missed_);
  tell(AlertKind::buffers_exhausted, pool_);
  return alerts;
}

void Supervisor::judge(Trouble& trouble, bool is_bad, const std::string& text, Microseconds calm) {
  if (is_bad) {
    trouble.last_seen = now_;
    trouble.text = text;
    if (trouble.is_on) return;
    trouble.is_on = true;
    trouble.began = now_;
    events_.push_back({.is_bad = true, .text = trouble.name + ": " + text});
  } else if (trouble.is_on && now_ - trouble.last_seen >= calm) {
    trouble.is_on = false;
    events_.push_back({.is_bad = false,
                       .text = trouble.name + ": well again, after " +
                               milliseconds(trouble.last_seen - trouble.began) + " (" +
                               trouble.text + ")"});
  }
}

// If we did not look for long ourselves, a worker is not to blame for having been seen late.
void Supervisor::judge_worker(size_t worker, const Observation& seen) {
  const bool has_moved = seen.worker_loops[worker] != last_.worker_loops[worker];
  const bool we_slept = now_ - looked_ > kStall;
  if (has_moved || (we_slept && !stalls_[worker].is_on)) moved_[worker] = now_;
  const Microseconds still = now_ - moved_[worker];
  judge(stalls_[worker], still >= kStall,
        "has stood still for " + milliseconds(still) + ": no packet passes it", 0);
}

void Supervisor::judge_port(size_t port, const Observation& seen) {
  const Observation::OfPort& is = seen.ports[port];
  const Observation::OfPort& was = last_.ports[port];
  judge(links_[port], !is.link_is_up, "the link is down: check cable, switch port and peer", 0);
  const uint64_t full = is.transmit_full - was.transmit_full;
  judge(full_queues_[port], full != 0,
        "the transmit queue is full: " + std::to_string(full) + " packets dropped", kCalm);
  const uint64_t missed = is.missed - was.missed;
  judge(missed_[port], missed != 0,
        std::to_string(missed) + " packets missed: more came than the workers fetched", kCalm);
}

void Supervisor::judge_pool(const Observation& seen) {
  uint64_t wanted = seen.no_buffer - last_.no_buffer;
  for (size_t i = 0; i < seen.ports.size(); ++i) {
    wanted += seen.ports[i].no_buffer - last_.ports[i].no_buffer;
  }
  judge(pool_, wanted != 0 || seen.buffers_free == 0,
        "exhausted, " + std::to_string(seen.buffers_free) +
            " free: set memory.buffers higher, or find who holds them",
        kCalm);
}

}  // namespace evenkeel
