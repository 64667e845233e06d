#include "firmware/base/alert.h"

#include <array>

#include "firmware/base/check.h"

namespace evenkeel {
namespace {

using enum AlertSeverity;

constexpr std::array<AlertInfo, kAlertKinds> kInfos = {{
    {"evenkeel_service_down", critical,
     "No backend of a service takes flows, or none passes its check.",
     "`keel show health SERVICE` has each one's answer, `keel show backends SERVICE` why it is "
     "out. "
     "If all went at once, look at the network and at the last change (`keel history`) before the "
     "servers."},
    {"evenkeel_backend_down", warning, "A backend takes no flows.",
     "`keel show backends SERVICE` says why. The others have its flows; see that they can bear "
     "them."},
    {"evenkeel_backend_ejected", warning,
     "A backend does worse than its pool and is left out for a while.",
     "See what its handshakes say in `keel show backends SERVICE`, then the server itself: its "
     "checks may be green."},
    {"evenkeel_backend_spared", critical,
     "A backend does worse than its pool, and keeps its flows: no more may be left out.",
     "If the others can bear its flows, `keel drain SERVICE/BACKEND`; then see the server. How "
     "many "
     "may be left out is evidence.max_ejected, and of two nobody is."},
    {"evenkeel_backend_slow", warning, "A backend answers much slower than its pool.",
     "It keeps its flows. See the server: its processors, its disk, who else uses it. If it is "
     "just weaker than the others, give it less weight; if they can bear its flows, drain it."},
    {"evenkeel_mass_failure", critical, "Many backends seem to fail at once.",
     "The last good membership is held for a while. Suspect the last change, the network and the "
     "checks before the servers."},
    {"evenkeel_probes_failed", warning,
     "Backends cannot be asked how they are, by the box's fault.",
     "The text has one of them and why. They are taken to be as they were; if it is few of a "
     "service, they take no flows after a while. See keeld's log, and the box's memory, sockets "
     "and "
     "processes."},
    {"evenkeel_imbalance", warning, "A backend's share of new flows is not the plan's.",
     "See `keel top`: shares as planned and as they are."},
    {"evenkeel_load_imbalance", warning,
     "A backend is much busier than the rest of its pool, or idler, by what its agent says.",
     "If a change explains it, take that back; else see what the server has to do besides, and "
     "whether weights fit what servers can take."},
    {"evenkeel_query_outside", warning,
     "A query of the user's own monitoring is outside its bounds.",
     "See `keel show queries`, then the service's own dashboards. A change on probation that it "
     "judges goes back; one that was confirmed shortly before, or waived `trial`, does not."},

    {"evenkeel_change_rolled_back", critical, "A change went back by itself.",
     "Nothing is to be done for the traffic. `keel history` says why. Mend the change before it is "
     "tried again, or `keel unlatch` it if it was only not confirmed in time."},
    {"evenkeel_going_back_failed", critical, "What should be in force is not.",
     "It is tried again and again. See the log; `systemctl restart keeld` boots what is "
     "confirmed."},
    {"evenkeel_way_back_missing", critical, "A live change could not be taken back at once.",
     "Confirm nothing. See the log for what is missing; `keel rollback` is still tried."},
    {"evenkeel_plan_failed", critical, "What is wanted cannot be made a plan; the last one stays.",
     "See the log for what is refused, and take the last change or override back."},

    {"evenkeel_link_down", critical, "The link of a port is down.",
     "Check cable, switch port and peer."},
    {"evenkeel_worker_stalled", critical, "A worker stands still: no packet passes it.",
     "Its core does something else: see `isolcpus`, interrupts and the hypervisor."},
    {"evenkeel_queue_full", warning, "Packets are dropped since a transmit queue is full.",
     "The port sends all it can: spread its traffic, or take a faster one."},
    {"evenkeel_packets_missed", warning, "More packets came than were fetched.",
     "If `keel show workers` says busy, add workers; if not, something else runs on their cores."},
    {"evenkeel_buffers_exhausted", critical, "There are no packet buffers left.",
     "Find who holds them; a higher memory.buffers needs a restart."},
    {"evenkeel_kernel_failed", warning, "The kernel's side of the ports is not as it should be.",
     "It is tried again. See the log for what it refuses: addresses, routes, namespace."},

    {"evenkeel_archive_damaged", critical,
     "The archive of settings is damaged, or its disk does not answer.",
     "The box forwards, and what goes back goes back. `git -C /var/lib/evenkeel/settings.git fsck` "
     "says more; push a clone "
     "back."},
    {"evenkeel_journal_failed", warning,
     "The journal cannot be written, or its disk does not answer.",
     "The box forwards, and remembers the newest events. Mend the disk, or make room."},
    {"evenkeel_overrides_failed", warning, "Overrides cannot be kept on the disk.",
     "They are in force, and would be lost by a restart. Mend the disk, or make room."},
    {"evenkeel_override_overdue", warning,
     "An override is past its end, and stays: a service would be closed without it.",
     "See `keel overrides`. `keel undrain` who is kept away and can take flows, mend who is down, "
     "or give the backend its weight in the settings: then it ends by itself."},
    {"evenkeel_api_failed", warning, "Some cannot reach the box to manage it.",
     "It forwards. The text says which socket, certificate or file is wrong."},
    {"evenkeel_metrics_failed", warning, "Metrics cannot be served where the settings say.",
     "See metrics.listen: the address must be the box's and the port free."},
    {"evenkeel_prometheus_failed", warning, "Prometheus does not say how services are.",
     "The box forwards; changes are judged without the queries. See that it answers, and that "
     "prometheus.url is right."},
    {"evenkeel_query_failed", warning, "A query has no answer that has numbers.",
     "Changes are judged without it. The text has Prometheus's own words: mend the query in the "
     "settings."},
    {"evenkeel_receiver_failed", warning, "Somebody who is to be told of alerts is not reached.",
     "See that it answers, and that alerts.webhooks and alerts.alertmanagers are right."},
    {"evenkeel_credentials_failed", warning,
     "A file of what the box proves itself with, or of whom it believes, cannot be used.",
     "What was read of it before is used on; if nothing was, nothing is sent there. The text says "
     "which file and why: mend it, and it is read again within seconds."},
    {"evenkeel_too_many_alerts", warning, "More is wrong than is told one by one.",
     "Look at `keel status` and `keel show backends`."},
    {"evenkeel_trouble", warning, "Something is wrong.", "The text says what; see keeld's log."},
}};
static_assert(!kInfos.back().name.empty());

}  // namespace

std::string_view name_of(AlertSeverity severity) {
  return severity == AlertSeverity::critical ? "critical" : "warning";
}

const AlertInfo& info_of(AlertKind kind) {
  const auto index = static_cast<size_t>(kind);
  REQUIRE(index < kAlertKinds);
  return kInfos[index];
}

std::string id_of(const Alert& alert) {
  std::string id(info_of(alert.kind).name);
  id += '{';
  for (const auto& [name, value] : alert.labels) {
    if (!id.ends_with('{')) id += ',';
    id.append(name).append("=\"").append(value).append("\"");
  }
  return id + '}';
}

}  // namespace evenkeel
