// The rows of what shows the box at work, and of what sets backends aside.
#include "tools/keel/commands.h"
#include "tools/keel/run.h"

namespace evenkeel::keel {
namespace {

constexpr std::string_view kViews[] = {"services", "backends",   "health",  "workers",
                                       "ports",    "neighbours", "drops",   "queries",
                                       "alerts",   "changes",    "settings"};
constexpr Argument kShow[] = {
    {"WHAT",
     "services, backends, health, workers, ports, neighbours, drops, queries, alerts, changes or "
     "settings.",
     Names::choices, false, kViews},
    {"SERVICE|GENERATION",
     "Of backends and health: only this service's. Of settings: that generation's text, or the "
     "word "
     "candidate; else what is confirmed.",
     Names::part, true}};
constexpr std::string_view kProtocols[] = {"tcp", "udp", "sctp", "icmp"};
constexpr Argument kWhy[] = {
    {"PROTO", "tcp, udp, sctp or icmp (echo requests; SRC's port is their identifier).",
     Names::choices, false, kProtocols},
    {"SRC:PORT", "The client, as 198.51.100.7:40000 or [2001:db8::7]:40000."},
    {"VIP:PORT", "What it asked for."}};
constexpr Argument kBackend[] = {
    {"BACKEND", "SERVICE/BACKEND, or BACKEND in all services that have it.", Names::backend}};
constexpr Argument kUndrain[] = {
    {"BACKEND", "As it was set aside; or the number of an override.", Names::backend}};
constexpr Argument kWeight[] = {kBackend[0],
                                {"WEIGHT", "The new one; only its ratio to the others' counts."}};

constexpr Option kWhyOptions[] = {
    {"--generation", "N", "Where the flow would have gone by that generation."}};
constexpr Option kTopOptions[] = {{"--every", "TIME", "Look so often; else 1s."},
                                  {"--times", "N", "End after so many; else at q."}};
constexpr std::string_view kKinds[] = {"change",  "rollout", "rule",  "override", "command",
                                       "backend", "port",    "alert", "archive",  "journal"};
constexpr Option kJournalOptions[] = {
    {"--limit", "N", "So many events; else 50."},
    {"--kind", "KIND",
     "Only these: change, rollout, rule, override, command, backend, port, alert, archive or "
     "journal.",
     Names::choices, false, false, kKinds}};
constexpr Option kFor[] = {
    {"--for", "TIME", "How long, from 1s to 30d; then it ends by itself.", Names::none, true},
    {"--reason", "TEXT", "Why; everybody sees it.", Names::none, true}};

constexpr std::string_view kStatusExamples[] = {"keel status"};
constexpr std::string_view kShowExamples[] = {
    "keel show services", "keel show backends shop", "keel show alerts",
    "keel show settings > evenkeel.conf", "keel show settings 12"};
constexpr std::string_view kWhyExamples[] = {
    "keel why tcp 198.51.100.7:40000 203.0.113.10:443",
    "keel why tcp '[2001:db8::7]:40000' '[2001:db8:1::10]:443' --generation 12"};
constexpr std::string_view kTopExamples[] = {"keel top"};
constexpr std::string_view kJournalExamples[] = {"keel journal --kind change"};
constexpr std::string_view kOverridesExamples[] = {"keel overrides"};
constexpr std::string_view kDrainExamples[] = {"keel drain shop/web3 --for 30m --reason 'kernel'"};
constexpr std::string_view kMaintenanceExamples[] = {
    "keel maintenance web3 --for 2h --reason 'new disks'"};
constexpr std::string_view kWeightExamples[] = {
    "keel weight shop/web3 1 --for 1h --reason 'warming up'"};
constexpr std::string_view kUndrainExamples[] = {"keel undrain shop/web3"};

constexpr Command kCommands[] = {
    {"status",
     Section::look,
     "Say how the box is, what is in force, and what is pending",
     "",
     {},
     {},
     "",
     kStatusExamples,
     "viewer",
     run_status},
    {"show",
     Section::look,
     "List services, backends, their health, ports, drops, alerts and the like",
     "Backends that take no flows say why. Overrides are marked, with what is left of them.\n\n"
     "settings are told as they were written, for a file or another box. Where keeld is down, "
     "plain "
     "git has them: git -C /var/lib/evenkeel/settings.git show confirmed:evenkeel.conf.",
     kShow,
     {},
     "there is no such service or generation",
     kShowExamples,
     "viewer",
     run_show},
    {"why", Section::look, "Explain where a flow goes, and why",
     "Service, hash, bucket, backend, next hop and the headers to be sent, or the reason of the "
     "drop: by the tables in force, or by those of another generation.",
     kWhy, kWhyOptions, "there is no such generation", kWhyExamples, "viewer", run_why},
    {"top",
     Section::look,
     "Watch services and backends live, in the terminal",
     "New flows, packets and bits of each second, and each backend's share beside its plan. q ends "
     "it.",
     {},
     kTopOptions,
     "",
     kTopExamples,
     "viewer",
     run_top},
    {"journal",
     Section::look,
     "List what happened, the newest last",
     "",
     {},
     kJournalOptions,
     "",
     kJournalExamples,
     "viewer",
     run_journal},
    {"overrides",
     Section::look,
     "List what is set for backends at run time",
     "",
     {},
     {},
     "",
     kOverridesExamples,
     "viewer",
     run_overrides},
    {"drain", Section::runtime, "Send no new flows to a backend; those that it has, stay",
     "It survives restarts and commits, ends by itself, and shows everywhere.", kBackend, kFor,
     "there is no such backend, or nobody would be left", kDrainExamples, "operator", run_drain},
    {"maintenance", Section::runtime, "Take a backend out at once, with the flows that it has",
     "Its flows go to the others. It survives restarts and commits, and ends by itself.", kBackend,
     kFor, "there is no such backend, or nobody would be left", kMaintenanceExamples, "operator",
     run_maintenance},
    {"weight", Section::runtime, "Give a backend another weight for a while",
     "The settings keep theirs.", kWeight, kFor, "there is no such backend", kWeightExamples,
     "operator", run_weight},
    {"undrain",
     Section::runtime,
     "End what drain, maintenance or weight set",
     "Everything that was set under this name; or, by its number, one override.",
     kUndrain,
     {},
     "nothing is set for it",
     kUndrainExamples,
     "operator",
     run_undrain},
};

}  // namespace

std::span<const Command> look_commands() { return kCommands; }

}  // namespace evenkeel::keel
