#include "firmware/manage/routes.h"

#include "firmware/base/limits.h"
#include "firmware/manage/exposition.h"
#include "firmware/manage/handlers.h"

namespace evenkeel {
namespace {

using enum ParameterKind;

constexpr std::string_view kOverrideKinds[] = {"drain", "maintenance", "weight"};
// All that is ever written (change/journal.h): of a misspelt one there would be nothing, as of one
// that never happened.
constexpr std::string_view kEventKinds[] = {"change",  "rollout", "rule",  "override", "command",
                                            "backend", "port",    "alert", "archive",  "journal"};
constexpr std::string_view kProtocols[] = {"tcp", "udp", "sctp", "icmp"};

constexpr std::string_view kTables[] = {"backends", "health"};

constexpr size_t kMaxColumns = 1'024;
constexpr size_t kMaxPath = 1'024;   // of a key
constexpr size_t kMaxEndpoint = 64;  // an address and a port

constexpr Parameter kSettings[] = {
    {"generation", text, false, 1, 20, "its number, or \"candidate\"; none: what is confirmed"},
};
constexpr Parameter kText[] = {
    {"base", number, true, 0, kMaxGeneration, "the generation that the text was made from"},
    {"text", text, true, 0, kMaxSettingsBytes, "of the settings, all of it"},
};
constexpr Parameter kEdit[] = {
    {"set", text, false, 1, kMaxPath, "path of a key: services.shop.backends.web1.weight"},
    {"value", text, false, 0, kMaxSettingsBytes, "as the settings write it; with `set`"},
    {"delete", text, false, 1, kMaxPath, "path of a key or a group, instead of `set`"},
};
constexpr Parameter kEdits[] = {
    {"edits", list, true, 1, kMaxApiEdits, "all of them or none", {}, kEdit},
};
constexpr Parameter kWaiver[] = {
    {"rule", text, true, 1, kMaxName, "of a hit that refuses"},
    {"reason", text, true, 1, kMaxWhy, "why it is right this time; kept with the generation"},
};
constexpr Parameter kCommit[] = {
    {"confirm_s", number, false, kMinConfirmSeconds, kMaxConfirmSeconds,
     "for how long it is on probation; none: as the settings say"},
    {"why", text, false, 0, kMaxWhy,
     "for whoever reads the history, one line; none: as the /v1/rollback said that opened it"},
    {"waivers", list, false, 0, kMaxWaivers, "rules set aside for this change", {}, kWaiver},
};
constexpr Parameter kId[] = {
    {"id", number, true, 1, kMaxGeneration, "of the change that is meant"},
};
constexpr Parameter kIdAndWhy[] = {
    {"id", number, true, 1, kMaxGeneration, "of the change that is meant"},
    {"why", text, false, 0, kMaxWhy, "for whoever reads the history"},
};
constexpr Parameter kGenerationAndWhy[] = {
    {"generation", number, true, 1, kMaxGeneration, "its number"},
    {"why", text, true, 1, kMaxWhy, "for whoever reads the history; one line"},
};
constexpr Parameter kHistory[] = {
    {"limit", number, false, 1, kMaxHistory, "the newest so many; none: 100"},
};
constexpr Parameter kJournal[] = {
    {"limit", number, false, 1, kMaxEventsListed, "the newest so many; none: 100"},
    {"kind", text, false, 1, kMaxName, "only those of this kind", kEventKinds},
};
constexpr Parameter kService[] = {
    {"service", text, false, 1, kMaxName, "only those of this service"},
};
constexpr Parameter kTable[] = {
    {"of", text, true, 1, 16, "what the rows are", kTables},
    {"columns", text, true, 1, kMaxColumns,
     "fields of Backend or Health, with commas between: name,responses/asked"},
    {"service", text, false, 1, kMaxName, "only those of this service"},
};
constexpr Parameter kFlow[] = {
    {"protocol", text, true, 1, 8,
     "of the flow; icmp: an echo request, whose identifier is the client's port", kProtocols},
    {"source", text, true, 1, kMaxEndpoint, "the client: 192.0.2.7:40000 or [2001:db8::7]:40000"},
    {"vip", text, true, 1, kMaxEndpoint, "where it connects to, written alike"},
    {"generation", number, false, 1, kMaxGeneration, "by its settings; none: what is in force"},
};
constexpr Parameter kOverride[] = {
    {"backend", text, true, 1, kMaxName,
     "\"SERVICE/BACKEND\", or \"BACKEND\" for all its services"},
    {"kind", text, true, 1, 16, "what is set", kOverrideKinds},
    {"weight", number, false, 0, kMaxOverrideWeight, "of kind weight"},
    {"for_s", number, true, 1, kMaxOverrideSeconds, "how long it holds"},
    {"reason", text, true, 1, kMaxWhy, "for whoever wonders"},
};
constexpr Parameter kOverrideId[] = {
    {"id", number, true, 1, UINT64_MAX, "of the override"},
};

constexpr Route kRoutes[] = {
    {Method::get,
     "/v1/status",
     Role::viewer,
     "How the box is, and the change on its way",
     {},
     "Status",
     handlers::show_status},
    {Method::get, "/v1/settings", Role::viewer, "The text of the settings", kSettings,
     "SettingsText", handlers::show_settings},
    {Method::get,
     "/v1/schema",
     Role::viewer,
     "JSON schema of the settings",
     {},
     "Schema",
     handlers::show_schema},
    {Method::get,
     "/v1/openapi.json",
     Role::viewer,
     "This document",
     {},
     "OpenApi",
     handlers::show_openapi},

    {Method::post, "/v1/change", Role::changer, "Open a candidate, or replace one's own", kText,
     "Change", handlers::open_change},
    {Method::get,
     "/v1/change",
     Role::viewer,
     "The change on its way",
     {},
     "Change",
     handlers::show_change},
    {Method::remove,
     "/v1/change",
     Role::changer,
     "Discard it, before it is live",
     {},
     "Change",
     handlers::discard_change},
    {Method::post, "/v1/change/edit", Role::changer,
     "Set or delete keys of the candidate, which is opened if there is none", kEdits, "Change",
     handlers::edit_change},
    {Method::post,
     "/v1/change/check",
     Role::changer,
     "Find what is wrong with it",
     {},
     "Check",
     handlers::check_change},
    {Method::get,
     "/v1/change/plan",
     Role::viewer,
     "What it will do",
     {},
     "Impact",
     handlers::plan_change},
    {Method::get,
     "/v1/change/diff",
     Role::viewer,
     "How it differs from what is confirmed",
     {},
     "Diff",
     handlers::diff_change},
    {Method::post, "/v1/change/commit", Role::changer,
     "Put it in force on probation, or ask for an approval", kCommit, "Change",
     handlers::commit_change},
    {Method::post, "/v1/change/approve", Role::approver, "Release somebody else's change", kId,
     "Change", handlers::approve_change},
    {Method::post, "/v1/change/confirm", Role::changer, "Keep what is on probation", kId, "Change",
     handlers::confirm_change},
    {Method::post, "/v1/change/rollback", Role::changer, "Take back what is on probation",
     kIdAndWhy, "Change", handlers::roll_back_change},
    {Method::post, "/v1/rollback", Role::changer,
     "Open a candidate with the text of an older generation", kGenerationAndWhy, "Change",
     handlers::restore_generation},
    {Method::post, "/v1/unlatch", Role::changer,
     "Let the text of a generation that went back by itself be committed again", kGenerationAndWhy,
     "Generation", handlers::unlatch_generation},

    {Method::get, "/v1/history", Role::viewer, "Generations, the newest first", kHistory, "History",
     handlers::show_history},
    {Method::get, "/v1/journal", Role::viewer, "What happened, the newest first", kJournal,
     "Events", handlers::show_journal},

    {Method::get,
     "/v1/services",
     Role::viewer,
     "Services and their traffic",
     {},
     "Services",
     handlers::show_services},
    {Method::get, "/v1/backends", Role::viewer, "Backends, their shares and their traffic",
     kService, "Backends", handlers::show_backends},
    {Method::get, "/v1/health", Role::viewer, "The health of backends, and what their checks say",
     kService, "HealthList", handlers::show_health},
    {Method::get, "/v1/table", Role::viewer,
     "Some fields of backends or of their health, in less text than objects are", kTable, "Table",
     handlers::show_table},
    {Method::get,
     "/v1/workers",
     Role::viewer,
     "Workers and what they have done",
     {},
     "Workers",
     handlers::show_workers},
    {Method::get,
     "/v1/ports",
     Role::viewer,
     "Ports and their counters",
     {},
     "Ports",
     handlers::show_ports},
    {Method::get,
     "/v1/neighbours",
     Role::viewer,
     "Next hops of backends and clients",
     {},
     "Neighbours",
     handlers::show_neighbours},
    {Method::get,
     "/v1/drops",
     Role::viewer,
     "Packets not forwarded, by reason",
     {},
     "Drops",
     handlers::show_drops},
    {Method::get,
     "/v1/queries",
     Role::viewer,
     "What the user's own monitoring says of services",
     {},
     "Queries",
     handlers::show_queries},
    {Method::get,
     "/v1/alerts",
     Role::viewer,
     "What is wrong, and what has been",
     {},
     "Alerts",
     handlers::show_alerts},
    {Method::get,
     "/metrics",
     Role::viewer,
     "The box's counters, for Prometheus",
     {},
     "",
     handlers::show_metrics,
     kMetricsContent},
    {Method::get, "/v1/why", Role::viewer, "Where one flow goes, and why", kFlow, "Why",
     handlers::show_why},

    {Method::get,
     "/v1/overrides",
     Role::viewer,
     "What is set at run time, for a while",
     {},
     "Overrides",
     handlers::show_overrides},
    {Method::post, "/v1/overrides", Role::changer,
     "Drain a backend, take it out or weigh it otherwise, for a while", kOverride, "Override",
     handlers::set_override},
    {Method::remove, "/v1/overrides/{id}", Role::changer, "End an override before its time",
     kOverrideId, "Override", handlers::remove_override},
};

}  // namespace

std::span<const Route> routes() { return kRoutes; }

}  // namespace evenkeel
