// What control knows to be wrong, and what the traffic tells of backends.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "firmware/appliance/control.h"

#include "firmware/base/names.h"

namespace evenkeel {

namespace {

// How often the traffic is looked at; and of control's time, that takes at most one part in so
// many.
constexpr Microseconds kWatchInterval = 500'000;
constexpr Microseconds kWatchingShare = 20;

// A source's second outcome falls into another window, even if its first is known late: after each
// phase's deadline, and seen after a look between. Ticks are told apart to one of them.
static_assert((Turns::kApart - 1) * kMicrosecondsPerTick >
              Outliers::kWindow + 3 * Handshakes::kDefaultDeadline + kWatchInterval);
// What is known after the last of the phases is told apart by the shares of so long ago.
static_assert(OutlierOptions{}.deadline >= 3 * Handshakes::kDefaultDeadline + kWatchInterval);

std::vector<std::pair<std::string, std::string>> labels_of(const std::string& full_name) {
  return {{"backend", std::string(backend_part(full_name))},
          {"service", std::string(service_part(full_name))}};
}

}  // namespace

void Control::watch_traffic(Microseconds now) {
  if (now < watch_again_) return;
  const Microseconds begin = dataplane_.clock().now();
  const TrafficWatch::Changes changes = traffic_watch_.observe(
      plan(), [this](uint16_t slot) { return counts(slot); },
      settings_->evidence.max_ejected / 100.0, now);
  load_watch_.observe(loads(), now);
  slow_watch_.observe(plan(), [this](uint16_t slot) { return response_times(slot); }, now);
  // What telling takes is not watching: the journal's disk may hang.
  const Microseconds end = dataplane_.clock().now();
  watch_again_ = end + std::max(kWatchInterval, kWatchingShare * (end - begin));
  const auto tell = [this, now](Level level, const std::string& name, const std::string& what) {
    log_.write(level, name + ": " + what);
    record("backend", name, name + ": " + what);
    causes_.note(service_part(name), name + ": " + what, now);
    surroundings_changed_ = true;
  };
  for (const Ejection& each : changes.ejected) {
    tell(Level::warning, each.backend,
         "is left out for " + std::to_string((each.until - each.since) / kMicrosecondsPerTick) +
             " s: " + each.evidence);
  }
  for (const Spared& each : changes.spared) {
    tell(Level::warning, each.backend,
         "does worse than its pool, and keeps its flows, since no more may be left out: " +
             each.evidence);
  }
  for (const std::string& name : changes.returned) {
    tell(Level::notice, name, "takes new flows again, on trial");
    prober_.note_return(service_part(name), backend_part(name));
  }
}

// Of those who take new flows.
std::vector<AgentLoad> Control::loads() const {
  std::vector<AgentLoad> loads;
  for (const BackendState& state : backends_) {
    const ServiceSettings& service = settings_->services[state.service];
    const BackendSettings& backend = service.backends[state.backend];
    if (service.check.type != CheckType::agent || !state.usable || backend.weight == 0) continue;
    const std::optional<uint32_t> load = prober_.load(service.name, backend.name);
    if (!load) continue;
    const uint32_t part = part_of(service, backend, Prober::Of::in_force).percent;
    if (part == 0) continue;
    loads.push_back({.service = service.name,
                     .backend = backend.name,
                     .percent = *load,
                     .may_idle = part < 100});
  }
  return loads;
}

Part Control::part_of(const ServiceSettings& service, const BackendSettings& backend,
                      Prober::Of of) const {
  if (traffic_watch_.is_any_ejected(service.name) &&
      traffic_watch_.ejection_of(server_of(service, backend), service.name + "/" + backend.name) !=
          nullptr) {
    return {.percent = 0, .why = "left out: its flows do worse than the others'"};
  }
  const auto percent =
      static_cast<uint32_t>(std::lround(prober_.part(service.name, backend.name, of) * 100));
  if (percent == 100) return {};
  return {.percent = percent,
          .why = "has " + std::to_string(percent) +
                 " % of its weight: by its agent, or since it "
                 "has just come back"};
}

std::vector<Alert> Control::alerts() const {
  std::vector<Alert> all = supervisor_->troubles();
  const auto add = [&all](AlertKind kind, const std::string& text) {
    if (!text.empty()) all.push_back({.kind = kind, .labels = {}, .text = text});
  };
  add(AlertKind::plan_failed, planning_trouble_);
  add(AlertKind::way_back_missing, ready_trouble_);
  add(AlertKind::kernel_failed, kernel_trouble_);
  for (const std::string& text : dataplane_.neighbours().troubles()) add(AlertKind::trouble, text);
  for (Alert& alert : prober_.alerts()) all.push_back(std::move(alert));
  for (const Ejection& each : traffic_watch_.ejected()) {
    all.push_back({.kind = AlertKind::backend_ejected,
                   .labels = labels_of(each.backend),
                   .text = each.backend + " is left out: " + each.evidence});
  }
  for (const Spared& each : traffic_watch_.spared()) {
    all.push_back({.kind = AlertKind::backend_spared,
                   .labels = labels_of(each.backend),
                   .text = each.backend + " does worse than its pool: " + each.evidence});
  }
  for (const Slow& each : slow_watch_.slow()) {
    all.push_back({.kind = AlertKind::backend_slow,
                   .labels = labels_of(each.backend),
                   .text = each.backend + " " + each.evidence() +
                           causes_.before(service_part(each.backend), each.since)});
  }
  for (const Imbalanced& each : traffic_watch_.imbalanced()) {
    all.push_back({.kind = AlertKind::imbalance,
                   .labels = labels_of(each.backend),
                   .text = each.backend + " " + each.evidence() +
                           causes_.before(service_part(each.backend), each.since)});
  }
  for (const LoadImbalanced& each : load_watch_.imbalanced()) {
    const std::string name = each.service + "/" + each.backend;
    all.push_back(
        {.kind = AlertKind::load_imbalance,
         .labels = labels_of(name),
         .text = name + " " + each.evidence() + causes_.before(each.service, each.since)});
  }
  return all;
}

std::vector<std::string> Control::troubles() const {
  std::vector<std::string> all;
  for (Alert& alert : alerts()) all.push_back(std::move(alert.text));
  const auto unusable = std::ranges::count(backends_, false, &BackendState::usable);
  if (unusable != 0) {
    all.push_back(std::to_string(unusable) + " of " + std::to_string(backends_.size()) +
                  " backends take no flows; see keel show backends, or /evenkeel/backends");
  }
  return all;
}

}  // namespace evenkeel
