#include "firmware/manage/answers.h"

namespace evenkeel {
namespace {

constexpr bool kOptional = true;

constexpr Property kMistake[] = {
    {"file", "string", "where the text came from"},
    {"line", "integer", "0: of no line"},
    {"path", "string", "of the key; empty: it is not about one"},
    {"what", "string", "what is wrong, and what is allowed"},
};
constexpr Property kHit[] = {
    {"rule", "string", "its name, to waive it by"},
    {"severity", "string", "warn or refuse"},
    {"where", "string", "path in the settings"},
    {"what", "string", "what is wrong, and what to do"},
    {"reason", "string", "why there is this rule"},
    {"outage", "string", "that it comes from; may be empty"},
};
constexpr Property kRefusal[] = {
    {"code", "string", "for programs: it stays"},
    {"message", "string", "what is wrong, one sentence"},
    {"advice", "string", "what to do"},
    {"mistakes", "[Mistake]", "in the text", kOptional},
    {"hits", "[Hit]", "rules that refuse it", kOptional},
    {"diff", "string", "what happened meanwhile", kOptional},
};
constexpr Property kError[] = {
    {"error", "Refusal", "why what was asked for is not done"},
};

constexpr Property kWaiver[] = {
    {"rule", "string", "its name"},
    {"reason", "string", "why it was right this time"},
};
constexpr Property kChange[] = {
    {"id", "integer", "the generation that it is to be"},
    {"owner", "string", "who works on it"},
    {"state", "string",
     "candidate, checked, planned, awaiting-approval, on-probation, going-back, confirmed, "
     "rolled-back or discarded"},
    {"base", "integer", "the generation that it was made from"},
    {"generation", "integer?", "as which it is stored; null: it is not"},
    {"opened", "string", "UTC"},
    {"window_s", "integer?", "for how long it is on probation; null: not committed"},
    {"deadline_s", "integer?", "what is left to confirm it; null: it is not on probation"},
    {"why", "string", "by its owner"},
    {"waivers", "[Waiver]", "rules set aside for it"},
    {"needs_approval", "boolean", "somebody else must release it"},
    {"approver", "string", "who did; empty: nobody"},
    {"outcome", "string", "why it ended so; empty: it has not"},
};
constexpr Property kStatus[] = {
    {"name", "string", "of the box"},
    {"version", "string", "of keeld"},
    {"uptime_s", "integer", "since keeld was started"},
    {"eal_prefix", "string", "by which DPDK's tools find keeld"},
    {"confirmed", "integer", "generation that a start boots; 0: not in the archive"},
    {"in_force", "integer", "generation that forwards now"},
    {"change", "Change?", "on its way; null: there is none"},
    {"overrides", "integer", "backends that are set aside at run time"},
    {"rollout", "Rollout?", "of the change, as long as not all flows follow it"},
    {"troubles", "[string]", "what is wrong, a sentence each"},
    {"you", "You", "who asks"},
};
constexpr Property kRollout[] = {
    {"share", "integer", "percent of the flows of each service that follow the change"},
    {"services", "[Trial]", "that it changes"},
};
constexpr Property kTrial[] = {
    {"service", "string", "its name"},
    {"verdict", "string", "inconclusive, fine or worse"},
    {"evidence", "string", "for that, one sentence"},
    {"old_arm", "Outcomes", "of flows that do not follow the change"},
    {"new_arm", "Outcomes", "of flows that do"},
};
constexpr Property kOutcomes[] = {
    {"good", "integer", "flows that came about at once and were answered"},
    {"bad", "integer", "flows that were not"},
};
constexpr Property kBox[] = {
    {"name", "string", "of the box"},
    {"uptime_s", "integer", "since keeld was started"},
    {"eal_prefix", "string", "by which DPDK's tools find keeld"},
    {"rollout", "Rollout?", "of the change, as long as not all flows follow it"},
    {"troubles", "[string]", "what is wrong, a sentence each"},
};
constexpr Property kYou[] = {
    {"user", "string", "name"},
    {"role", "string", "viewer, operator or approver"},
};
constexpr Property kSettingsText[] = {
    {"generation", "integer?", "null: a candidate that is not stored"},
    {"base", "integer", "generation to name when a text is made from this one"},
    {"text", "string", "of the settings"},
};
constexpr Property kCheck[] = {
    {"ok", "boolean", "a plan can be made of it; rules may refuse it nevertheless"},
    {"mistakes", "[Mistake]", "in the text"},
    {"needs_restart", "[string]", "keys that a running keeld cannot change"},
    {"no_plan", "string", "why no plan can be made; empty: it can"},
    {"hits", "[Hit]", "rules that it breaks"},
};
constexpr Property kDifference[] = {
    {"path", "string", "of the key"},
    {"before", "string", "empty: it was not there"},
    {"after", "string", "empty: it is gone"},
};
constexpr Property kDiff[] = {
    {"text", "string", "as `diff -u` shows it"},
    {"differences", "[Difference]", "by key; empty if the text has mistakes"},
};
constexpr Property kImpact[] = {
    {"summary", "any", "services added, changed, removed and unchanged"},
    {"services", "[any]", "each that is touched: shares, flows that move, checks, headroom"},
    {"differences", "[Difference]", "by key"},
    {"hits", "[Hit]", "rules that it breaks"},
    {"refusals", "[string]", "rules to be waived by name"},
    {"checklist", "[string]", "for who reviews it"},
};
constexpr Property kGeneration[] = {
    {"generation", "integer", "its number"},
    {"who", "string", "made it"},
    {"why", "string", "by who made it"},
    {"when", "string", "UTC"},
    {"waivers", "[Waiver]", "rules set aside for it"},
    {"base", "integer", "the generation that it was made from; 0: none"},
    {"outcome", "string", "what came of it; empty: nothing yet"},
    {"confirmed", "boolean", "a start boots it"},
};
constexpr Property kHistory[] = {
    {"history", "[Generation]", "the newest first"},
};
constexpr Property kEvent[] = {
    {"id", "integer", "rises; 0: in memory only, for the disk fails"},
    {"when", "string", "UTC"},
    {"kind", "string",
     "change, rollout, rule, override, command, backend, port, alert, archive or journal"},
    {"who", "string", "keeld, or an operator"},
    {"what", "string", "one line"},
    {"generation", "integer?", "that it is about"},
    {"subject", "string", "that it is about: a change, a backend, a port, a rule"},
};
constexpr Property kEvents[] = {
    {"events", "[Event]", "the newest first"},
    {"alarm", "string", "what is wrong with the journal; empty: nothing"},
};
constexpr Property kOverride[] = {
    {"id", "integer", "to end it by"},
    {"backend", "string", "SERVICE/BACKEND, or BACKEND of all services"},
    {"kind", "string", "drain, maintenance or weight"},
    {"weight", "integer?", "of kind weight"},
    {"left_s", "integer", "until it ends; 0: it is past that, and a service needs it still"},
    {"made", "string", "UTC"},
    {"ends", "string", "UTC"},
    {"who", "string", "set it"},
    {"reason", "string", "by who set it"},
};
constexpr Property kOverrides[] = {
    {"overrides", "[Override]", "by id"},
};

constexpr Property kService[] = {
    {"name", "string", "of the service"},
    {"state", "string", "open or closed"},
    {"why", "string", "it is closed; empty: it is open"},
    {"protocol", "string", "tcp, udp or sctp"},
    {"vips", "[string]", "addresses and prefixes"},
    {"ports", "string", "80, 8000-8999 or all"},
    {"mode", "string", "how packets reach backends"},
    {"buckets", "integer", "of its table"},
    {"moved", "boolean", "flows of moved buckets are remembered just now"},
    {"backends", "integer", "in its settings"},
    {"usable", "integer", "of those, that take flows"},
    {"packets", "integer", "forwarded since keeld was started"},
    {"bytes", "integer", "the same"},
    {"new_flows", "integer", "the same"},
    {"packets_per_s", "number", "of the last seconds"},
    {"bytes_per_s", "number", "of the last seconds"},
    {"new_flows_per_s", "number", "of the last seconds"},
};
constexpr Property kServices[] = {{"services", "[Service]", "in the order of the settings"}};
constexpr Property kOverrideOf[] = {
    {"id", "integer", "to end it by"},
    {"kind", "string", "drain, maintenance or weight"},
    {"left_s", "integer", "until it ends; 0: it is past that, and a service needs it still"},
    {"reason", "string", "by who set it"},
    {"who", "string", "set it"},
};
constexpr Property kResponses[] = {
    {"asked", "integer", "sampled flows that have sent a request"},
    {"answered", "integer", "of those asked: it has said something"},
    {"unanswered", "integer", "of those asked: it said nothing in time, or the client left"},
};
constexpr Property kBackend[] = {
    {"service", "string", "that it is of"},
    {"name", "string", "within its service"},
    {"state", "string", "usable, down, drain or maintenance"},
    {"why", "string", "it takes no flows, or has less than its weight; empty: neither"},
    {"address", "string", "of the server"},
    {"port", "integer?", "of mode nat; null: the one that the client asked for"},
    {"weight", "integer", "in force, overrides taken in"},
    {"configured_weight", "integer", "in the settings"},
    {"share", "number", "of its service's new flows, 0 to 1, by the table that forwards"},
    {"override", "OverrideOf?", "that holds for it; null: the settings do"},
    {"packets", "integer", "sent to it since keeld was started"},
    {"bytes", "integer", "the same"},
    {"new_flows", "integer", "the same"},
    {"packets_per_s", "number", "of the last seconds"},
    {"bytes_per_s", "number", "of the last seconds"},
    {"new_flows_per_s", "number", "of the last seconds"},
    {"opened", "integer", "sampled handshakes"},
    {"completed", "integer", "of those: it answered"},
    {"retried", "integer", "SYNs that had to be sent again"},
    {"lost", "integer", "of those opened: it did not answer in time"},
    {"reset", "integer", "of those opened: given up by the client"},
    {"retried_flows", "integer", "of those opened: its SYN had to be sent again"},
    {"good", "integer", "of those opened: completed at once, and answered if it asked anything"},
    {"bad", "integer", "of those opened: retried, lost or unanswered"},
    {"responses", "Responses", "to the first request of each flow"},
    {"server_resets", "integer", "of mode nat, by all its flows: RST packets"},
    {"zero_windows", "integer",
     "of mode nat, by all its flows: packets that say it can take no more"},
};
constexpr Property kBackends[] = {{"backends", "[Backend]", "in the order of the settings"}};
constexpr Property kHealth[] = {
    {"service", "string", "that it is of"},
    {"name", "string", "within its service"},
    {"state", "string", "up, down, unknown, draining, maintenance, or unchecked: it has no check"},
    {"for_s", "integer?", "seconds since its check decided so; null: it has not"},
    {"why", "string", "it takes no flows, or has less than its weight; empty: neither"},
    {"answer", "string", "the last one to its check; empty: none yet"},
    {"answered_s", "integer?", "seconds since then; null: none yet"},
    {"took_ms", "number?", "that it took; null: none yet"},
    {"marks", "string", "of the last answers, the latest last: + was good, - was not"},
    {"answers", "[string]", "the same in words: how long ago, good or bad, and what it was"},
    {"note", "string", "what else is to be known of its check; empty: nothing"},
    {"part", "number", "of its weight that it has, by its recovery and its agent"},
    {"load", "integer?", "percent of what it can take, by its agent; null: it says nothing"},
};
constexpr Property kHealthList[] = {{"health", "[Health]", "in the order of the settings"}};
constexpr Property kTable[] = {
    {"columns", "[string]", "as they were asked for"},
    {"rows", "[[value]]", "in the order of the settings; of each its columns' values"},
};
constexpr Property kWorker[] = {
    {"worker", "integer", "its number"},
    {"core", "integer", "that it runs on"},
    {"running", "string", "yes or no"},
    {"busy", "number", "part of its time that packets took, 0 to 1, of the last seconds"},
    {"received", "integer", "packets"},
    {"received_bytes", "integer", "of those"},
    {"forwarded", "integer", "packets"},
    {"forwarded_bytes", "integer", "of those"},
    {"dropped", "integer", "packets"},
    {"held", "integer", "fragments that wait for their first one"},
    {"answers", "integer", "packets answered by the box itself"},
    {"untold", "integer", "packets too big, whose senders were not told: too many"},
    {"no_buffer", "integer", "packets lost for want of memory"},
    {"evicted_flows", "integer", "forgotten for others"},
    {"refused_flows", "integer", "that flow memory had no place for"},
    {"naps", "integer", "times that it slept, for nothing came"},
};
constexpr Property kWorkers[] = {{"workers", "[Worker]", "by number"}};
constexpr Property kPort[] = {
    {"name", "string", "of its TAP interface too"},
    {"device", "string", "as DPDK knows it"},
    {"mac", "string", "its own address"},
    {"link", "string", "up or down"},
    {"received", "integer", "packets"},
    {"transmitted", "integer", "packets"},
    {"transmit_full", "integer", "packets that its queue did not take"},
    {"to_kernel", "integer", "packets for the box itself"},
    {"from_kernel", "integer", "packets of the box itself"},
    {"missed", "integer", "packets that came faster than they were taken"},
    {"no_buffer", "integer", "packets lost for want of memory"},
    {"receive_errors", "integer", "bad frames"},
    {"transmit_errors", "integer", "frames that it could not send"},
};
constexpr Property kPorts[] = {{"ports", "[Port]", "in the order of the settings"}};
constexpr Property kNeighbour[] = {
    {"address", "string", "of the next hop"},
    {"port", "string", "by which it is reached; empty: by none"},
    {"mac", "string", "its own address; empty: not known"},
    {"state", "string", "reachable, stale or down"},
    {"used_by", "[string]", "backends reached by it, the first few"},
};
constexpr Property kNeighbours[] = {{"neighbours", "[Neighbour]", "by address"}};
constexpr Property kDrop[] = {
    {"reason", "string", "for programs: it stays"},
    {"packets", "integer", "since keeld was started"},
    {"per_s", "number", "of the last seconds"},
    {"meaning", "string", "one line", kOptional},
};
constexpr Property kDrops[] = {{"drops", "[Drop]", "every reason, the most packets first"}};

constexpr Property kQuery[] = {
    {"service", "string", "that it is of"},
    {"name", "string", "within its service"},
    {"query", "string", "PromQL"},
    {"state", "string", "inside or outside its bounds, or unknown"},
    {"value", "number?", "that is outside, or nearest to it; null: none, or infinite"},
    {"at_most", "number?", "upper bound; null: none"},
    {"at_least", "number?", "lower bound; null: none"},
    {"judges", "boolean", "the change that is live: it was inside when that began"},
    {"what", "string", "the same in words, with why it is unknown"},
};
constexpr Property kQueries[] = {{"queries", "[Query]", "of confirmed settings, in their order"}};

constexpr Property kAlert[] = {
    {"id", "string", "its name and labels: two of one id are one alert"},
    {"name", "string", "for programs: it stays"},
    {"state", "string", "firing or over"},
    {"severity", "string", "critical or warning"},
    {"labels", "any", "what it is about: service, backend, port ..."},
    {"what", "string", "how it is, or was last"},
    {"since", "string", "UTC"},
    {"over", "string?", "since when, UTC; null: it fires"},
    {"summary", "string", "of all of this name"},
    {"advice", "string", "what to do"},
};
constexpr Property kAlerts[] = {
    {"alerts", "[Alert]", "those that fire by id, then those that are over, the latest first"}};

constexpr Property kNextHop[] = {
    {"address", "string", "of the neighbour"},
    {"port", "string", "by which it is reached"},
    {"mac", "string", "its own address; empty: not known"},
    {"state", "string", "reachable, stale or down"},
};
constexpr Property kEmitted[] = {
    {"name", "string", "of the header: ethernet, ipv4, udp, gre ..."},
    {"text", "string", "its fields: 203.0.113.254 > 10.0.0.2, ttl 64"},
};
constexpr Property kWhy[] = {
    {"protocol", "string", "of the flow"},
    {"source", "string", "address and port"},
    {"vip", "string", "address and port"},
    {"generation", "integer", "whose settings decided"},
    {"verdict", "string", "forwarded, answered (by the box itself), dropped or kernel"},
    {"because", "string", "in one sentence"},
    {"reason", "string?", "of the drop, as in Drop"},
    {"service", "string?",
     "that it is for; null: none. What follows is null as far as it is not "
     "come to"},
    {"hash", "string?", "of the flow"},
    {"bucket", "integer?", "of the service's table"},
    {"arm", "integer?", "of a rollout"},
    {"moved", "boolean?", "the bucket has moved lately"},
    {"memory", "string?", "remembered, not-remembered or not-asked"},
    {"current", "string?", "the bucket's backend"},
    {"previous", "string?", "the bucket's backend before it moved"},
    {"backend", "string?", "that it goes to"},
    {"address", "string?", "of the backend"},
    {"mode", "string?", "how packets reach it"},
    {"next_hop", "NextHop?", "by which it is reached"},
    {"headers", "[Emitted]", "of what is sent, the outermost first; empty: nothing is"},
};

constexpr Component kComponents[] = {
    {"Mistake", kMistake},
    {"Hit", kHit},
    {"Refusal", kRefusal},
    {"Error", kError},
    {"Waiver", kWaiver},
    {"Change", kChange},
    {"You", kYou},
    {"Outcomes", kOutcomes},
    {"Trial", kTrial},
    {"Rollout", kRollout},
    {"Box", kBox},
    {"Status", kStatus},
    {"SettingsText", kSettingsText},
    {"Schema", {}},
    {"OpenApi", {}},
    {"Check", kCheck},
    {"Difference", kDifference},
    {"Diff", kDiff},
    {"Impact", kImpact},
    {"Generation", kGeneration},
    {"History", kHistory},
    {"Event", kEvent},
    {"Events", kEvents},
    {"Override", kOverride},
    {"Overrides", kOverrides},
    {"Service", kService},
    {"Services", kServices},
    {"OverrideOf", kOverrideOf},
    {"Responses", kResponses},
    {"Backend", kBackend},
    {"Backends", kBackends},
    {"Health", kHealth},
    {"HealthList", kHealthList},
    {"Table", kTable},
    {"Worker", kWorker},
    {"Workers", kWorkers},
    {"Port", kPort},
    {"Ports", kPorts},
    {"Neighbour", kNeighbour},
    {"Neighbours", kNeighbours},
    {"Drop", kDrop},
    {"Drops", kDrops},
    {"Query", kQuery},
    {"Queries", kQueries},
    {"Alert", kAlert},
    {"Alerts", kAlerts},
    {"NextHop", kNextHop},
    {"Emitted", kEmitted},
    {"Why", kWhy},
};

}  // namespace

std::span<const Component> components() { return kComponents; }

}  // namespace evenkeel
