// What the routes do: each takes a request that fits its row in routes.cc, asks whoever knows, and
// says it in JSON as answers.cc has it. Nothing is decided here.
#pragma once

#include "firmware/manage/route.h"

namespace evenkeel::handlers {

// handlers_look.cc: what is to be seen.
Outcome show_status(Managed& managed, const Call& call);
Outcome show_settings(Managed& managed, const Call& call);
Outcome show_schema(Managed& managed, const Call& call);
Outcome show_openapi(Managed& managed, const Call& call);
Outcome show_history(Managed& managed, const Call& call);
Outcome show_journal(Managed& managed, const Call& call);
Outcome show_overrides(Managed& managed, const Call& call);
Outcome show_services(Managed& managed, const Call& call);
Outcome show_backends(Managed& managed, const Call& call);
Outcome show_health(Managed& managed, const Call& call);
Outcome show_table(Managed& managed, const Call& call);
Outcome show_workers(Managed& managed, const Call& call);
Outcome show_ports(Managed& managed, const Call& call);
Outcome show_neighbours(Managed& managed, const Call& call);
Outcome show_drops(Managed& managed, const Call& call);
Outcome show_queries(Managed& managed, const Call& call);
Outcome show_why(Managed& managed, const Call& call);

// handlers_watch.cc: what is to be watched.
Outcome show_metrics(Managed& managed, const Call& call);
Outcome show_alerts(Managed& managed, const Call& call);

// handlers_change.cc: a change on its way, and overrides.
Outcome show_change(Managed& managed, const Call& call);
Outcome open_change(Managed& managed, const Call& call);
Outcome edit_change(Managed& managed, const Call& call);
Outcome discard_change(Managed& managed, const Call& call);
Outcome check_change(Managed& managed, const Call& call);
Outcome plan_change(Managed& managed, const Call& call);
Outcome diff_change(Managed& managed, const Call& call);
Outcome commit_change(Managed& managed, const Call& call);
Outcome approve_change(Managed& managed, const Call& call);
Outcome confirm_change(Managed& managed, const Call& call);
Outcome roll_back_change(Managed& managed, const Call& call);
Outcome restore_generation(Managed& managed, const Call& call);
Outcome unlatch_generation(Managed& managed, const Call& call);
Outcome set_override(Managed& managed, const Call& call);
Outcome remove_override(Managed& managed, const Call& call);

}  // namespace evenkeel::handlers
