// What can be wrong with the box, by names that stay: one enum, one table. Whoever finds something
// wrong says which of these it is, what it is about, and how it is just now; whom that is told, and
// how often, is decided elsewhere (manage/alerts.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace evenkeel {

enum class AlertKind : uint8_t {
  // Services and backends
  service_down,
  backend_down,
  backend_ejected,
  backend_spared,
  backend_slow,
  mass_failure,
  probes_failed,
  imbalance,
  load_imbalance,
  query_outside,
  // Changes
  change_rolled_back,
  going_back_failed,
  way_back_missing,
  plan_failed,
  // The box
  link_down,
  worker_stalled,
  queue_full,
  packets_missed,
  buffers_exhausted,
  kernel_failed,
  // Its memory of what was, and who manages it
  archive_damaged,
  journal_failed,
  overrides_failed,
  override_overdue,
  api_failed,
  metrics_failed,
  prometheus_failed,
  query_failed,
  receiver_failed,
  credentials_failed,
  too_many_alerts,
  trouble,  // anything else
  count_
};

inline constexpr size_t kAlertKinds = static_cast<size_t>(AlertKind::count_);

enum class AlertSeverity : uint8_t { critical, warning };
std::string_view name_of(AlertSeverity severity);  // "critical"

// What is said of a kind, whoever or whatever it is about.
struct AlertInfo {
  std::string_view name;  // "evenkeel_link_down"
  AlertSeverity severity = AlertSeverity::warning;
  std::string_view summary;
  std::string_view advice;
};
const AlertInfo& info_of(AlertKind kind);

// Two of the same kind and labels are one.
struct Alert {
  AlertKind kind = AlertKind::trouble;
  // What it is about, by names as {"service", "shop"}, in their order: nothing that varies while it
  // lasts.
  std::vector<std::pair<std::string, std::string>> labels;
  std::string text;  // one sentence on how it is now
};

// "evenkeel_link_down{port="wan"}"
std::string id_of(const Alert& alert);

}  // namespace evenkeel
